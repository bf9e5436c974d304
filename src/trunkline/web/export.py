"""I/O. Calls, sessions and other rows, as a file: CSV for a spreadsheet, or lines of JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, get_args

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from trunkline.store.facts.queries_calls import CallFilters, all_calls
from trunkline.store.facts.queries_sessions import SessionFilters, all_sessions
from trunkline.store.facts.sorting_sessions import SessionSorting
from trunkline.store.facts.store import FactsStore
from trunkline.web.api import models, shape
from trunkline.web.api.money import plain

Form = Literal["csv", "ndjson"]
Columns: TypeAlias = Mapping[str, tuple[str, ...]]
"""Their headings, and by which fields each is reached from a row."""

MEDIA_TYPES: Final[dict[Form, str]] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
}
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would calculate text that begins so, and a caller may have written it."""


def exported(
    facts: FactsStore,
    org_id: str,
    filters: CallFilters,
    form: Form,
    columns: Sequence[str] = (),
) -> StreamingResponse:
    """Return all calls that fit as a file to download, the latest first.

    `columns` are those of a CSV file, by their names in the API, `part.field`; empty: all.
    """
    paths = _paths(columns or _columns(models.Call))
    return download(_lists(facts, org_id, filters), "calls", form, paths)


def exported_sessions(
    facts: FactsStore, org_id: str, filters: SessionFilters, sorting: SessionSorting, form: Form
) -> StreamingResponse:
    """Return all sessions that fit as a file to download, in their order."""

    async def lists() -> AsyncGenerator[Sequence[BaseModel]]:
        async for rows in all_sessions(facts, org_id, filters, sorting):
            yield [shape.session(row) for row in rows]

    return download(lists(), "sessions", form, _paths(_columns(models.Session)))


def download(
    lists: AsyncGenerator[Sequence[BaseModel]], name: str, form: Form, columns: Columns
) -> StreamingResponse:
    """Return rows as a file to download, called `name`. `columns` are those of a CSV file."""
    return StreamingResponse(
        _csv(lists, columns) if form == "csv" else _ndjson(lists),
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
    )


async def _lists(
    facts: FactsStore, org_id: str, filters: CallFilters
) -> AsyncGenerator[Sequence[BaseModel]]:
    async for rows in all_calls(facts, org_id, filters):
        yield [shape.call(row) for row in rows]


async def _ndjson(lists: AsyncGenerator[Sequence[BaseModel]]) -> AsyncGenerator[str]:
    async for some in lists:
        yield "".join(f"{row.model_dump_json()}\n" for row in some)


async def _csv(lists: AsyncGenerator[Sequence[BaseModel]], columns: Columns) -> AsyncGenerator[str]:
    yield _lines([list(columns)])
    async for some in lists:
        yield _lines([[_cell(row, path) for path in columns.values()] for row in some])


def _paths(names: Iterable[str]) -> Columns:
    return {name: tuple(name.split(".")) for name in names}


def _columns(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the fields of `model`, those of its parts as `part.field`."""
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if inner:
            yield from _columns(inner[0], f"{prefix}{name}.")
        else:
            yield prefix + name


def _cell(row: BaseModel, path: tuple[str, ...]) -> str:
    value: Any = row
    for name in path:
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULAS) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    return plain(value) if isinstance(value, Decimal) else str(value)


def _lines(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
