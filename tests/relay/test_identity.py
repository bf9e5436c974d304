"""What one leg sends is what the other gets and what the journal holds, byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.relay.peer import BINARY, PING, PONG, Peer, peers
from tests.relay.traffic import Message, digest, frames_of
from tests.relay.world import new_loop, short_way, world
from tests.support.odd import BOMBS, ODD

from trunkline.journal.record import Flag, Kind, Leg


@dataclass(frozen=True)
class Sent:
    """A message, and how it is cut into fragments."""

    message: Message
    cuts: list[int]
    pings: bool

    def as_bytes(self, *, masked: bool) -> bytes:
        return frames_of(self.message, self.cuts, masked=masked, pings=self.pings)


Script = list[Sent]

_SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 70_000)
"""Around the steps of a frame's length field."""
TEXTS = st.one_of(
    st.text(max_size=300).map(str.encode),
    st.sampled_from(list(ODD.values())),
    st.sampled_from(_SIZES).map(lambda size: b"x" * size),
    # Sound events, damaged in one place, as real bugs damage them.
    st.tuples(st.integers(0, 40), st.sampled_from('{}[]":,\\e0 ')).map(
        lambda at: _damaged(b'{"type":"response.create","event_id":"e1"}', *at)
    ),
)
SENT = st.builds(
    Sent,
    st.one_of(
        st.builds(Message, TEXTS, st.just(False)),
        st.builds(Message, st.binary(max_size=300), st.just(True)),
    ),
    st.lists(st.integers(0, 100_000), max_size=3),
    st.booleans(),
)
UNKNOWN = {**ODD, **BOMBS}
SEGMENTS = st.lists(st.integers(1, 70_000), max_size=30)
"""Sizes of what is written at once; then the rest is."""


def _damaged(event: bytes, at: int, with_: str) -> bytes:
    return event[:at] + with_.encode() + event[at + 1 :]


Talk = Callable[[dict[Leg, Script], list[int]], None]
"""Has both peers of a new call say their scripts at once, and checks what arrived."""


async def talked(directory: Path, scripts: dict[Leg, Script], sizes: list[int]) -> None:
    up, down = scripts[Leg.CALLER], scripts[Leg.PROVIDER]
    room_bytes = 2 * sum(len(one.message.payload) for one in (*up, *down)) + 1024 * 1024
    async with (
        peers() as ends,
        world(directory, openai_url=ends.url, journal_bytes=room_bytes) as w,
    ):
        caller, provider = await ends.call(w.port)
        _, _, got_up, got_down = await asyncio.gather(
            said(caller, up, sizes),
            said(provider, down, sizes),
            heard(provider, len(up)),
            heard(caller, len(down)),
        )
        caller.close(1000)
        provider.close((await provider.until_close())[1])
        closed = await w.journal.closed()
    assert got_up == [one.message for one in up]
    assert got_down == [one.message for one in down]
    assert closed.end_reason == "caller_closed"
    for leg, script in scripts.items():
        kept = [
            Message(record.payload, bool(record.flags & Flag.BINARY))
            for record in w.journal.of(Kind.FRAME)
            if record.leg is leg
        ]
        assert digest(kept) == digest(one.message for one in script)


async def said(peer: Peer, script: Script, sizes: list[int]) -> None:
    """Send all of a script, first in segments of these sizes."""
    data = memoryview(b"".join(one.as_bytes(masked=peer.masks) for one in script))
    for size in sizes:
        peer.write(bytes(data[:size]))
        data = data[size:]
        # So that it goes out now, and not with what comes next.
        await asyncio.sleep(0)
    peer.write(bytes(data))
    await peer.writer.drain()


async def heard(peer: Peer, count: int) -> list[Message]:
    """Return the next messages; its pings are answered by the gateway, in between."""
    found: list[Message] = []
    while len(found) < count:
        got = await peer.recv()
        assert got.final
        assert got.opcode != PING
        if got.opcode != PONG:
            found.append(Message(got.payload, got.opcode == BINARY))
    return found


@pytest.fixture(scope="module", params=["short", "long"])
def talk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Talk]:
    """Frames go the short way, which was compiled, and then all the long way."""
    directory = tmp_path_factory.mktemp("gateway")
    before = short_way.set(request.param == "short")
    with asyncio.Runner(loop_factory=new_loop) as runner:
        yield lambda scripts, sizes: runner.run(talked(directory, scripts, sizes))
    short_way.reset(before)


@pytest.mark.guarantee("R2")
@settings(max_examples=40)
@given(up=st.lists(SENT, max_size=6), down=st.lists(SENT, max_size=6), sizes=SEGMENTS)
def test_every_message_arrives_and_is_kept_as_it_was(
    talk: Talk, up: Script, down: Script, sizes: list[int]
) -> None:
    """However it is cut into fragments and segments, and whatever comes between."""
    talk({Leg.CALLER: up, Leg.PROVIDER: down}, sizes)


@pytest.mark.guarantee("R3")
@pytest.mark.guarantee("B5")
@pytest.mark.parametrize("payload", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_no_event_of_ours_goes_on_untouched(talk: Talk, payload: bytes) -> None:
    script = [Sent(Message(one), [], False) for one in (payload, b"{}")]
    talk({Leg.CALLER: script, Leg.PROVIDER: script}, [])
