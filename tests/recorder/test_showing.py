"""A real recorder shows what runs, to whoever watches, and lets them hear it."""

import asyncio
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.recorder.journals import ORG, Journal, MemoryFacts, a_call, recording, ulid
from tests.support.patience import PATIENCE_S

from trunkline import ids
from trunkline.clock import monotonic_ns
from trunkline.journal.record import Flag, Kind, Leg, Record
from trunkline.live.board import Board, Watch
from trunkline.live.listening import Listener
from trunkline.live.running import LISTEN_RATE_HZ, News
from trunkline.protocol.call import Opened


@pytest.fixture
def facts() -> MemoryFacts:
    return MemoryFacts()


async def until(watch: Watch, what: Any) -> News:
    """Return the first news of which `what` is true."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            news = await watch.news(1)
            if news is not None and what(news):
                return news


def now_opened(number: int, org_id: str = ORG) -> Record:
    """A call that is opened this moment, so that its clock runs."""
    call = ulid(number)
    opened = Opened(
        call_id=ids.call_id(call), wall_ns=0, opened_ns=monotonic_ns(), org_id=org_id, key_id="k"
    )
    payload = json.dumps(
        {"call_id": opened.call_id, "wall_ns": 0, "opened_ns": opened.opened_ns, "org_id": org_id}
    )
    return Record(Kind.OPENED, call, 0, Leg.NONE, Flag(0), opened.opened_ns, 0, payload.encode())


def frame(number: int, seq: int, leg: Leg, **event: Any) -> Record:
    at_ns = monotonic_ns()
    return Record(
        Kind.FRAME, ulid(number), seq, leg, Flag(0), at_ns, at_ns, json.dumps(event).encode()
    )


def tone(length_ms: int) -> str:
    # 400 Hz: whole periods in whole tenths of a second, and never exactly nothing.
    wave = (np.sin(np.arange(24 * length_ms) * 2 * np.pi / 60 + 0.05) * 16_000).astype("<i2")
    return b64encode(wave.tobytes()).decode()


async def test_what_runs_is_shown_from_its_first_row_to_its_end(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    board = Board()
    *begun, closed = a_call(1)
    call_id = ids.call_id(ulid(1))
    async with recording(tmp_path, facts, board=board):
        with board.watching(ORG) as watch, board.watching("org_other") as other:
            assert (await until(watch, lambda news: news.whole)).calls == ()
            journal.write(begun)
            news = await until(watch, lambda news: news.calls)
            assert [call.call_id for call in news.calls] == [call_id]
            assert facts.call(call_id).status == "live", "it can be asked about"
            assert news.calls[0].stored >= 0
            journal.write([closed])
            news = await until(watch, lambda news: news.ended)
            assert news.ended == (call_id,)
            assert (await until(other, lambda news: news.whole)).calls == ()


async def hear(listener: Listener, count: int) -> bytes:
    heard = b""
    async with asyncio.timeout(PATIENCE_S):
        while len(heard) < count and not listener.over:
            heard += await listener.sound(1)
    return heard


async def hear_all_of(listener: Listener, count: int) -> Any:
    """Return what is heard until so many samples of the assistant's were."""
    heard = b""
    while True:
        heard += await hear(listener, 1)
        both = np.frombuffer(heard, "<i2").reshape(-1, 2)
        if np.count_nonzero(both[:, 1]) >= count or listener.over:
            return both


async def test_one_hears_what_is_said_and_then_the_end(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    board = Board()
    opened = now_opened(1)
    call_id = ids.call_id(ulid(1))
    async with recording(tmp_path, facts, board=board):
        journal.write([opened])
        with board.listeners.listening(ORG, call_id) as listener:
            assert not any(await hear(listener, 1)), "nobody has said anything"
            delta = tone(1000)
            journal.write(
                [
                    frame(1, 1, Leg.CALLER, type="input_audio_buffer.append", audio=tone(500)),
                    frame(
                        1, 2, Leg.PROVIDER, type="response.output_audio.delta",
                        response_id="r", item_id="i", content_index=0, delta=delta,
                    ),
                ]
            )  # fmt: skip
            both = await hear_all_of(listener, LISTEN_RATE_HZ - 500)
            assert abs(np.count_nonzero(both[:, 0]) - LISTEN_RATE_HZ // 2) < 500
            assert abs(np.count_nonzero(both[:, 1]) - LISTEN_RATE_HZ) < 500
            journal.write([Record(Kind.CLOSED, ulid(1), 3, Leg.NONE, Flag(0), monotonic_ns())])
            async with asyncio.timeout(PATIENCE_S):
                while not listener.over:
                    await listener.sound(1)


async def test_who_comes_in_the_middle_of_an_answer_hears_the_rest(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    board = Board()
    opened = now_opened(1)
    call_id = ids.call_id(ulid(1))
    sent = [
        frame(
            1, seq, Leg.PROVIDER, type="response.output_audio.delta",
            response_id="r", item_id="i", content_index=0, delta=tone(1000),
        )
        for seq in range(1, 7)
    ]  # fmt: skip
    async with recording(tmp_path, facts, board=board) as recorder:
        journal.write([opened, *sent])
        await recorder.caught_up()
        with board.listeners.listening(ORG, call_id) as listener:
            both = await hear_all_of(listener, LISTEN_RATE_HZ // 2)
    # A tone whose pieces lie end to end where they belong has no jump in it.
    loud = both[np.flatnonzero(both[:, 1]), 1].astype(int)
    assert np.abs(np.diff(loud)).max() < 3500


async def test_a_call_that_does_not_run_has_nothing_to_hear(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    board = Board()
    async with recording(tmp_path, facts, board=board):
        with board.listeners.listening(ORG, ids.call_id(ulid(9))) as listener:
            assert await hear(listener, 1) == b""
            assert listener.over
