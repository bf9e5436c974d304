"""I/O. Which deliveries of webhooks have been seen, so that none is taken twice.

One empty file for each, that only one process can make, beside the keys: all gateways of
a machine know of each other's, and of those from before a restart. Where files cannot be
made each process still knows its own: a call that rings is worth more than certainty
about a copy, which its age bounds anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections import OrderedDict
from pathlib import Path
from typing import Final

import structlog

from trunkline.protocol.webhooks import TOLERANCE_S, Delivery

log = structlog.get_logger("trunkline.relay")

SWEEP_EVERY_S: Final = 60
REPEATED_FOR_S: Final = 72 * 3600
"""For so long providers try again what was not taken."""
_REMEMBERED: Final = 4_096
_TAKEN: Final = "taken"


class Deliveries:
    """Remembers. Times are wall clock, seconds."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._own: OrderedDict[str, None] = OrderedDict()
        self._swept_s = 0

    async def is_new(self, webhook_id: str, delivery: Delivery) -> bool:
        """Return whether this very attempt was never seen; from now on it was."""
        name = f"{delivery.at_s + TOLERANCE_S + 1}-{_mark(webhook_id, delivery)}-{delivery.at_s}"
        return await asyncio.to_thread(self._make, name, delivery.at_s)

    async def was_taken(self, webhook_id: str, delivery: Delivery) -> bool:
        """Return whether an earlier attempt of the same delivery went well."""
        return await asyncio.to_thread(self._is_there, _mark(webhook_id, delivery))

    async def taken(self, webhook_id: str, delivery: Delivery) -> None:
        """It went well."""
        name = f"{_TAKEN}-{_mark(webhook_id, delivery)}"
        await asyncio.to_thread(self._make, name, delivery.at_s)

    def _make(self, name: str, now_s: int) -> bool:
        mark = name.partition("-")[2]
        if mark in self._own:
            return False
        self._own[mark] = None
        if len(self._own) > _REMEMBERED:
            self._own.popitem(last=False)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep(now_s)
            os.close(os.open(self._directory / name, flags, 0o600))
        except FileExistsError:
            return False
        except OSError as exc:
            log.error("deliveries of webhooks cannot be remembered", error=str(exc))
        return True

    def _is_there(self, mark: str) -> bool:
        return mark in self._own or (self._directory / f"{_TAKEN}-{mark}").exists()

    def _sweep(self, now_s: int) -> None:
        """Remove what is remembered by nobody any more."""
        if 0 <= now_s - self._swept_s < SWEEP_EVERY_S:
            return
        self._swept_s = now_s
        for path in self._directory.iterdir():
            # Another gateway may sweep too.
            with contextlib.suppress(FileNotFoundError):
                if _expires_s(path, now_s) < now_s:
                    path.unlink()


def _expires_s(path: Path, now_s: int) -> float:
    kind, _, _ = path.name.partition("-")
    if kind == _TAKEN:
        return path.stat().st_mtime + REPEATED_FOR_S
    return int(kind) if kind.isdecimal() else now_s


def _mark(webhook_id: str, delivery: Delivery) -> str:
    return hashlib.sha256(f"{webhook_id} {delivery.id}".encode()).hexdigest()
