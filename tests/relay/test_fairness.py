"""One call that sends without end, and others that do not notice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.relay.bystanders import Trips, bystanders
from tests.relay.peer import BINARY, CONTINUATION, TEXT, Peer, frame, peers
from tests.relay.process import gateway_process
from tests.support.measured import measured

OTHERS = 5
MOST_MS = 20
"""Of a hundred of the others' round trips, all but one (B11)."""


def event(fields: bytes) -> bytes:
    return frame(TEXT, b'{"type":"' + fields + b"}", masked=True)


def fragments(count: int, payload: bytes) -> bytes:
    """Return a message in so many fragments."""
    more = frame(CONTINUATION, payload, masked=True, final=False) * (count - 2)
    first = frame(TEXT, payload, masked=True, final=False)
    return first + more + frame(CONTINUATION, payload, masked=True)


HOGS = {
    "sound": event(b'input_audio_buffer.append","audio":"' + b"A" * 3200 + b'"'),
    "small events": event(b'input_audio_buffer.clear"'),
    "session updates": event(b'session.update","session":{"type":"realtime"}'),
    "nothing as text": frame(TEXT, masked=True),
    "nothing as binary": frame(BINARY, masked=True),
    "letters in two fragments": fragments(2, b"a"),
    "nothing in very many fragments": fragments(100_000, b""),
}


async def hog(caller: Peer, data: bytes) -> None:
    """Send the same again and again, as fast as it is taken."""
    some = data * max(1, 65536 // len(data))
    while True:
        caller.write(some)
        await caller.writer.drain()


async def swallow(provider: Peer) -> None:
    while await provider.reader.read(65536):
        pass


async def beside(directory: Path, data: bytes, trips: int, *, compiled: bool = True) -> Trips:
    """Return how long the others' frames take beside a hog. `compiled`: the gateway's setting."""
    async with peers() as ends:
        with gateway_process(directory, ends.url, compiled=compiled) as gateway:
            async with bystanders(ends, gateway.port, OTHERS) as others:
                alone = await others.for_some(trips)
                caller, provider = await ends.call(gateway.port)
                tasks = [
                    asyncio.create_task(work) for work in (hog(caller, data), swallow(provider))
                ]
                meanwhile = await others.for_some(trips)
                assert not any(task.done() for task in tasks)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                caller.leave()
    measured("B11", f"{meanwhile}; before, {alone}")
    return meanwhile


@pytest.mark.guarantee("B11")
async def test_a_call_that_sends_without_end_lets_the_others_speak(tmp_path: Path) -> None:
    await beside(tmp_path, HOGS["nothing as binary"], 300)


@pytest.mark.soak
@pytest.mark.guarantee("B11")
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "in Python"])
@pytest.mark.parametrize("data", HOGS.values(), ids=HOGS.keys())
async def test_who_sends_without_end_costs_others_no_twenty_milliseconds(
    tmp_path: Path, data: bytes, compiled: bool
) -> None:
    assert (await beside(tmp_path, data, 1000, compiled=compiled)).at(0.99) < MOST_MS
