"""Pure. From where on a call is called slow, silent, unheard: an organisation's own numbers.

SQL that judges names them, `{long_wait_us:Threshold}`, and holds none of them: what is asked for
an organisation is filled in with its own by whoever puts the question to the engine. So what is
counted, listed, filtered and exported is judged alike, and no question can be forgotten.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

MAX_US: Final = 3_600_000_000
MAX_BARGE_INS: Final = 1_000


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an organisation holds for too much. What is not said is Trunkline's."""

    fair_wait_us: int = 1_500_000
    """A wait up to here is good, up to `long_wait_us` tolerable."""
    long_wait_us: int = 3_500_000
    """Above it a wait is bad: product.md 1b, p95 of `turn.response_latency`."""
    dead_air_us: int = 3_000_000
    """Above it the call's page warns; most calls have such a pause."""
    long_dead_air_us: int = 10_000_000
    """Nobody waits so long without a reason."""
    tool_dead_air_us: int = 2_000_000
    """Nobody is heard so long while tools run."""
    slow_stop_us: int = 700_000
    """Above it the call's page warns that the assistant talked on over the caller."""
    much_unheard_percent: int = 20
    """Of what was generated."""
    many_barge_ins: int = 3
    """So many or more, in more than half of the turns."""

    @property
    def much_unheard_share(self) -> float:
        """Return `much_unheard_percent` as a part of 1."""
        return self.much_unheard_percent / 100


DEFAULT: Final = Thresholds()
NAMES: Final = Thresholds.__struct_fields__

_NAMED: Final = re.compile(r"\{(\w+):Threshold\}")
_BELOW: Final = (("fair_wait_us", "long_wait_us"), ("dead_air_us", "long_dead_air_us"))
_WHAT: Final = {
    "fair_wait_us": "A fair wait",
    "long_wait_us": "a long wait",
    "dead_air_us": "Dead air",
    "long_dead_air_us": "long dead air",
}


def filled(sql: str, own: Thresholds) -> str:
    """Return `sql` with numbers where it names thresholds."""
    return _NAMED.sub(lambda named: str(getattr(own, named[1])), sql)


def judges(sql: str) -> bool:
    """Return whether `sql` names any threshold."""
    return ":Threshold}" in sql


def in_words(own: Thresholds) -> dict[str, str]:
    """Return each threshold with its unit: `3.5 s`, `20%`, `3`."""
    return {name: _words(name, getattr(own, name)) for name in NAMES}


def seconds(us: int) -> str:
    """Return a time in seconds, without zeros that say nothing: `3.5`."""
    return f"{us / 1e6:.3f}".rstrip("0").rstrip(".")


def differing(own: Thresholds) -> tuple[str, ...]:
    """Return the names of those that are not Trunkline's."""
    return tuple(name for name in NAMES if getattr(own, name) != getattr(DEFAULT, name))


def told(own: Thresholds) -> str:
    """Return what differs, for the audit log: `long_wait_us = 2500000`."""
    return ", ".join(f"{name} = {getattr(own, name)}" for name in differing(own)) or "none"


def problem(own: Thresholds) -> tuple[str, str] | None:
    """Return which of them cannot be, and why; None when all can."""
    for name in NAMES:
        if wrong := _wrong(name, getattr(own, name)):
            return name, wrong
    for lower, upper in _BELOW:
        if getattr(own, lower) >= getattr(own, upper):
            limit = seconds(getattr(own, upper))
            return (
                lower,
                f"{_WHAT[lower]} must be less than {_WHAT[upper]} ({limit} s):"
                " lower the one, or raise the other.",
            )
    return None


def stored(own: Thresholds) -> str | None:
    """Return what a table keeps: JSON of what differs; None when nothing does."""
    return None if own == DEFAULT else msgspec.json.encode(own).decode()


def loaded(kept: str | None) -> Thresholds:
    """Return what a table holds."""
    return DEFAULT if kept is None else msgspec.json.decode(kept, type=Thresholds)


def _wrong(name: str, value: int) -> str:
    if name.endswith("_us"):
        # Whole milliseconds, as the API and the form have them.
        good = 1_000 <= value <= MAX_US and not value % 1_000
        return "" if good else f"A time may be 0.001 to {seconds(MAX_US)} s, to a thousandth."
    most = 100 if name.endswith("_percent") else MAX_BARGE_INS
    return "" if 1 <= value <= most else f"It may be a whole number, 1 to {most:,}."


def _words(name: str, value: int) -> str:
    if name.endswith("_us"):
        return f"{seconds(value)} s"
    return f"{value}%" if name.endswith("_percent") else str(value)
