"""Pure. Helicone's filter tree as a condition over calls.

`"all"`, a leaf `{table: {column: {operator: value}}}`, or a branch `{left, operator, right}`.
A request of Helicone's is a call of ours. Whatever table a column was in when a client was
written, it means the same here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

from trunkline.store.facts.catalogue import PROPERTY, SCORED
from trunkline.store.facts.conditions import (
    FIELDS,
    MAX_DEPTH,
    AllOf,
    AnyOf,
    BadCondition,
    Condition,
    Is,
    Kind,
    Value,
)
from trunkline.web import helicone_names as names
from trunkline.web.api.shape import microseconds

_OPERATORS: Final = {"gin-contains": "contains", "vector-contains": "contains"}
"""Helicone's, and ours that mean the same."""


def read_filter(raw: Any) -> Condition:
    """Return the condition that a filter tree means.

    Raises:
        BadCondition: it is no tree, or asks for what calls do not have.
    """
    return _node(raw, 0)


def _node(raw: Any, depth: int) -> Condition:
    if depth > MAX_DEPTH:
        raise BadCondition(f"filter: branches may be nested {MAX_DEPTH} deep at most")
    match raw:
        case None | "all":
            return AllOf()
        case {"left": left, "operator": "and", "right": right, **rest} if not rest:
            return _both(_node(left, depth + 1), _node(right, depth + 1))
        case {"left": left, "operator": "or", "right": right, **rest} if not rest:
            return AnyOf((_node(left, depth + 1), _node(right, depth + 1)))
        case dict():
            return _leaf(cast("dict[str, Any]", raw))
        case _:
            raise BadCondition(_FORM)


def _both(left: Condition, right: Condition) -> Condition:
    """Return a chain of ANDs as one list: clients nest them as deep as they are long."""
    of = [
        part for side in (left, right) for part in (side.of if isinstance(side, AllOf) else (side,))
    ]
    return AllOf(tuple(of))


def _leaf(raw: Mapping[str, Any]) -> Condition:
    """Return a leaf; several tables, columns or operators in it are all to hold."""
    found: list[Condition] = []
    for table, columns in raw.items():
        if table in names.MISSING_TABLES:
            raise BadCondition(f"filter: no {table!r} here: {names.MISSING_TABLES[table]}")
        if table not in names.TABLES:
            raise BadCondition(f"filter: {table[:60]!r} is no table of calls; {_FORM}")
        for column, wanted in _fields(columns).items():
            found += _of_column(table, column, wanted)
    return found[0] if len(found) == 1 else AllOf(tuple(found))


def _of_column(table: str, column: str, wanted: Any) -> list[Condition]:
    if table in names.OF_PROPERTIES:
        return _operators(PROPERTY + column, wanted)
    if column in names.NAMED:
        of = [
            _operators(names.NAMED[column] + name, operators)
            for name, operators in _fields(wanted).items()
        ]
        return [condition for conditions in of for condition in conditions]
    return _operators(_field_of(table, column), wanted)


def _field_of(table: str, column: str) -> str:
    column = column.lower()
    known = names.COLUMNS | names.OF_TABLE.get(table, {})
    if column in known:
        return known[column]
    if column in names.MISSING:
        raise BadCondition(f"filter: calls have no {column!r}: {names.MISSING[column]}")
    raise BadCondition(
        f"filter: {table} has no {column[:60]!r}; it has {', '.join(sorted(known))}, properties"
    )


def _operators(field: str, raw: Any) -> list[Condition]:
    kind = _kind(field)
    return [
        Is(field, _OPERATORS.get(operator, operator), _value(field, kind, value))
        for operator, value in _fields(raw).items()
    ]


def _kind(field: str) -> Kind:
    if field.startswith(PROPERTY):
        return "text"
    return "number" if field.startswith(SCORED) else FIELDS[field][1]


def _value(field: str, kind: str, value: Any) -> Value:
    match kind, value:
        case "time", str():
            return _time(field, value)
        case "time", int() | float() if not isinstance(value, bool):
            return int(value) * 1000 if abs(value) < _MOST_MS else _too_large(field)
        case "number", str():
            return _number(field, value)
        case "number", bool() if field.startswith(SCORED):
            return float(value)
        case _, str() | int() | float():
            return value
        case _:
            raise BadCondition(f"filter: a value for {field} is text, a number, true or false")


_MOST_MS: Final = 10**15


def _too_large(field: str) -> int:
    raise BadCondition(f"filter: the time for {field} is too large; write ISO 8601, or ms")


def _time(field: str, text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadCondition(f"filter: {field} takes a time in ISO 8601") from exc
    return microseconds(at if at.tzinfo else at.replace(tzinfo=UTC))


def _number(field: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as exc:
        raise BadCondition(f"filter: {field} takes a number") from exc


def _fields(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise BadCondition(_FORM)
    return cast("dict[str, Any]", raw)


_FORM: Final = (
    'filter: write "all", {"request_response_rmt": {column: {operator: value}}},'
    ' or {"left", "operator": "and" or "or", "right"}'
)
