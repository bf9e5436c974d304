"""Pure. The best that can be made of a value that is almost of the shape we know.

Providers of the same dialect leave fields out, send null for a string or a float
for an integer (protocol.md 8.1). One such field must not cost us the event.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T", bound=msgspec.Struct)


def mended(fields: Mapping[str, object], into: type[T]) -> T:
    """Return `into` with every field of `fields` that fits; the others have their defaults.

    Every field of `into` has a default, and the same name in Python as on the wire.
    """
    kept: dict[str, object] = {}
    for name, kind in _kinds(into):
        if name in fields:
            value = _fitted(fields[name], kind)
            if value is not UNSET:
                kept[name] = value
    return into(**kept)


@functools.cache
def _kinds(of: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.type) for field in msgspec.structs.fields(of))


def _fitted(value: object, kind: Any) -> object | UnsetType:
    """Return `value` as `kind`, or UNSET when there is no way."""
    try:
        return cast("object", msgspec.convert(value, kind))
    except (msgspec.ValidationError, RecursionError):
        pass
    arms = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    if isinstance(value, dict):
        return _fitted_struct(cast("dict[str, object]", value), arms)
    if isinstance(value, list):
        return _fitted_tuple(cast("list[object]", value), arms)
    if isinstance(value, float) and int in arms and abs(value) < 2**53:
        return round(value)
    return UNSET


def _fitted_struct(value: dict[str, object], arms: tuple[Any, ...]) -> object | UnsetType:
    for arm in arms:
        if isinstance(arm, type) and issubclass(arm, msgspec.Struct):
            return mended(value, arm)
    return UNSET


def _fitted_tuple(values: list[object], arms: tuple[Any, ...]) -> object | UnsetType:
    for arm in arms:
        if get_origin(arm) is tuple:
            fitted = [_fitted(value, get_args(arm)[0]) for value in values]
            return tuple(value for value in fitted if value is not UNSET)
    return UNSET
