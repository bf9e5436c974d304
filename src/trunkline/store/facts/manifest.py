"""I/O. Which blocks of rows the embedded engine was given, in a file beside it.

The engine sets a damaged part aside when it starts, and answers from what is left, without
a word. Every insert is one numbered block per partition; merges and deletions join blocks
and empty them, but never leave one out. So a number that was there once, and that no part
covers now, is rows that are gone. The archives have them: `trunkline reindex`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec
import structlog
from clickhouse_connect.driver.client import Client

NOTE_EVERY_NS: Final = 10_000_000_000
"""Rows younger than that may be missed when they are lost without leaving a damaged part."""
UNFINISHED: Final = "the rebuild of the facts was not finished"
_DAMAGE_CODES: Final = frozenset({"CHECKSUM_DOESNT_MATCH", "CORRUPTED_DATA"})
# Where a flipped bit hits a block's header, the engine takes it for another codec, or for a block
# that goes on after the file's end: errors that others have, too, but not while they read a part.
_DAMAGE_WORDS: Final = "While reading or decompressing"

_WHOLE: Final = (
    "SELECT table, partition_id, min_block_number, max_block_number FROM system.parts"
    " WHERE database = currentDatabase() AND active"
)
_BROKEN: Final = (
    "SELECT table, partition_id, min_block_number, max_block_number FROM system.detached_parts"
    " WHERE database = currentDatabase() AND reason LIKE '%broken%'"
)

log = structlog.get_logger("trunkline.store.facts")


class Blocks(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Blocks of one partition, from the first to the last."""

    table: str
    partition: str
    first: int
    last: int


class _File(msgspec.Struct, frozen=True):
    blocks: tuple[Blocks, ...] = ()
    damage: str = ""


class Manifest:
    """What the engine must have. `suspect` may be called from any thread, all else from that
    which writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _load(path)
        self._noted_ns = 0
        self._saving = Lock()

    @property
    def damage(self) -> str:
        """What is wrong with the engine's rows, in words; empty when nothing is known to be."""
        return self._known.damage

    def check(self, client: Client) -> None:
        """Compare the engine with what it must have. Once, before anything is inserted."""
        broken = [block for block in _ask(client, _BROKEN) if block.first >= 0]
        gone = missing((*self._known.blocks, *broken), _ask(client, _WHOLE))
        if gone and not self._known.damage:
            tables = ", ".join(sorted({block.table for block in gone}))
            self._tell(f"rows of {tables} are damaged or gone")

    def note(self, client: Client, now_ns: int, *, now: bool = False) -> None:
        """Remember what the engine has; every few seconds, or `now`."""
        if now or now_ns - self._noted_ns >= NOTE_EVERY_NS:
            self._noted_ns = now_ns
            blocks = tuple(joined(_ask(client, _WHOLE)))
            with self._saving:
                self._save(_File(blocks, self._known.damage))

    def suspect(self, error_name: str, text: str) -> None:
        """Take note of an engine's error, if it says that what it read is damaged."""
        damaged = error_name in _DAMAGE_CODES or _DAMAGE_WORDS in text
        with self._saving:
            if damaged and not self._known.damage:
                self._tell("a part is damaged")

    def begin_rebuild(self) -> None:
        """Remember that the facts are incomplete, until `end_rebuild`."""
        with self._saving:
            self._save(_File(damage=UNFINISHED))

    def end_rebuild(self, client: Client) -> None:
        """Everything is there again."""
        blocks = tuple(joined(_ask(client, _WHOLE)))
        with self._saving:
            self._save(_File(blocks))

    def _tell(self, damage: str) -> None:
        log.error("facts are damaged, run `trunkline reindex`", damage=damage)
        # It stays known, whatever is inserted from now on, until a rebuild.
        self._save(msgspec.structs.replace(self._known, damage=damage))

    def _save(self, file: _File) -> None:
        self._known = file
        part = self._path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(file))
        os.replace(part, self._path)


def _load(path: Path) -> _File:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        return _File()
    except (msgspec.DecodeError, UnicodeDecodeError):
        log.warning("manifest of the facts is unreadable, and begun anew", path=str(path))
        return _File()


def _ask(client: Client, sql: str) -> list[Blocks]:
    return [Blocks(*row) for row in client.query(sql).result_rows if None not in row]


def joined(blocks: Iterable[Blocks]) -> list[Blocks]:
    """Return the same blocks as few ranges, in order."""
    found: list[Blocks] = []
    for block in sorted(blocks):
        last = found[-1] if found else None
        same = last and (last.table, last.partition) == (block.table, block.partition)
        if last and same and block.first <= last.last + 1:
            found[-1] = msgspec.structs.replace(last, last=max(last.last, block.last))
        else:
            found.append(block)
    return found


def missing(wanted: Iterable[Blocks], there: Iterable[Blocks]) -> list[Blocks]:
    """Return those of `wanted` that `there` does not cover from their first to their last."""
    covers: defaultdict[tuple[str, str], list[Blocks]] = defaultdict(list)
    for block in joined(there):
        covers[block.table, block.partition].append(block)
    return [
        block
        for block in wanted
        if not any(
            cover.first <= block.first and block.last <= cover.last
            for cover in covers[block.table, block.partition]
        )
    ]
