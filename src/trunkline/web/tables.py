"""I/O. What pages of numbers show, as files: the rows that the API answers to the same question."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TypeAlias

from fastapi.responses import StreamingResponse
from msgspec.structs import replace
from pydantic import BaseModel

from trunkline.store.facts.catalogue import METRIC_OF
from trunkline.store.facts.measure import MAX_LIMIT, Question
from trunkline.store.facts.metric import PERCENTILES
from trunkline.store.facts.queries_measure import measured
from trunkline.store.facts.store import FactsStore
from trunkline.web import reports
from trunkline.web.api.metrics import metrics_row
from trunkline.web.api.reports import row_model
from trunkline.web.export import Columns, Form, download
from trunkline.web.reports import Report

_Rows: TypeAlias = Callable[[Question], Awaitable[tuple[Sequence[BaseModel], bool]]]


def metrics_file(
    facts: FactsStore, org_id: str, question: Question, name: str, form: Form
) -> StreamingResponse:
    """Return the answer to `question` as a file: the groups that it asks for, or, without buckets
    of time, all of them."""
    columns: dict[str, tuple[str, ...]] = {by: ("group", by) for by in question.group_by}
    columns |= {"at": ("at",)} if question.bucket else {}
    for asked in question.measures:
        metric = asked.metric
        columns[f"{metric.id} n"] = ("values", metric.id, "n")
        for aggregate in asked.aggregates:
            columns[f"{metric.id} {aggregate}, {metric.unit}"] = ("values", metric.id, aggregate)

    async def rows(asked: Question) -> tuple[Sequence[BaseModel], bool]:
        answer = await measured(facts, org_id, asked)
        return [metrics_row(asked, row) for row in answer.rows], answer.more

    return download(_pages(question, rows), name, form, columns)


def report_file(
    facts: FactsStore, org_id: str, report: Report, question: Question, form: Form
) -> StreamingResponse:
    """Return all rows of a report as a file."""
    model = row_model(report)
    columns: Columns = {
        **{name: (name,) for name in model.model_fields if name != "n"},
        **{
            f"n of {column.name}": ("n", column.name)
            for column in report.columns
            if column.aggregate in PERCENTILES or METRIC_OF[column.metric].unit == "share"
        },
    }

    async def rows(asked: Question) -> tuple[Sequence[BaseModel], bool]:
        answer = await measured(facts, org_id, asked)
        return [model(**reports.told(report, asked, row)) for row in answer.rows], answer.more

    return download(_pages(question, rows), report.key, form, columns)


async def _pages(question: Question, rows: _Rows) -> AsyncGenerator[Sequence[BaseModel]]:
    """Yield all groups, many at a time: others are answered between two of them."""
    if question.bucket or not question.group_by:
        yield (await rows(question))[0]
        return
    asked, more = replace(question, limit=MAX_LIMIT, offset=0), True
    while more:
        found, more = await rows(asked)
        yield found
        asked = replace(asked, offset=asked.offset + MAX_LIMIT)
