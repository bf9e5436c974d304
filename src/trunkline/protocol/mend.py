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


MAX_TRIES = 5_000
"""Values of one event that are looked at one by one, within some 20 ms: beyond what any
provider sends. Those after them are left out."""


def mended(fields: Mapping[str, object], into: type[T]) -> T:
    """Return `into` with every field of `fields` that fits; the others have their defaults.

    Every field of `into` has a default, and the same name in Python as on the wire.
    """
    return _Mending().struct(fields, into)


@functools.cache
def _kinds(of: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.type) for field in msgspec.structs.fields(of))


class _Mending:
    """One event's, which has so many tries."""

    def __init__(self) -> None:
        self._tries_left = MAX_TRIES

    def struct(self, fields: Mapping[str, object], into: type[T]) -> T:
        """Return `into` with what fits of `fields`."""
        kept: dict[str, object] = {}
        for name, kind in _kinds(into):
            if name in fields:
                value = self._fitted(fields[name], kind)
                if value is not UNSET:
                    kept[name] = value
        return into(**kept)

    def _fitted(self, value: object, kind: Any) -> object | UnsetType:
        """Return `value` as `kind`, or UNSET when there is no way."""
        if self._tries_left <= 0:
            return UNSET
        self._tries_left -= 1
        try:
            return cast("object", msgspec.convert(value, kind))
        except (msgspec.ValidationError, RecursionError):
            pass
        arms = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
        if isinstance(value, dict):
            return self._fitted_struct(cast("dict[str, object]", value), arms)
        if isinstance(value, list):
            return self._fitted_tuple(cast("list[object]", value), arms)
        if isinstance(value, float) and int in arms and abs(value) < 2**53:
            return round(value)
        return UNSET

    def _fitted_struct(self, value: dict[str, object], arms: tuple[Any, ...]) -> object | UnsetType:
        for arm in arms:
            if isinstance(arm, type) and issubclass(arm, msgspec.Struct):
                return self.struct(value, arm)
        return UNSET

    def _fitted_tuple(self, values: list[object], arms: tuple[Any, ...]) -> object | UnsetType:
        for arm in arms:
            if get_origin(arm) is tuple:
                fitted = [self._fitted(value, get_args(arm)[0]) for value in values]
                return tuple(value for value in fitted if value is not UNSET)
        return UNSET
