"""Pure. What else calls are narrowed by, as it is written in an address: numbers and choices.

Pages and API read the same words, so an address of the one is one of the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final
from zoneinfo import available_timezones

import msgspec
from msgspec.structs import replace

from trunkline.store.facts.conditions import BadCondition, Is
from trunkline.store.facts.dimensions import DIMENSIONS
from trunkline.store.facts.queries_calls import CallFilters
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
    "unheard_usd": Bounded("call.unheard_cost", "US dollars", 1, ">0", "<1"),
}
_OF_SESSION: Final = {
    "call.duration": "session.talk",
    "call.wait_max": "session.wait_max",
    "call.cost": "session.priced_cost",
    "call.unheard_cost": "session.unheard_cost",
}
OWN: Final = ("provider", "user", "session", "key", "tag")
"""Filters that are exact and no conditions, unless it is for `NONE`."""
_OTHERWISE: Final = frozenset({*OWN, "model", "status", "kind", "tool", "error", "score"})
EXACT: Final = ("model_is", *(at.id for at in DIMENSIONS if at.id not in _OTHERWISE))
"""All other dimensions: the call has the value, or a part of it has. `model` finds what was only
asked for, too; `model_is` is the dimension."""
NARROWING: Final = ("score", *BOUNDED, *EXACT, "has_audio", *OWN)
"""All names that `narrowed` knows."""
NONE: Final = "(none)"
"""As the value of a filter: there is nothing. It is what tables call such a group."""
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "hour": tuple(f"{hour:02d}" for hour in range(24)),
    "weekday": tuple(str(day) for day in range(1, 8)),
    "after_tool": ("true", "false"),
}
"""Values of those that have few."""
_FIELDS: Final = {"property_name": "property_names", "model_is": "model"}
"""Of conditions, where they are called otherwise."""

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
    found += [_exact(name, asked[name]) for name in EXACT if asked[name]]
    found += [Is(name, "equals", "") for name in OWN if asked[name] == NONE]
    if asked["has_audio"]:
        found.append(Is("has_audio", "equals", asked["has_audio"] == "true"))
    return tuple(found)


def of_sessions(filters: CallFilters) -> CallFilters:
    """Return `filters` as sessions are asked: what is compared with a number is the session's own,
    summed over all its calls, and the longest of their waits."""
    also = tuple(replace(one, field=_OF_SESSION.get(one.field, one.field)) for one in filters.also)
    return replace(filters, also=also)


def own(value: str) -> str:
    """Return the value of one of `OWN` as `CallFilters` has it: `narrowed` tells of none."""
    return "" if value == NONE else value


def _exact(name: str, value: str) -> Is:
    if name in CHOICES and value not in CHOICES[name]:
        raise BadCondition(f"{name}: choose one of {', '.join(CHOICES[name])}")
    return Is(_FIELDS.get(name, name), "equals", own(value))


def read_zone(text: str) -> str:
    """Return the name of a time zone.

    Raises:
        BadCondition: there is no such zone.
    """
    if text not in _zones():
        raise BadCondition(f"zone: {text[:100]!r} is none; use a name like Europe/Berlin")
    return text


@cache
def _zones() -> frozenset[str]:
    return frozenset(zone for zone in available_timezones() if zone[0].isupper())


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
