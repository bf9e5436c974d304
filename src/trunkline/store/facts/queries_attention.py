"""I/O. The calls that should be looked at first, each with the reasons."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from msgspec.structs import replace

from trunkline.store.facts.attention import ANY, REASONS, given
from trunkline.store.facts.measure import Question, measure
from trunkline.store.facts.queries_calls import CallFilters, first_calls
from trunkline.store.facts.queries_measure import measured
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.sorting import Sorting
from trunkline.store.facts.store import FactsStore


class Called(msgspec.Struct, frozen=True):
    """A call, and why it should be looked at: ids of `REASONS`, the gravest first."""

    call: CallRow
    reasons: tuple[str, ...]


class Attention(msgspec.Struct, frozen=True):
    """What should be looked at among the calls that fit a filter."""

    calls: tuple[Called, ...]
    """The gravest; of equal ones the latest."""
    of_reason: tuple[tuple[str, int], ...]
    """Each reason that occurs, the gravest first, and how many calls give it."""


_ASKED: Final = Question(measures=tuple(measure(f"attention.{one.id}", "sum") for one in REASONS))


async def attention(
    facts: FactsStore, org_id: str, filters: CallFilters, limit: int = 10
) -> Attention:
    """Return at most `limit` of the calls that fit and need it, and how many give which reason."""
    needing = replace(filters, attention=filters.attention or ANY)
    worst, counted = await asyncio.gather(
        first_calls(facts, org_id, needing, Sorting("attention"), limit),
        measured(facts, org_id, replace(_ASKED, filters=filters)),
    )
    numbers = zip(REASONS, counted.rows[0].numbers, strict=True)
    return Attention(
        calls=tuple(Called(call, given(int(mask or 0))) for call, mask in worst),
        of_reason=tuple((one.id, int(number["sum"])) for one, number in numbers if number["sum"]),
    )
