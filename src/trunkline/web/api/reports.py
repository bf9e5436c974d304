"""I/O. `/v1/users`, `/properties`, `/costs`, `/tools`, `/errors`: calls, grouped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from types import GenericAlias
from typing import Annotated, Any, Literal, Optional

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, create_model

from trunkline.store.facts.catalogue import PROPERTY
from trunkline.store.facts.queries_calls import CallFilters
from trunkline.store.facts.queries_measure import measured
from trunkline.web import reports
from trunkline.web.api.calls import FilterQuery, WhoReads, filters_of
from trunkline.web.api.metrics import last_week
from trunkline.web.api.models import Usd
from trunkline.web.auth import Deps
from trunkline.web.deps import Dependencies
from trunkline.web.reports import Column, Report

router = APIRouter(tags=["Metrics"])


class ReportQuery(FilterQuery):
    """Which calls, and how the groups are sorted. Without times: the last seven days."""

    sort: str = Field("", description="A field of the answer.")
    direction: Literal["asc", "desc"] = "desc"
    limit: int = Field(50, ge=1, le=200)
    offset: int = Field(0, ge=0, le=1_000_000)


class CostsQuery(ReportQuery):
    """And by what costs are grouped."""

    by: str = Field(
        "billed_model", description=f"{', '.join(reports.COSTS.choices)}, or property:<name>."
    )


class _Answer(BaseModel):
    more: bool = Field(description="There are groups behind these: go on with `offset`.")


@cache
def row_model(report: Report, name: str = "") -> type[BaseModel]:
    """Return the model of a row: what a report has, the API says."""
    return create_model(f"{name}Row", **{report.key: (str, ...)}, **_fields(report.columns))


def _fields(columns: Sequence[Column]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for column in columns:
        kind: Any = reports.kind_of(column)
        kind = Usd if kind is Decimal else kind
        fields[column.name] = (Optional[kind], Field(description=column.means))  # noqa: UP045 (no type, but one made here)
    fields["n"] = (dict[str, int], Field(description="Rows that each number is made of."))
    return fields


def _model(name: str, report: Report, **more: Any) -> type[BaseModel]:
    """Return the model of an answer."""
    rows: Any = GenericAlias(list, (row_model(report, name),))
    return create_model(name, __base__=_Answer, data=(rows, ...), **more)


Users = _model("Users", reports.USERS)
Properties = _model("Properties", reports.PROPERTIES)
PropertyValues = _model("PropertyValues", reports.VALUES)
CostsTotal = create_model("CostsTotal", **_fields(reports.COST_SUMS))
Costs = _model(
    "Costs",
    reports.COSTS,
    total=(CostsTotal, Field(description="Of all calls that fit, whatever page of groups.")),
)
Tools = _model("Tools", reports.TOOLS)
ToolArguments = _model("ToolArguments", reports.ARGUMENTS)
Errors = _model("Errors", reports.ERRORS)

Asked = Annotated[ReportQuery, Query()]


@router.get("/v1/users", response_model=Users)
async def list_users(reader: WhoReads, deps: Deps, query: Asked) -> dict[str, Any]:
    """Users, by `Helicone-User-Id`."""
    return await _answer(reports.USERS, deps, reader.org_id, query)


@router.get("/v1/properties", response_model=Properties)
async def list_properties(reader: WhoReads, deps: Deps, query: Asked) -> dict[str, Any]:
    """Names of properties. A call counts for each of its own."""
    return await _answer(reports.PROPERTIES, deps, reader.org_id, query)


@router.get("/v1/properties/{name:path}", response_model=PropertyValues)
async def list_values(reader: WhoReads, deps: Deps, name: str, query: Asked) -> dict[str, Any]:
    """Values of one property."""
    return await _answer(reports.VALUES, deps, reader.org_id, query, by=PROPERTY + name)


@router.get("/v1/costs", response_model=Costs)
async def list_costs(
    reader: WhoReads, deps: Deps, query: Annotated[CostsQuery, Query()]
) -> dict[str, Any]:
    """What was billed, and for which tokens. Cached ones are a part of the input."""
    answer, total = await asyncio.gather(
        _answer(reports.COSTS, deps, reader.org_id, query, by=query.by),
        cost_sums(deps, reader.org_id, last_week(filters_of(query), deps.now_us())),
    )
    return {**answer, "total": total}


async def cost_sums(deps: Dependencies, org_id: str, filters: CallFilters) -> dict[str, Any]:
    """Return what the calls that fit cost together."""
    asked = reports.sums_question(reports.COST_SUMS, filters)
    (row,) = (await measured(deps.facts, org_id, asked)).rows
    return reports.sums(reports.COST_SUMS, asked, row)


@router.get("/v1/tools", response_model=Tools)
async def list_tools(reader: WhoReads, deps: Deps, query: Asked) -> dict[str, Any]:
    """Tools that models called."""
    return await _answer(reports.TOOLS, deps, reader.org_id, query)


@router.get("/v1/tools/arguments", response_model=ToolArguments)
async def list_argument_errors(reader: WhoReads, deps: Deps, query: Asked) -> dict[str, Any]:
    """What is wrong with the arguments of tool calls: by tool, and the first thing that is."""
    return await _answer(reports.ARGUMENTS, deps, reader.org_id, query)


@router.get("/v1/errors", response_model=Errors)
async def list_errors(reader: WhoReads, deps: Deps, query: Asked) -> dict[str, Any]:
    """Errors, those of the same fingerprint together: source, type, code, phase, close code, and
    the shape of the message."""
    return await _answer(reports.ERRORS, deps, reader.org_id, query)


async def _answer(
    report: Report, deps: Dependencies, org_id: str, query: ReportQuery, by: str = ""
) -> dict[str, Any]:
    asked = reports.question(
        report,
        last_week(filters_of(query), deps.now_us()),
        by=by,
        sort=query.sort,
        ascending=query.direction == "asc",
        limit=query.limit,
        offset=query.offset,
    )
    found = await measured(deps.facts, org_id, asked)
    return {
        "more": found.more,
        "data": [reports.told(report, asked, row) for row in found.rows],
    }
