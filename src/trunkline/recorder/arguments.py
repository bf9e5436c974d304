"""Pure. Whether a tool call's arguments are what the tool asks for.

A model writes the arguments, and an application the schema: neither may hold up the recorder, nor
bring it down. So `judge` is total; what it reads, how deep, and how many steps it takes are
bounded; nothing is fetched; and no regular expression is run that is not ours. What cannot be
checked within that is said to be JSON, with why it was not checked.

Not checked at all: `pattern` and `patternProperties`, of which a hostile one takes hours; `format`,
which JSON Schema only annotates; `unevaluatedItems` and `unevaluatedProperties`; and members of
`enum`, `const` and `uniqueItems` that are lists or objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, TypeAlias

import jsonschema
import msgspec
from jsonschema.exceptions import UnknownType, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from trunkline.protocol.objects import BAD, read
from trunkline.recorder import misfit

VALID: Final = "valid"
"""They fit the tool's schema."""
JSON: Final = "json"
"""They are a JSON object, and no schema is known, or none that can be checked."""
NO_JSON: Final = "no_json"
"""No application can read them."""
MISFIT: Final = "misfit"
"""They do not fit the tool's schema."""

MAX_ARGUMENTS_BYTES: Final = 64 * 1024
MAX_SCHEMA_BYTES: Final = 16 * 1024
MAX_DEPTH: Final = 32
MAX_STEPS: Final = 20_000
"""At most some 50 ms of work. A tool of a dozen properties takes a hundred."""
MAX_NESTED: Final = 80
"""Keywords within keywords: a third of what Python's stack holds. Where that is full, what
jsonschema is built on panics, and does not raise `RecursionError`."""
_COMPILED: Final = 128
"""Schemas that are kept ready: applications name the same tools in call after call."""


class Judged(msgspec.Struct, frozen=True):
    """What arguments are, and the first thing that is wrong; or why that was not checked."""

    are: str
    why: str = ""


class _Unchecked(Exception):
    """The reason is its text."""


def judge(arguments: str, schema: bytes | None) -> Judged:
    """Return whether `arguments` fit `schema`, the tool's `parameters` as JSON; None: not known.

    No arguments are taken for none, an empty object: some providers send nothing then. Neither
    what is wrong nor where tells a value, or a name that the schema does not have.
    """
    text = arguments.encode("utf-8", "replace") or b"{}"
    if (wrong := _unreadable(text)) is not None:
        return Judged(NO_JSON, wrong)
    if schema is None:
        return Judged(JSON)
    try:
        return _held_against(text, schema)
    except _Unchecked as exc:
        return Judged(JSON, str(exc))


def _unreadable(text: bytes) -> str | None:
    try:
        _object.decode(text)
    except msgspec.ValidationError:
        return "JSON, but no object"
    except RecursionError:
        return "too deep to be read"
    except BAD as exc:
        # A lone surrogate is JSON, and what msgspec refuses.
        if read(text) is not None:
            return None
        return "not JSON: it ends too early" if "truncated" in str(exc) else "not JSON"
    return None


def _held_against(text: bytes, schema: bytes) -> Judged:
    if len(text) > MAX_ARGUMENTS_BYTES:
        raise _Unchecked("not checked: the arguments are too long")
    validator, names = _compiled(schema)
    given = read(text)
    if given is None or _is_deep(given):
        raise _Unchecked("not checked: the arguments are beyond what is read")
    error = _first(validator, given, len(text) + len(schema))
    return Judged(VALID) if error is None else Judged(MISFIT, misfit.sentence(error, names))


def _first(validator: Any, value: Any, size_bytes: int) -> ValidationError | None:
    """Return the first violation, in the order of the schema; `size_bytes` of value and schema."""
    token = _run.set(_Run(1 + size_bytes // _BYTES_A_STEP))
    try:
        return next(validator.iter_errors(value), None)
    except (UnknownType, AttributeError, TypeError):
        raise _Unchecked("not checked: the schema is not valid") from None
    except Unresolvable:
        raise _Unchecked("not checked: a $ref of the schema leads nowhere") from None
    except (ArithmeticError, ValueError):
        raise _Unchecked("not checked: a number is beyond what is read") from None
    finally:
        _run.reset(token)


def _is_deep(value: Any, depth: int = 0) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner: Any = value.values() if isinstance(value, dict) else value
    return depth >= MAX_DEPTH or any(_is_deep(one, depth + 1) for one in inner)


# --- schemas


def _compiled(schema: bytes) -> tuple[Any, frozenset[str]]:
    """Return what checks values against `schema`, and the names of its properties."""
    if len(schema) > MAX_SCHEMA_BYTES:
        raise _Unchecked("not checked: the schema is too long")
    compiled = _compile(schema)
    if isinstance(compiled, str):
        raise _Unchecked(compiled)
    return compiled


@lru_cache(_COMPILED)
def _compile(schema: bytes) -> tuple[Any, frozenset[str]] | str:
    value = read(schema)
    if value is None or _is_deep(value):
        return "not checked: the schema is beyond what is read"
    # Its name for itself: what refers to it by that name would be looked up elsewhere.
    value.pop("$id", None)
    kind = _Draft7 if "draft-0" in str(value.get("$schema", "")) else _Draft2020
    try:
        if _first(_META, value, len(schema)) is not None:
            return "not checked: the schema is not valid"
    except _Unchecked as exc:
        return str(exc)
    return kind(value, registry=Registry()), frozenset(misfit.names_in(value))


_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Run:
    """What the check under way may still do."""

    __slots__ = ("an_error", "nested", "steps")

    def __init__(self, an_error: int) -> None:
        self.steps = MAX_STEPS
        self.nested = MAX_NESTED
        self.an_error = an_error
        """Steps that a violation is worth: each quotes the value, and often the schema. Of
        alternatives all of them are kept."""

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise _Unchecked("not checked: it would take too long")


_LOOKING_UP: Final = 10
"""Steps that following a `$ref` is worth."""
_BYTES_A_STEP: Final = 100
_run: ContextVar[_Run] = ContextVar("_run")

_Keyword: TypeAlias = Callable[[Any, Any, Any, Mapping[str, Any]], Iterator[ValidationError] | None]


def _counted(keyword: _Keyword) -> _Keyword:
    def check(
        validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]
    ) -> Iterator[ValidationError]:
        run = _run.get()
        run.spend(1 + sum(len(one) for one in (value, instance) if isinstance(one, dict | list)))
        run.nested -= 1
        try:
            if run.nested < 0:
                raise _Unchecked("not checked: the schema goes too deep, or round in circles")
            for error in keyword(validator, value, instance, schema) or ():
                run.spend(run.an_error)
                yield error
        finally:
            # Whoever only asks whether there is an error leaves at the first.
            run.nested += 1

    return check


def _simple(keyword: _Keyword, *, squared: bool = False) -> _Keyword:
    """Return `keyword` of lists, left out where a member is a list or an object."""

    def check(
        validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]
    ) -> Iterator[ValidationError]:
        members: Any = instance if squared else value if isinstance(value, list) else [value]
        if not isinstance(members, list) or any(isinstance(one, dict | list) for one in members):
            return
        if squared:
            _run.get().spend(len(members) ** 2)
        yield from keyword(validator, value, instance, schema) or ()

    return check


def _unless_patterns(keyword: _Keyword) -> _Keyword:
    """Return `keyword`, left out where patterns decide what it is about."""

    def check(
        validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]
    ) -> Iterator[ValidationError]:
        if "patternProperties" not in schema:
            yield from keyword(validator, value, instance, schema) or ()

    return check


def _within(keyword: _Keyword) -> _Keyword:
    """Return `$ref`, of paths within the schema only: all else is looked for far and wide."""

    def check(
        validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]
    ) -> Iterator[ValidationError]:
        if not isinstance(value, str) or value.partition("/")[0] != "#" or len(value) > 1000:
            raise _Unchecked("not checked: a $ref of the schema leads out of it")
        _run.get().spend(_LOOKING_UP)
        yield from keyword(validator, value, instance, schema) or ()

    return check


def _beyond(
    _validator: Any, _value: Any, _instance: Any, _schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    raise _Unchecked("not checked: a $ref of the schema leads out of it")


def _ignored(
    _validator: Any, _value: Any, _instance: Any, _schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    yield from ()


_IGNORED: Final = ("pattern", "patternProperties", "unevaluatedItems", "unevaluatedProperties")
_BEYOND: Final = ("$dynamicRef", "$recursiveRef")


def _bounded(draft: Any) -> Any:
    """Return the validator `draft` with its keywords counted, and those left out that may not be
    run on what strangers write."""
    of: dict[str, _Keyword] = dict(draft.VALIDATORS)
    of |= {name: _simple(of[name]) for name in ("enum", "const")}
    of["uniqueItems"] = _simple(of["uniqueItems"], squared=True)
    of["additionalProperties"] = _unless_patterns(of["additionalProperties"])
    of["$ref"] = _within(of["$ref"])
    of |= dict.fromkeys(_IGNORED, _ignored) | dict.fromkeys(_BEYOND, _beyond)
    return extend(draft, {name: _counted(keyword) for name, keyword in of.items()})


_Draft7: Final = _bounded(jsonschema.Draft7Validator)
_Draft2020: Final = _bounded(jsonschema.Draft202012Validator)
_META: Final = _Draft7(jsonschema.Draft7Validator.META_SCHEMA, registry=Registry())
"""What a schema of any draft must be: fields of later ones are unknown to it, and pass."""
