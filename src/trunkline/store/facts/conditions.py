"""Pure. Which calls: conditions joined by AND and OR, as SQL with parameters.

A condition names a field of the table `FIELDS`, an operator that fits the field's type, and
a value. What a person wrote goes in as a parameter, always; SQL is only of this module.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

from trunkline.errors import TrunklineError
from trunkline.store.facts.catalogue import METRICS, PROPERTY, SCORED
from trunkline.store.facts.catalogue_calls import INPUT, OUTPUT
from trunkline.store.facts.dimensions import DIMENSION_OF, DIMENSIONS
from trunkline.store.facts.grouped import (
    GROUPED,
    HAS_PART,
    HAS_SAID,
    PART_HOURS,
    SAID,
    of_home,
)

MAX_CONDITIONS: Final = 100
MAX_DEPTH: Final = 32

Kind = Literal["text", "texts", "parts", "words", "number", "time", "bool"]
Value: TypeAlias = str | int | float | bool | tuple[str, ...]


class BadCondition(TrunklineError):
    """A condition that means nothing. The message says what would."""


class Is(msgspec.Struct, frozen=True):
    """One condition."""

    field: str
    """Of `FIELDS`, or `property:<name>`, or `score:<name>`."""
    operator: str
    value: Value


class AllOf(msgspec.Struct, frozen=True):
    """All of them hold. None: every call."""

    of: tuple[Condition, ...] = ()


class AnyOf(msgspec.Struct, frozen=True):
    """One of them holds, at least."""

    of: tuple[Condition, ...]


Condition: TypeAlias = Is | AllOf | AnyOf

FIELDS: Final[dict[str, tuple[str, Kind]]] = {
    **{at.id: (at.value, "text" if at.table == "calls" else "parts") for at in DIMENSIONS},
    # Of a call that has no number, no condition about it holds.
    **{
        metric.id: (f"toFloat64({metric.value})", "number")
        for metric in METRICS
        if metric.table == "calls" and metric.unit in ("ms", "usd", "count") and not metric.over
    },
    "id": ("call_id", "text"),
    "session_path": ("session_path", "text"),
    "provider_url": ("provider_url", "text"),
    "tokens.total": (
        f"toFloat64({INPUT} + {OUTPUT})",
        "number",
    ),
    "helicone_status": (
        "toFloat64(if(status IN ('live', 'completed'), 200,"
        " if(ifNull(http_status, 0) >= 400, assumeNotNull(http_status), 500)))",
        "number",
    ),
    "http_status": ("toFloat64(http_status)", "number"),
    "call.wait_p50": ("toFloat64(wait_p50_us)", "number"),
    "call.wait_max": ("toFloat64(wait_max_us)", "number"),
    "opened_at": ("opened_at_us", "time"),
    "ended_at": ("ended_at_us", "time"),
    "has_audio": ("has_audio", "bool"),
    "live": ("(status = 'live')", "bool"),
    "tag": ("emptyArrayToSingle(tags)", "texts"),
    "spoken": ("emptyArrayToSingle(spoken)", "texts"),
    "scores": ("arrayMap(name -> toString(name), mapKeys(scores))", "texts"),
    "property_names": ("mapKeys(properties)", "texts"),
    "property_values": ("mapValues(properties)", "texts"),
    "feedback": ("feedback", "bool"),
    **{name: (grouped.value, grouped.kind) for name, grouped in GROUPED.items()},
    **{name: (lines, "words") for name, lines in SAID.items()},
}
del FIELDS["property_name"], FIELDS["users"], FIELDS["calls"]
_IN_US: Final = frozenset(
    {
        "call.wait_p50",
        "call.wait_max",
        "session.talk",
        "session.wait_max",
        *(metric.id for metric in METRICS if metric.unit == "ms"),
    }
)
"""Asked for in milliseconds, stored in microseconds."""

_TEXT: Final = {
    "equals": "{field} = {{{name}:String}}",
    "not-equals": "{field} != {{{name}:String}}",
    "like": "{field} LIKE {{{name}:String}}",
    "ilike": "{field} ILIKE {{{name}:String}}",
    "contains": "positionCaseInsensitiveUTF8({field}, {{{name}:String}}) > 0",
    "not-contains": "positionCaseInsensitiveUTF8({field}, {{{name}:String}}) = 0",
    "in": "has({{{name}:Array(String)}}, {field})",
}
_COMPARISONS: Final = {
    "equals": "=",
    "not-equals": "!=",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
}
OPERATORS: Final[dict[Kind, dict[str, str]]] = {
    "text": _TEXT,
    "texts": {
        name: f"{'NOT ' if name.startswith('not-') else ''}arrayExists(one ->"
        f" {_TEXT[name.removeprefix('not-')].replace('{field}', 'one')}, {{field}})"
        for name in _TEXT
    },
    "parts": {
        name: f"{'NOT ' if name.startswith('not-') else ''}{HAS_PART}".replace(
            "{predicate}", _TEXT[name.removeprefix("not-")]
        )
        for name in _TEXT
    },
    "words": {"contains": HAS_SAID, "not-contains": f"NOT ({HAS_SAID})"},
    "number": {
        name: f"{{field}} {sign} {{{{{{name}}:Float64}}}}" for name, sign in _COMPARISONS.items()
    },
    "time": {
        name: f"{{field}} {sign} {{{{{{name}}:Int64}}}}" for name, sign in _COMPARISONS.items()
    },
    "bool": {"equals": "{field} = {{{name}:Bool}}", "not-equals": "{field} != {{{name}:Bool}}"},
}
"""Type of field, operator, and its SQL; times are µs since 1970 UTC. Of texts and parts one at
least is as it says, or none is."""

_TYPES: Final[dict[Kind, tuple[type, ...]]] = {
    "text": (str,),
    "texts": (str,),
    "parts": (str,),
    "words": (str,),
    "number": (int, float),
    "time": (int,),
    "bool": (bool,),
}
_LARGEST: Final = 2**62


def compile_condition(
    condition: Condition, prefix: str = "c", *, hours: str = "1", zone: str = "UTC"
) -> tuple[str, dict[str, Any]]:
    """Return `condition` as a predicate over a row of `calls`, and its parameters.

    Parameters are named `prefix` and a number. Parts of the calls lie where the predicate `hours`
    says; hours and weekdays are those of `zone`.

    Raises:
        BadCondition: it has a field or operator that is none, a value of another type, or
            is larger than anything sensible.
    """
    parameters: dict[str, Any] = {}
    sql = _compile(condition, parameters, prefix, 0).replace(PART_HOURS, hours)
    return sql, parameters | ({"zone": zone} if "{zone:" in sql else {})


def _compile(condition: Condition, parameters: dict[str, Any], prefix: str, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise BadCondition(f"conditions may be nested {MAX_DEPTH} deep at most")
    match condition:
        case Is():
            return _leaf(condition, parameters, prefix)
        case AllOf(of):
            parts = [_compile(part, parameters, prefix, depth + 1) for part in of]
            return f"({' AND '.join(parts)})" if parts else "1"
        case AnyOf(of):
            parts = [_compile(part, parameters, prefix, depth + 1) for part in of]
            return f"({' OR '.join(parts)})" if parts else "0"


def _leaf(leaf: Is, parameters: dict[str, Any], prefix: str) -> str:
    if len(parameters) >= 2 * MAX_CONDITIONS:
        raise BadCondition(f"at most {MAX_CONDITIONS} conditions at once")
    sql, kind = _field(leaf.field, parameters, prefix)
    operators = OPERATORS[kind]
    if leaf.operator not in operators:
        raise BadCondition(f"{leaf.field}: use one of {', '.join(operators)}")
    name = f"{prefix}{len(parameters)}"
    parameters[name] = _checked(leaf, kind)
    table = DIMENSION_OF[leaf.field].table if kind == "parts" else ""
    predicate = operators[leaf.operator].format(field=sql, name=name, table=table)
    return of_home(leaf.field, predicate)


def _field(field: str, parameters: dict[str, Any], prefix: str) -> tuple[str, Kind]:
    if field.startswith(PROPERTY) and len(field) > len(PROPERTY):
        name = f"{prefix}{len(parameters)}"
        parameters[name] = whole(field.removeprefix(PROPERTY))
        return f"properties[{{{name}:String}}]", "text"
    if field.startswith(SCORED) and len(field) > len(SCORED):
        name = f"{prefix}{len(parameters)}"
        parameters[name] = whole(field.removeprefix(SCORED))
        return f"if(mapContains(scores, {{{name}:String}}), scores[{{{name}:String}}], NULL)", (
            "number"
        )
    if field not in FIELDS:
        raise BadCondition(
            f"{field[:100]!r} is no field; there are {', '.join(FIELDS)}, {PROPERTY}<name>"
            f" and {SCORED}<name>"
        )
    return FIELDS[field]


def _checked(leaf: Is, kind: Kind) -> Any:
    value = leaf.value
    if leaf.operator == "in":
        return _list(leaf.field, value)
    if (
        isinstance(value, tuple)
        or not isinstance(value, _TYPES[kind])
        or (isinstance(value, bool) and kind != "bool")
    ):
        raise BadCondition(f"{leaf.field}: takes a {_NAMES[kind]}")
    if isinstance(value, str):
        return _pattern(leaf.field, value) if "like" in leaf.operator else whole(value)
    if isinstance(value, bool):
        return value
    if not -_LARGEST <= float(value) <= _LARGEST:
        raise BadCondition(f"{leaf.field}: the number is too large")
    return value * 1000 if leaf.field in _IN_US else value


def _list(field: str, value: Value) -> list[str]:
    if not isinstance(value, tuple):
        raise BadCondition(f"{field}: `in` takes a list of text")
    if len(value) > MAX_CONDITIONS:
        raise BadCondition(f"{field}: at most {MAX_CONDITIONS} values at once")
    return [whole(one) for one in value]


def _pattern(field: str, text: str) -> str:
    text = whole(text)
    if (len(text) - len(text.rstrip("\\"))) % 2:
        raise BadCondition(f"{field}: a pattern cannot end with a single backslash")
    return text


def whole(text: str) -> str:
    """Return text that the store can compare with: JSON may hold half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


_NAMES: Final[dict[Kind, str]] = {
    "text": "text",
    "texts": "text",
    "parts": "text",
    "words": "text",
    "number": "number",
    "time": "time",
    "bool": "truth value",
}
