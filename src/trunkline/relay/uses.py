"""I/O. How often a token was used: one small file for each use, that only one process can make.

Only tokens with a bound have any. The files are beside the keys, so all gateways of a
machine count together, and whoever is restarted goes on counting. Their names begin with
the time at which the token expires, and they are removed after it.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import structlog

from trunkline.clock import wall_ns
from trunkline.protocol.token import Token

log = structlog.get_logger("trunkline.relay")

SWEEP_EVERY_S = 60.0


class Uses:
    """Counts. Files may be slow, so they are used in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._swept_s = 0.0

    async def take(self, token: Token) -> str | None:
        """Use `token` once; return what to `give_back` if that came to nothing, None: used up.

        Where the files cannot be used it is refused: a bound that is not kept is none. When
        cancelled, it is not used.
        """
        if not token.uses:
            return ""
        taking = asyncio.get_running_loop().run_in_executor(None, self._take, token)
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            # The thread is not: it may take one that nobody would give back.
            taking.add_done_callback(self._undo)
            raise

    async def give_back(self, use: str) -> None:
        """It came to nothing: let it be used again."""
        if use:
            await asyncio.to_thread(self._remove, use)

    def _undo(self, taking: asyncio.Future[str | None]) -> None:
        if not taking.cancelled() and (use := taking.result()):
            asyncio.get_running_loop().run_in_executor(None, self._remove, use)

    def _take(self, token: Token) -> str | None:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep(wall_ns() / 1e9)
            for number in range(1, token.uses + 1):
                name = f"{token.expires_at_s}-{token.id}-{number}"
                if self._make(name):
                    return name
        except OSError as exc:
            log.error("a token's uses cannot be counted", error=str(exc))
        return None

    def _make(self, name: str) -> bool:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        try:
            os.close(os.open(self._directory / name, flags, 0o600))
        except FileExistsError:
            return False
        return True

    def _remove(self, name: str) -> None:
        try:
            (self._directory / name).unlink(missing_ok=True)
        except OSError as exc:
            log.error("a token's use cannot be given back", error=str(exc))

    def _sweep(self, now_s: float) -> None:
        """Remove what belongs to tokens that have expired."""
        if 0 <= now_s - self._swept_s < SWEEP_EVERY_S:
            return
        self._swept_s = now_s
        for path in self._directory.iterdir():
            expires_at, _, _ = path.name.partition("-")
            if expires_at.isdecimal() and int(expires_at) < now_s:
                path.unlink(missing_ok=True)
