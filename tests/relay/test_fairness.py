"""One call that sends without end, and others that do not notice."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from tests.relay.bystanders import Trips, bystanders
from tests.relay.peer import BINARY, CLOSE, CONTINUATION, TEXT, Peer, frame, peers
from tests.relay.process import gateway_process
from tests.relay.world import world
from tests.support.measured import measured

from trunkline.journal.record import Leg

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


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_very_many_frames_at_once_arrive_whole_before_a_close(
    tmp_path: Path, secure: bool
) -> None:
    """They have their turns, and what follows them waits: the close, and the connection's end."""
    count, serving, trusting = 20_000, None, None
    if secure:
        authority, trusting = trustme.CA(), ssl.create_default_context()
        authority.configure_trust(trusting)
        serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(serving)
    async with peers() as ends, world(tmp_path, tls=serving, openai_url=ends.url) as w:
        caller, provider = await ends.call(w.port, tls=trusting)
        sent = [b"%d" % number for number in range(count)]
        frames = b"".join(frame(BINARY, one, masked=True) for one in sent)
        caller.write(frames + frame(CLOSE, b"\x03\xe8", masked=True))
        caller.writer.close()
        messages, code = await provider.until_close()
        provider.close(code)
        closed = await w.journal.closed()
    assert messages == sent
    assert code == 1000
    assert w.journal.frames(Leg.CALLER) == sent
    assert closed.end_reason == "caller_closed"
