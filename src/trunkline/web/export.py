"""I/O. Calls as a file: CSV for a spreadsheet, lines of JSON for a program."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, get_args

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from trunkline.store.facts.queries_calls import CallFilters, all_calls
from trunkline.store.facts.store import FactsStore
from trunkline.web.api import models, shape
from trunkline.web.api.money import plain

Form = Literal["csv", "ndjson"]

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
    calls = _lists(facts, org_id, filters)
    return StreamingResponse(
        _csv(calls, columns) if form == "csv" else _ndjson(calls),
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="calls.{form}"'},
    )


async def _lists(
    facts: FactsStore, org_id: str, filters: CallFilters
) -> AsyncGenerator[list[models.Call]]:
    async for rows in all_calls(facts, org_id, filters):
        yield [shape.call(row) for row in rows]


async def _ndjson(calls: AsyncGenerator[list[models.Call]]) -> AsyncGenerator[str]:
    async for some in calls:
        yield "".join(f"{call.model_dump_json()}\n" for call in some)


async def _csv(
    calls: AsyncGenerator[list[models.Call]], columns: Sequence[str]
) -> AsyncGenerator[str]:
    columns = list(columns or _columns(models.Call))
    yield _lines([columns])
    async for some in calls:
        yield _lines([[_cell(call, column) for column in columns] for call in some])


def _columns(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the fields of `model`, those of its parts as `part.field`."""
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if inner:
            yield from _columns(inner[0], f"{prefix}{name}.")
        else:
            yield prefix + name


def _cell(call: models.Call, column: str) -> str:
    value: Any = call
    for name in column.split("."):
        value = None if value is None else getattr(value, name)
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
