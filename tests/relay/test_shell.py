"""Whole calls over real sockets: a provider, the gateway, a caller."""

from __future__ import annotations

from pathlib import Path

from tests.relay.world import echo, world

from trunkline.journal.record import Kind, Leg


async def test_frames_come_back_in_order_and_are_all_journalled(tmp_path: Path) -> None:
    sent = [f'{{"type":"n","n":{number}}}' for number in range(200)]
    async with world(tmp_path, echo) as w:
        async with w.call() as caller:
            for text in sent:
                await caller.send(text)
            assert [await caller.recv() for _ in sent] == sent
        closed = await w.journal.closed()
    assert (closed.status, closed.end_reason, closed.caller_close_code) == (
        "completed", "caller_closed", 1000,
    )  # fmt: skip
    assert (closed.caller_frames, closed.provider_frames) == (200, 200)
    assert w.journal.frames(Leg.CALLER) == [text.encode() for text in sent]
    assert [record.seq for record in w.journal.records] == list(range(len(w.journal.records)))
    assert [w.journal.records[0].kind, w.journal.records[-1].kind] == [Kind.OPENED, Kind.CLOSED]
