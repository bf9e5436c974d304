"""How often a token was used, by files."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from tests.support.patience import PATIENCE_S

from trunkline.clock import wall_ns
from trunkline.protocol.token import Token
from trunkline.relay.uses import Uses


async def test_who_leaves_while_it_is_counted_has_not_used_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, made = threading.Event(), threading.Event(), threading.Event()
    make = Uses._make

    def slow(uses: Uses, name: str) -> bool:
        begun.set()
        go_on.wait(PATIENCE_S)
        try:
            return make(uses, name)
        finally:
            made.set()

    expires_at_s = wall_ns() // 10**9 + 60
    token = Token(id="t", key_id="k", expires_at_s=expires_at_s, provider="", uses=1)
    uses = Uses(tmp_path)
    monkeypatch.setattr(Uses, "_make", slow)
    taking = asyncio.create_task(uses.take(token))
    assert await asyncio.to_thread(begun.wait, PATIENCE_S)
    taking.cancel()
    await asyncio.wait([taking])
    go_on.set()
    assert await asyncio.to_thread(made.wait, PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while not (use := await uses.take(token)):
            await asyncio.sleep(0.001)
    assert [path.name for path in tmp_path.iterdir()] == [use]
