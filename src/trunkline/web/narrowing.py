"""Pure. What else calls are narrowed by, as it is written in an address: numbers and choices.

Pages and API read the same words, so an address of the one is one of the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from trunkline.store.facts.conditions import BadCondition, Is
from trunkline.web.scores import OPERATORS, read_score


class Bounded(msgspec.Struct, frozen=True):
    """A number of calls that can be compared with."""

    field: str
    """Of conditions."""
    unit: str
    per_unit: int
    """How many of the field's unit one is."""
    low: str
    high: str
    """Examples."""


BOUNDED: Final = {
    "duration_s": Bounded("call.duration", "seconds", 1000, ">60", "<300"),
    "wait_max_s": Bounded("call.wait_max", "seconds", 1000, ">3.5", "<10"),
    "cost_usd": Bounded("call.cost", "US dollars", 1, ">=0.05", "<1"),
}
EXACT: Final = ("end_reason", "language")
NARROWING: Final = ("score", *BOUNDED, *EXACT, "has_audio")
"""All names that `narrowed` knows."""

_PART: Final = re.compile(
    r"\s*(?P<sign><=|>=|!=|<|>|=)\s*(?P<number>\d{1,9}(\.\d{0,9})?|\.\d{1,9})(?=\s|[<>=!]|$)",
    re.ASCII,
)
_MOST_PARTS: Final = 4


def narrowed(asked: Mapping[str, str]) -> tuple[Is, ...]:
    """Return the conditions for what is asked, by `NARROWING`. Empty: any.

    Raises:
        BadCondition: one of them means nothing.
    """
    score = read_score(asked["score"])
    found = [] if score is None else [score]
    for name in BOUNDED:
        found += read_bounds(name, asked[name])
    found += [Is(name, "equals", asked[name]) for name in EXACT if asked[name]]
    if asked["has_audio"]:
        found.append(Is("has_audio", "equals", asked["has_audio"] == "true"))
    return tuple(found)


def read_bounds(name: str, text: str) -> list[Is]:
    """Return the conditions on one of `BOUNDED` that are written: `>60`, or `>60 <300`.

    Raises:
        BadCondition: it is not written like that.
    """
    bounded, text = BOUNDED[name], text.strip()
    found: list[Is] = []
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or len(found) == _MOST_PARTS:
            raise BadCondition(
                f"{name}: write {bounded.low} or {bounded.low} {bounded.high}: {bounded.unit}"
                " behind <, <=, >, >=, = or !="
            )
        number = float(part["number"]) * bounded.per_unit
        found.append(Is(bounded.field, OPERATORS[part["sign"]], number))
        at = part.end()
    return found
