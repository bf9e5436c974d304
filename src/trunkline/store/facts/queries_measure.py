"""I/O. Any metrics over many calls: asks the store what `measure` has written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trunkline.store.facts.measure import (
    NAMES,
    Question,
    Row,
    Statement,
    Together,
    check,
    groups_statement,
    names_statement,
    nothing,
    one_statement,
    read_row,
    samples,
    statements,
    together,
)
from trunkline.store.facts.query import Query
from trunkline.store.facts.store import FactsStore


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    rows: list[Row]
    """In the order of the question; with buckets, by time, all together first."""
    more: bool
    """There are groups behind these."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of the table of one metric."""

    calls: NDArray[np.uint64]
    """What tells calls apart, and no more. Metrics of a table share it."""
    of: NDArray[np.intp]
    """Of which of `calls` each value is."""
    values: NDArray[np.float64]
    """In the units of the table: times are microseconds. Not a number: the row has none."""
    over: NDArray[np.float64] | None
    """What a ratio is of."""
    whole: bool
    """These are all that there are."""


async def sampled(
    facts: FactsStore, org_id: str, question: Question, most: int
) -> tuple[Sample, ...]:
    """Return for each measure of `question` its rows, of at most `most` rows of its table.

    Raises:
        BadQuestion, BadCondition: it cannot be asked.
    """
    check(question)
    found: dict[int, Sample] = {}
    for statement in samples(question, most):
        query = Query(statement.sql, dict[str, Any])
        (answer,) = await facts.ask(query, org_id, **statement.parameters)
        cohorts: dict[str, NDArray[np.uint64]] = {}
        for number in statement.measures:
            table = question.measures[number].metric.table
            if table not in cohorts:
                calls = np.asarray(answer["all_of_call"], dtype=np.uint64)
                cohorts[table] = calls[: answer.get(f"kept_{table}", len(calls))]
            found[number] = _sample(answer, number, cohorts[table], most)
    return tuple(found[number] for number in range(len(question.measures)))


def _sample(answer: Mapping[str, Any], number: int, calls: NDArray[np.uint64], most: int) -> Sample:
    drawn, each = len(answer["all_of_call"]), answer.get(f"all_e{number}")
    over = None
    if each is None:
        values = np.asarray(answer[f"all_v{number}"][: len(calls)], dtype=np.float64)
        of = np.arange(len(calls))
        if f"all_o{number}" in answer:
            over = np.asarray(answer[f"all_o{number}"][: len(calls)], dtype=np.float64)
    else:
        values = np.asarray([one for some in each for one in some], dtype=np.float64)
        of = np.repeat(np.arange(drawn), [len(some) for some in each])
    return Sample(
        calls=calls, of=of, values=values, over=over, whole=drawn < most and len(calls) == drawn
    )


async def measured(facts: FactsStore, org_id: str, question: Question) -> Answer:
    """Return the answer to `question` over the organisation's calls.

    Raises:
        BadQuestion, BadCondition: it cannot be asked.
    """
    check(question)
    if not question.group_by:
        return Answer(rows=await _rows(facts, org_id, question, []), more=False)
    if one_statement(question):
        if question.group_by == (NAMES,):
            question = msgspec.structs.replace(
                question, together=await _together(facts, org_id, question)
            )
        rows = await _rows(facts, org_id, question, [])
        return Answer(rows=rows[: question.limit], more=len(rows) > question.limit)
    first = groups_statement(question)
    found = [read_row(question, _bare(first), line)[0] for line in await _ask(facts, org_id, first)]
    groups = found[: question.limit]
    rows = await _rows(facts, org_id, question, groups) if groups else []
    return Answer(rows=rows, more=len(found) > question.limit)


async def _together(facts: FactsStore, org_id: str, question: Question) -> Together | None:
    """Return the names of properties that one number is enough for. What is copied for each name
    is most of the work."""
    lines = await _ask(facts, org_id, names_statement(question))
    return together([line["names"] for line in lines])


def _bare(statement: Statement) -> Statement:
    return msgspec.structs.replace(statement, measures=())


async def _rows(
    facts: FactsStore, org_id: str, question: Question, groups: list[tuple[str, ...]]
) -> list[Row]:
    """Return the rows of all tables, put together by group and bucket."""
    found: dict[tuple[tuple[str, ...], int | None], dict[int, dict[str, Any]]] = {}
    if not question.bucket:
        found = {(group, None): {} for group in groups}
    for statement in statements(question, groups):
        for line in await _ask(facts, org_id, statement):
            group, at_us, numbers = read_row(question, statement, line)
            found.setdefault((group, at_us), {}).update(numbers)
    keys = sorted(found, key=lambda key: key[1] or 0) if question.bucket else list(found)
    return [
        Row(
            group=group,
            at_us=at_us,
            numbers=tuple(
                found[group, at_us].get(number) or nothing(asked)
                for number, asked in enumerate(question.measures)
            ),
        )
        for group, at_us in keys
    ]


async def _ask(facts: FactsStore, org_id: str, statement: Statement) -> list[dict[str, Any]]:
    return await facts.ask(Query(statement.sql, dict[str, Any]), org_id, **statement.parameters)
