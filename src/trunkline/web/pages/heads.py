"""Pure. The heads of a table that is sorted by clicking on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, get_args

from msgspec.structs import replace

from trunkline.store.facts import sorting as of_calls
from trunkline.store.facts import sorting_sessions as of_sessions
from trunkline.store.facts.sorting import Sorting
from trunkline.store.facts.sorting_sessions import SessionSorting
from trunkline.web.pages.glossary import define


class _Column(Protocol):
    """What a heading needs to know of a column."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def number(self) -> bool: ...
    @property
    def sort(self) -> str | None: ...


S = TypeVar("S", Sorting, SessionSorting)
_NAMES: Final[Mapping[type, Collection[str]]] = {
    Sorting: get_args(of_calls.Sort),
    SessionSorting: get_args(of_sessions.SessionSort),
}
_TEXTS: Final = {*of_calls.TEXTS, *of_sessions.TEXTS}


@dataclass(frozen=True, slots=True)
class Head:
    """A column's heading."""

    name: str
    words: str
    means: str
    href: str
    """Sorts by it, or the other way round; empty where nothing can be sorted by it."""
    sorted: str
    """`ascending`, `descending`, or empty."""
    number: bool


def read_sorting(query: Mapping[str, str], usual: S) -> S:
    """Return the order that a query string asks for. What makes no sense is left out."""
    by = query.get("sort", "")
    if by not in _NAMES[type(usual)]:
        return usual
    return _sorted(usual, by, descending=query.get("direction") != "asc")


def _sorted(usual: S, by: str, *, descending: bool) -> S:
    wanted: Any = by  # It is one of the type's own names.
    return replace(usual, by=wanted, descending=descending)


def in_address(sorting: S) -> dict[str, str]:
    """Return what an address must say to get this order; nothing for the usual one."""
    if sorting == type(sorting)():
        return {}
    return {"sort": sorting.by} | ({} if sorting.descending else {"direction": "asc"})


def heads(
    columns: Sequence[_Column], sorting: S, address: Callable[[Mapping[str, str]], str]
) -> tuple[Head, ...]:
    """Return the heads of a table; `address` leads to the same in another order."""

    def head(column: _Column) -> Head:
        means = define(column.metric) if column.metric else ""
        if column.sort is None:
            return Head(column.name, column.label, means, "", "", column.number)
        now = sorting.by == column.sort
        # Names begin with A, numbers with the largest; once more turns it round.
        down = not sorting.descending if now else column.sort not in _TEXTS
        turned = _sorted(sorting, column.sort, descending=down)
        way = ("descending" if sorting.descending else "ascending") if now else ""
        href = address(in_address(turned))
        return Head(column.name, column.label, means, href, way, column.number)

    return tuple(head(column) for column in columns)
