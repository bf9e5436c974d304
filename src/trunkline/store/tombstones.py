"""I/O. Which calls were erased: one small file, `<data>/erased`, that only ever grows.

What is in it stays erased: the recorder takes no record of such a call, and a rebuild of the
facts does not bring it back. A line is a call and its organisation; a second one, with
`done` in the place of the organisation, says that nothing is left of it in any store.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from trunkline.ids import parse_call_id

ERASED: Final = "erased"
"""The file's name, in the data directory."""
_DONE: Final = "done"
_NO_ORG: Final = "-"


class Tombstones:
    """The file, and what it says. One process writes it; call from one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Read the file; there need not be one. Raises `OSError`."""
        self._path = path
        self._orgs: dict[str, str] = {}
        self._ulids: set[bytes] = set()
        self._unfinished: dict[str, None] = {}
        for line in _lines(path):
            self._take(*line)

    def __contains__(self, call_id: str) -> bool:
        """Return whether a call was erased."""
        return call_id in self._orgs

    def __len__(self) -> int:
        return len(self._orgs)

    def has(self, ulid: bytes) -> bool:
        """Return whether a call was erased, by its ULID as the journal has it."""
        return ulid in self._ulids

    def calls(self) -> Iterator[tuple[str, str]]:
        """Yield organisation and call id of everything that was erased."""
        for call_id, org_id in list(self._orgs.items()):
            yield org_id, call_id

    def unfinished(self) -> list[tuple[str, str]]:
        """Return organisation and call id of what may not be gone from every store."""
        return [(self._orgs[call_id], call_id) for call_id in self._unfinished]

    def add(self, org_id: str, call_id: str) -> None:
        """Erase a call, for good: on the disk when this returns. Raises `OSError`."""
        self._append(call_id, org_id or _NO_ORG)

    def finish(self, call_id: str) -> None:
        """Take note that nothing is left of an erased call. Raises `OSError`."""
        self._append(call_id, _DONE)

    def _append(self, call_id: str, word: str) -> None:
        parse_call_id(call_id)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # A write that was cut off before must not run into this one.
            size_bytes = os.fstat(fd).st_size
            torn = size_bytes > 0 and os.pread(fd, 1, size_bytes - 1) != b"\n"
            os.write(fd, b"\n" * torn + f"{call_id} {word}\n".encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        self._take(call_id, word)

    def _take(self, call_id: str, word: str) -> None:
        if word == _DONE:
            self._unfinished.pop(call_id, None)
            return
        self._orgs[call_id] = "" if word == _NO_ORG else word
        self._ulids.add(parse_call_id(call_id))
        self._unfinished[call_id] = None


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield call and word of every whole line; what is torn is passed over."""
    try:
        content = path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return
    for line in content.splitlines():
        call_id, _, word = line.partition(" ")
        try:
            parse_call_id(call_id)
        except ValueError:
            continue
        if word:
            yield call_id, word
