"""I/O. Answers that may be some seconds old, so that open pages do not all ask the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_MAX_KEPT = 1000


class Recent(Generic[T]):
    """The last answer to each question, asked for again when it is too old."""

    def __init__(self, max_age_s: float) -> None:
        self._max_age_us = int(max_age_s * 1_000_000)
        self._kept: dict[str, tuple[int, asyncio.Future[T]]] = {}

    async def get(self, about: str, now_us: int, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the answer to `ask`, at most so old. Requests at the same time share one.

        `about` tells questions apart: it names the organisation, and whatever else `ask` does.
        """
        kept = self._kept.get(about)
        if kept is None or not 0 <= now_us - kept[0] < self._max_age_us or _failed(kept[1]):
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            kept = now_us, asyncio.ensure_future(ask())
            self._kept[about] = kept
        # A reader who goes away must not take the answer with it from the others.
        return await asyncio.shield(kept[1])


def _failed(answer: asyncio.Future[T]) -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)
