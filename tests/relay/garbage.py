"""What calls leave is gone when they are over, and not when the garbage collector comes by."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable

from tests.support.patience import PATIENCE_S


@contextlib.asynccontextmanager
async def nothing_left(
    *kinds: type, within_s: float = PATIENCE_S
) -> AsyncIterator[Callable[[], list[object]]]:
    """Wait until nothing of these kinds is left that came within the block, without a collector.

    What is yielded returns what there is of it.
    """
    before = {id(it) for it in gc.get_objects() if issubclass(type(it), kinds)}

    def made() -> list[object]:
        found = (it for it in gc.get_objects() if issubclass(type(it), kinds))
        return [it for it in found if id(it) not in before]

    gc.disable()
    try:
        yield made
        async with asyncio.timeout(within_s):
            while made():
                await asyncio.sleep(0.01)
    finally:
        gc.enable()
