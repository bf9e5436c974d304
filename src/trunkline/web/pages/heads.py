"""Pure. The heads of a table that is sorted by clicking on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from trunkline.store.facts.sorting import LATEST_FIRST, TEXTS, Sort, Sorting
from trunkline.web.pages.columns import Column
from trunkline.web.pages.glossary import define

_BY_NAME: Final[Mapping[str, Sort]] = {name: name for name in get_args(Sort)}


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


def read_sorting(query: Mapping[str, str]) -> Sorting:
    """Return the order that a query string asks for. What makes no sense is left out."""
    by = _BY_NAME.get(query.get("sort", ""))
    return LATEST_FIRST if by is None else Sorting(by, query.get("direction") != "asc")


def in_address(sorting: Sorting) -> dict[str, str]:
    """Return what an address must say to get this order; nothing for the usual one."""
    if sorting == LATEST_FIRST:
        return {}
    return {"sort": sorting.by} | ({} if sorting.descending else {"direction": "asc"})


def of_calls(
    columns: Sequence[Column], sorting: Sorting, address: Callable[[Mapping[str, str]], str]
) -> tuple[Head, ...]:
    """Return the heads of the table of calls; `address` leads to the same in another order."""

    def head(name: str, words: str, metric: str, sort: Sort | None, *, number: bool) -> Head:
        means = define(metric) if metric else ""
        if sort is None:
            return Head(name, words, means, "", "", number)
        now = sorting.by == sort
        # Names begin with A, numbers with the largest; once more turns it round.
        turned = Sorting(sort, not sorting.descending if now else sort not in TEXTS)
        way = ("descending" if sorting.descending else "ascending") if now else ""
        return Head(name, words, means, f"/calls?{address(in_address(turned))}", way, number)

    return (
        head("opened", "Opened", "", "opened_at", number=False),
        *(
            head(column.name, column.label, column.metric, column.sort, number=column.number)
            for column in columns
        ),
    )
