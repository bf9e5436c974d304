"""I/O. Rows that the engine refuses: found one by one, and put aside in a file.

A row that cannot be stored would otherwise stop all that come after it. Nothing is lost:
the archive has what the row was made of, and `trunkline reindex` offers every row again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from trunkline.store.facts.rows import Row

T = TypeVar("T")

MAX_REFUSED_IN_A_ROW: Final = 50
"""Rows refused one after the other, and none taken: then it is not the rows."""


class RowsRefused(Exception):
    """The engine did not take these rows, and not because it is down."""

    def __init__(self, reason: str, *, certain: bool) -> None:
        super().__init__(reason)
        self.certain = certain
        """It is the rows; else it may be the engine, and shows when others are taken."""


def sift(insert: Callable[[Sequence[T]], None], rows: Sequence[T]) -> list[tuple[T, str]]:
    """Insert `rows` in halves of halves; return those that are refused, each with the reason.

    Raises:
        RowsRefused: none was taken, and it is not certain that it is the rows' fault.
    """
    refused: list[tuple[T, str]] = []
    doubt: RowsRefused | None = None
    taken = False
    left = [rows]
    while left:
        part = left.pop()
        try:
            insert(part)
            taken = True
        except RowsRefused as exc:
            if len(part) > 1:
                left += [part[len(part) // 2 :], part[: len(part) // 2]]
                continue
            refused.append((part[0], str(exc)))
            doubt = doubt if exc.certain else exc
            if doubt and not taken and len(refused) >= MAX_REFUSED_IN_A_ROW:
                raise
    if doubt and not taken:
        raise doubt
    return refused


class _Line(msgspec.Struct):
    table: str
    reason: str
    row: dict[str, object]


class Quarantine:
    """The file: a row and the reason in each line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count = sum(1 for _ in self._lines())
        """Rows in it."""

    def add(self, refused: Sequence[tuple[Row, str]]) -> None:
        """Put rows aside, on the disk when this returns. Raises `OSError`."""
        lines = [_Line(type(row).__name__, reason, _readable(row)) for row, reason in refused]
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "wb") as file:
            file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
            file.flush()
            os.fsync(descriptor)
        self.count += len(lines)

    def forget_call(self, call_id: str) -> None:
        """Leave nothing of a call in it. Raises `OSError`."""
        lines = self._lines()
        kept = [line for line in lines if call_id.encode() not in line]
        if len(kept) < len(lines):
            part = self._path.with_suffix(".part")
            part.write_bytes(b"".join(kept))
            os.replace(part, self._path)
            self.count = len(kept)

    def clear(self) -> None:
        """Forget all of it: every row is about to be made anew."""
        self._path.unlink(missing_ok=True)
        self.count = 0

    def _lines(self) -> list[bytes]:
        try:
            return self._path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []


def _readable(row: Row) -> dict[str, object]:
    """Return the row as JSON can hold it, whatever it was refused for."""
    return {name: _plain(getattr(row, name)) for name in row.__struct_fields__}


def _plain(value: object) -> object:
    if isinstance(value, bool | None):
        return value
    return str(value).encode("utf-8", "replace").decode("utf-8")
