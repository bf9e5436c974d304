"""A peer that does not read: little waits for it, nothing is lost, and others do not notice."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.relay.bystanders import Trips, bystanders
from tests.relay.peer import BINARY, PING, PONG, TEXT, Peer, frame, peers, switching
from tests.relay.process import GatewayProcess, gateway_process
from tests.relay.world import HANDSHAKE, tcp, world
from tests.support.measured import measured
from tests.support.patience import PATIENCE_S

from trunkline.journal.record import Kind, Leg

MIB = 1024 * 1024
LIMIT_BYTES = 4 * MIB
"""The default of `max_buffer_bytes`."""
READ_BYTES = 256 * 1024
"""What the gateway reads at once: it may come on top."""
SPARE_BYTES = 16 * MIB
"""For what is on its way into the journal."""
MESSAGE_BYTES = 40_000
OTHERS = 5
MOST_MS = 20
"""Of a hundred of the others' round trips, all but one."""


def burst(count: int) -> Iterator[bytes]:
    """Yield so many different messages."""
    for number in range(count):
        yield b'{"type":"response.output_audio.delta","delta":"%040000d"}' % number


async def say(speaker: Peer, count: int) -> None:
    for message in burst(count):
        speaker.send(TEXT, message)
        await speaker.writer.drain()


async def hear(peer: Peer, count: int) -> str:
    """Return the digest of the next `count` messages. The gateway may ask whether we live."""
    total = hashlib.sha256()
    while count:
        if (got := await peer.recv(PATIENCE_S)).opcode == PING:
            peer.send(PONG, got.payload)
        else:
            total.update(got.payload)
            count -= 1
    return total.hexdigest()


async def most_waiting(gateway: GatewayProcess, slow: Leg) -> int:
    """Return how many bytes waited for the slow leg, at the most, as the gateway tells it."""
    async with asyncio.timeout(PATIENCE_S):
        while not (most := _leg(gateway, slow)):
            await asyncio.sleep(0.1)
    return most


def _leg(gateway: GatewayProcess, slow: Leg) -> int:
    figures = gateway.figures
    return (figures.caller if slow is Leg.CALLER else figures.provider).buffered_bytes


async def slowed(directory: Path, case: str, slow: Leg, count: int, trips: int) -> Trips:
    """Have one peer not read for a while, then all. Returns how the others fared meanwhile."""
    async with peers() as ends:
        with gateway_process(directory, ends.url) as gateway:
            async with bystanders(ends, gateway.port, OTHERS) as others:
                alone = await others.for_some(trips)
                caller, provider = await ends.call(gateway.port)
                reader, speaker = (caller, provider) if slow is Leg.CALLER else (provider, caller)
                base_bytes = gateway.resident_bytes
                gateway.forget_peak()
                sending = asyncio.create_task(say(speaker, count))
                stopped = await others.for_some(trips)
                assert not sending.done()
                waiting_bytes = await most_waiting(gateway, slow)
                grown_bytes = gateway.peak_bytes - base_bytes
                others.since_asked()
                heard = await hear(reader, count)
                going = others.since_asked()
                await sending
            caller.leave()
            provider.leave()
            await gateway.closed(OTHERS + 1, timeout_s=60)
            said = hashlib.sha256(b"".join(burst(count))).hexdigest()
            kept = hashlib.sha256()
            for record in gateway.records(Kind.FRAME):
                if record.leg is slow.other and len(record.payload) > MESSAGE_BYTES:
                    kept.update(record.payload)
    assert heard == said
    assert kept.hexdigest() == said
    assert LIMIT_BYTES / 2 < waiting_bytes <= LIMIT_BYTES + READ_BYTES
    assert grown_bytes < LIMIT_BYTES + SPARE_BYTES
    measured(
        case,
        f"{count * MESSAGE_BYTES / 1e6:.0f} MB: {waiting_bytes / MIB:.1f} MiB waited, memory grew "
        f"by {grown_bytes / MIB:.1f} MiB; others {stopped}, while it went on {going}, "
        f"before {alone}",
    )
    return Trips(stopped.times_ns + going.times_ns)


SLOW = [
    pytest.param("B1", Leg.CALLER, marks=pytest.mark.guarantee("B1")),
    pytest.param("B2", Leg.PROVIDER, marks=pytest.mark.guarantee("B2")),
]


@pytest.mark.parametrize(("case", "slow"), SLOW)
async def test_who_does_not_read_makes_the_other_wait_and_loses_nothing(
    tmp_path: Path, case: str, slow: Leg
) -> None:
    await slowed(tmp_path, case, slow, count=800, trips=300)


@pytest.mark.soak
@pytest.mark.parametrize(("case", "slow"), SLOW)
async def test_a_burst_of_a_hundred_megabytes_costs_others_nothing(
    tmp_path: Path, case: str, slow: Leg
) -> None:
    assert (await slowed(tmp_path, case, slow, count=2500, trips=1500)).at(0.99) < MOST_MS


@pytest.mark.usefixtures("way")
@pytest.mark.guarantee("B2")
async def test_who_spoke_before_the_provider_could_hear_has_to_wait_as_well(
    tmp_path: Path,
) -> None:
    """What came while it was dialled fills its leg at once: then nothing more is read."""
    said = asyncio.Event()
    message = frame(BINARY, b"x" * 60_000, masked=True)
    early_bytes = 24 * MIB // len(message) * len(message)

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await said.wait()
        reader._transport.pause_reading()  # pyright: ignore
        writer.write(switching(head))
        await asyncio.Event().wait()

    async with tcp(deaf) as port:
        url = f"ws://127.0.0.1:{port}/v1/realtime"
        async with world(
            tmp_path, openai_url=url, slow_leg_timeout_ms=1000, journal_bytes=256 * MIB
        ) as w:
            _, writer = await asyncio.open_connection("127.0.0.1", w.port)
            writer.write(HANDSHAKE + message * (early_bytes // len(message)))
            await writer.drain()
            said.set()
            sending = asyncio.create_task(without_end(writer, message))
            closed = await w.journal.closed()
            sending.cancel()
            writer.transport.abort()
    assert closed.end_reason == "provider_too_slow"
    assert 0 < closed.caller_bytes <= early_bytes


async def without_end(writer: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(data)
            await writer.drain()
