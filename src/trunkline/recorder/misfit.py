"""Pure. What is wrong with arguments, in a sentence that tells no value of them.

The same mistake makes the same sentence, so that sentences can be counted: places in lists are
`[]`, and a name that the schema does not have, which may be a caller's word, is `*`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from jsonschema.exceptions import ValidationError

from trunkline.recorder.redact import redacted

MAX_NAME_CHARS: Final = 64
MAX_CHARS: Final = 300


def sentence(error: ValidationError, names: Collection[str]) -> str:
    """Return where and what: `$.guests[].age: is a string, not an integer`.

    `names` are those of the schema's properties.
    """
    return redacted(f"{_path(error, names)}: {_what(error)}"[:MAX_CHARS])


def names_in(schema: Any) -> Iterator[str]:
    """Yield the names of all properties that a schema knows."""
    if isinstance(schema, dict):
        fields: dict[str, Any] = schema
        for name, inner in fields.items():
            if name == "properties" and isinstance(inner, dict):
                yield from (key for key in inner if len(key) <= MAX_NAME_CHARS)
            yield from names_in(inner)
    elif isinstance(schema, list):
        listed: list[Any] = schema
        for inner in listed:
            yield from names_in(inner)


def _path(error: ValidationError, names: Collection[str]) -> str:
    steps = (
        "[]" if isinstance(step, int) else f".{step}" if step in names else ".*"
        for step in error.absolute_path
    )
    return "$" + "".join(steps)


def _what(error: ValidationError) -> str:
    say = _WORDS.get(str(error.validator))
    return say(error.validator_value, error.instance, error) if say else "is not allowed"


def _type(wanted: Any, given: Any, _error: ValidationError) -> str:
    kinds = wanted if isinstance(wanted, list) else [wanted]
    return f"is {_kind(given)}, not {' or '.join(_KINDS.get(kind, 'known') for kind in kinds)}"


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


_KINDS: Final = {
    "null": "null",
    "boolean": "a boolean",
    "integer": "an integer",
    "number": "a number",
    "string": "a string",
    "array": "an array",
    "object": "an object",
}


def _required(wanted: Any, given: Any, _error: ValidationError) -> str:
    missing = next((name for name in wanted if name not in given), "")
    return f'lacks "{missing[:MAX_NAME_CHARS]}"'


def _any_of(wanted: Any, given: Any, error: ValidationError) -> str:
    """Of alternatives that only differ in type, the types are what helps."""
    if error.validator == "oneOf" and not error.context:
        return "fits more than one of the alternatives"
    kinds = [one.get("type") if isinstance(one, Mapping) else None for one in wanted]
    plain = [kind for kind in kinds if isinstance(kind, str)]
    if len(plain) == len(kinds) and not any(_is(kind, given) for kind in plain):
        return _type(plain, given, error)
    return f"fits none of the {len(wanted)} alternatives"


def _is(kind: str, value: Any) -> bool:
    return _KINDS.get(kind) == _kind(value) or (kind == "number" and _kind(value) == "an integer")


def _bound(words: str) -> Callable[[Any, Any, ValidationError], str]:
    def say(wanted: Any, _given: Any, _error: ValidationError) -> str:
        short = isinstance(wanted, int | float) and abs(wanted) < 1e15
        return words.format(f"{wanted:g}" if short else "allowed")

    return say


_WORDS: Final[Mapping[str, Callable[[Any, Any, ValidationError], str]]] = {
    "type": _type,
    "required": _required,
    "anyOf": _any_of,
    "oneOf": _any_of,
    "enum": lambda wanted, _given, _error: f"is none of the {len(wanted)} values allowed",
    "const": lambda _wanted, _given, _error: "is not the one value allowed",
    "additionalProperties": lambda _wanted, _given, _error: "has a name that is not allowed",
    "propertyNames": lambda _wanted, _given, _error: "has a name that is not allowed",
    "minimum": _bound("is less than {}"),
    "exclusiveMinimum": _bound("is not more than {}"),
    "maximum": _bound("is more than {}"),
    "exclusiveMaximum": _bound("is not less than {}"),
    "multipleOf": _bound("is no multiple of {}"),
    "minLength": _bound("is shorter than {}"),
    "maxLength": _bound("is longer than {}"),
    "minItems": _bound("has fewer items than {}"),
    "maxItems": _bound("has more items than {}"),
    "minProperties": _bound("has fewer names than {}"),
    "maxProperties": _bound("has more names than {}"),
    "uniqueItems": lambda _wanted, _given, _error: "has the same item twice",
    "contains": lambda _wanted, _given, _error: "lacks an item that it must have",
    "dependentRequired": lambda _wanted, _given, _error: "lacks what goes with another name",
    "not": lambda _wanted, _given, _error: "is what is ruled out",
}
