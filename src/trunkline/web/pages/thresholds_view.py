"""Pure. Thresholds as a form holds them: times in seconds, empty where they are Trunkline's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.thresholds import DEFAULT, NAMES, Thresholds, differing, in_words, seconds
from trunkline.web.pages.form import Field, filled

_LABELS: Final = {
    "fair_wait_us": ("A fair wait, seconds", "Up to here a wait is green."),
    "long_wait_us": ("A long wait, seconds", "Above it a wait is red, and a call slow."),
    "dead_air_us": ("Dead air, seconds", "Above it a call’s page warns."),
    "long_dead_air_us": ("Long dead air, seconds", "Above it a call needs attention."),
    "tool_dead_air_us": ("Dead air of tools, seconds", "Nobody was heard while they ran."),
    "slow_stop_us": ("A slow stop, seconds", "The assistant talked on over the caller."),
    "much_unheard_percent": ("Much unheard, percent", "Of the assistant’s sound."),
    "many_barge_ins": ("Many barge-ins", "In more than half of the turns."),
}
_SECONDS: Final = re.compile(r"(\d{1,7})(?:[.,](\d{1,3}))?", re.ASCII)
_WHOLE: Final = re.compile(r"\d{1,7}", re.ASCII)


def _form_name(name: str) -> str:
    return name.removesuffix("_us")


FORM_NAMES: Final = tuple(_form_name(name) for name in NAMES)


def _shown(own: Thresholds, name: str) -> str:
    value: int = getattr(own, name)
    return seconds(value) if name.endswith("_us") else str(value)


def fields(
    own: Thresholds,
    typed: Mapping[str, str] | None = None,
    problem: BadAccountDetail | None = None,
) -> tuple[Field, ...]:
    """Return the form with an organisation's own, or with what was typed and what is wrong."""
    changed, defaults = differing(own), in_words(DEFAULT)
    blank = [
        Field(
            _form_name(name),
            label,
            f"{hint} Trunkline’s: {defaults[name]}." if name in changed else hint,
            placeholder=_shown(DEFAULT, name),
            mode="decimal" if name.endswith("_us") else "numeric",
            max_chars=11,
        )
        for name, (label, hint) in _LABELS.items()
    ]
    values = {_form_name(name): _shown(own, name) for name in changed} if typed is None else typed
    if problem is not None:
        problem = BadAccountDetail(_form_name(problem.field), str(problem))
    return tuple(
        replace(field, changed=name in changed)
        for field, name in zip(filled(blank, values, problem), _LABELS, strict=True)
    )


def read(typed: Mapping[str, str]) -> Thresholds:
    """Return the thresholds that were typed; an empty field is Trunkline's.

    Raises:
        BadAccountDetail: a field holds no number. Whether it is one that can be, others know.
    """
    given = {name: typed.get(_form_name(name), "").strip() for name in NAMES}
    return Thresholds(**{name: _number(name, value) for name, value in given.items() if value})


def _number(name: str, typed: str) -> int:
    if name.endswith("_us"):
        if (match := _SECONDS.fullmatch(typed)) is None:
            raise BadAccountDetail(name, "Write seconds, like 2.5, to a thousandth.")
        return int(match[1]) * 1_000_000 + int((match[2] or "0").ljust(3, "0")) * 1_000
    if not _WHOLE.fullmatch(typed):
        raise BadAccountDetail(name, "Write a whole number, in digits.")
    return int(typed)
