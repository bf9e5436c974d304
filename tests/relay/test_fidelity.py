"""A long conversation: the other leg, and the archive, have every byte of what was said."""

import asyncio
import random
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from tests.recorder.journals import MemoryFacts, recording
from tests.relay.peer import BINARY, PING, PONG, Peer, peers
from tests.relay.process import gateway_process
from tests.relay.traffic import Message, digest, fragmented, of_a_call, segments
from tests.support.measured import measured

from trunkline.journal.record import Flag, Kind, Leg, Record
from trunkline.protocol.call import Closed
from trunkline.store.archive import ArchiveReader
from trunkline.store.blobs import Blobs, parse_key

FRAMES_PER_S = 25
SEED = 20261125
HEARD_S, SEALED_S = 60.0, 600.0
"""For the next message, and for the archive; only to find what hangs."""


def conversation(leg: Leg, seconds: int) -> Iterator[Message]:
    """Yield what one peer says in a call of so many seconds, the same each time."""
    return islice(of_a_call(leg, random.Random(f"{SEED} {leg}")), seconds * FRAMES_PER_S)


async def say(peer: Peer, messages: Iterable[Message], chance: random.Random) -> None:
    """Send them as fast as the gateway takes them, cut into fragments and segments anyhow."""
    for message in messages:
        for piece in segments(fragmented(message, chance, masked=peer.masks), chance):
            peer.write(piece)
            await asyncio.sleep(0)
        await peer.writer.drain()


async def hear(peer: Peer, count: int) -> str:
    """Return the digest of the next `count` messages."""
    found: list[Message] = []
    while len(found) < count:
        got = await peer.recv(HEARD_S)
        assert got.opcode != PING
        if got.opcode != PONG:
            found.append(Message(got.payload, got.opcode == BINARY))
    return digest(found)


async def archived(data: Path) -> list[Record]:
    """Wait until the only call there was is archived; return its records."""
    blobs = Blobs.open("", data / "blobs")
    async with asyncio.timeout(SEALED_S):
        while not (found := [blob async for blob in blobs.list("org") if _is_archive(blob)]):
            await asyncio.sleep(0.05)
    reader = await ArchiveReader.open(blobs, found[0])
    return [record async for record in reader.records()]


def _is_archive(blob: str) -> bool:
    key = parse_key(blob)
    return key is not None and key[2] == "archive"


async def carried(directory: Path, seconds: int) -> None:
    """Have a call of so much conversation, and compare what was said, heard and kept."""
    said = {leg: digest(conversation(leg, seconds)) for leg in (Leg.CALLER, Leg.PROVIDER)}
    count, chance = seconds * FRAMES_PER_S, random.Random(SEED)
    async with peers() as ends:
        with gateway_process(directory, ends.url) as gateway:
            async with recording(gateway.data, MemoryFacts()):
                caller, provider = await ends.call(gateway.port)
                began_s = time.monotonic()
                _, _, by_provider, by_caller = await asyncio.gather(
                    say(caller, conversation(Leg.CALLER, seconds), chance),
                    say(provider, conversation(Leg.PROVIDER, seconds), chance),
                    hear(provider, count),
                    hear(caller, count),
                )
                taken_s = time.monotonic() - began_s
                caller.close(1000)
                provider.close((await provider.until_close())[1])
                records = await archived(gateway.data)
    closed = msgspec.json.decode(records[-1].payload, type=Closed)
    assert {Leg.CALLER: by_provider, Leg.PROVIDER: by_caller} == said
    assert {leg: digest(messages_of(records, leg)) for leg in said} == said
    assert [record.seq for record in records] == list(range(len(records)))
    assert closed.end_reason == "caller_closed"
    measured("R2", f"{2 * count} messages of {seconds} s of conversation in {taken_s:.1f} s")


def messages_of(records: Iterable[Record], leg: Leg) -> Iterator[Message]:
    for record in records:
        if record.kind is Kind.FRAME and record.leg is leg:
            yield Message(record.payload, bool(record.flags & Flag.BINARY))


@pytest.mark.guarantee("R2")
@pytest.mark.guarantee("R3")
async def test_a_call_is_heard_and_archived_as_it_was_said(tmp_path: Path) -> None:
    await carried(tmp_path, seconds=20)


@pytest.mark.soak
@pytest.mark.guarantee("R2")
@pytest.mark.guarantee("R3")
async def test_ten_minutes_are_heard_and_archived_as_they_were_said(tmp_path: Path) -> None:
    await carried(tmp_path, seconds=600)
