"""I/O. Calls that ring: one small file for each, from its webhook until somebody answers it.

Whichever gateway of a machine is asked to accept or reject a call takes its file away, and
with that the record of it: only one process can. What nobody takes is found by its age.
So each call by telephone has one record, whoever died in between. Without the files calls
can be answered all the same; their records then do not say who called.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import structlog

from trunkline.protocol.incoming import Announced

log = structlog.get_logger("trunkline.relay")

RINGS_NS: Final = 180 * 10**9
"""A call that nobody has answered for so long is over: SIP gives an INVITE three minutes."""
MAX_RINGING: Final = 10_000
"""Files at a time. More calls than that are announced and forwarded, and not remembered."""
_SIP_CALL: Final = "Call-ID"


class Ringing(msgspec.Struct, frozen=True, kw_only=True):
    """One call that rings."""

    call: Announced
    org_id: str
    webhook: str
    """Name of the webhook that told of it."""
    wall_ns: int
    path: str
    """Where that was posted to."""


class Ringers:
    """The calls that ring on this machine. Files may be slow, so they are used in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def put(self, ringing: Ringing) -> None:
        """Remember a call that rings."""
        await asyncio.to_thread(self._put, ringing)

    async def find(self, org_id: str, provider_call: str) -> Ringing | None:
        """Return a call that rings for an organisation, and leave it."""
        return await asyncio.to_thread(self._read, self._path(org_id, provider_call))

    async def take(self, org_id: str, provider_call: str) -> Ringing | None:
        """Return a call that rings no more. None: it did not, or another process has taken it.

        What announced the same call in another way is taken with it.
        """
        return await asyncio.to_thread(self._take_all, self._path(org_id, provider_call))

    async def overdue(self, now_wall_ns: int) -> list[Ringing]:
        """Take all calls that nobody has answered."""
        return await asyncio.to_thread(self._overdue, now_wall_ns)

    def _put(self, ringing: Ringing) -> None:
        path = self._path(ringing.org_id, ringing.call.provider_call)
        beside = path.with_suffix(f".{os.getpid()}")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sum(1 for _ in self._paths()) >= MAX_RINGING:
                log.error("too many calls ring: this one is not remembered")
                return
            beside.write_bytes(msgspec.json.encode(ringing))
            beside.replace(path)
        except OSError as exc:
            log.error("a call that rings cannot be remembered", error=str(exc))

    def _take_all(self, path: Path) -> Ringing | None:
        taken = self._take(path)
        same = taken.call.header(_SIP_CALL) if taken is not None else ""
        if taken is None or not same:
            return taken
        for other in self._paths():
            found = self._read(other)
            if found and (found.org_id, found.call.header(_SIP_CALL)) == (taken.org_id, same):
                self._take(other)
        return taken

    def _overdue(self, now_wall_ns: int) -> list[Ringing]:
        late = [path for path in self._paths() if now_wall_ns - self._rings_since(path) > RINGS_NS]
        # Taking one may take another with it.
        return [taken for path in late if (taken := self._take_all(path)) is not None]

    def _rings_since(self, path: Path) -> int:
        """Return since when a call rings; of a damaged file, since when it is there."""
        ringing = self._read(path)
        if ringing is not None:
            return ringing.wall_ns
        try:
            return path.stat().st_mtime_ns
        except OSError:
            # Somebody has taken it.
            return sys.maxsize

    def _paths(self) -> Iterator[Path]:
        try:
            yield from sorted(self._directory.glob("*.json"))
        except OSError as exc:
            log.error("calls that ring cannot be listed", error=str(exc))

    def _take(self, path: Path) -> Ringing | None:
        """Read and remove. Of several that try, one succeeds."""
        ringing = self._read(path)
        try:
            path.unlink()
        except FileNotFoundError:
            return None
        except OSError as exc:
            log.error("a call that rings cannot be taken", error=str(exc))
            return None
        return ringing

    def _read(self, path: Path) -> Ringing | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Ringing)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
            log.error("a call that rings cannot be read", error=str(exc))
            return None

    def _path(self, org_id: str, provider_call: str) -> Path:
        # Another organisation's call is another file, whatever it says it is called.
        name = hashlib.sha256(f"{org_id} {provider_call}".encode()).hexdigest()
        return self._directory / f"{name}.json"
