"""The short way of a frame does what the long way does, however the bytes arrive."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from tests.relay.world import BatchJournal, ListJournal

from trunkline.journal.record import Kind, Leg, Record
from trunkline.protocol.call import Dialect
from trunkline.relay._pump import Pump
from trunkline.relay.core import Core, Limits
from trunkline.relay.lanes import Lanes
from trunkline.relay.ledger import Ledger
from trunkline.relay.meter import Meter
from trunkline.relay.shell import Call
from trunkline.relay.way import MARK
from trunkline.relay.wire import (
    Complaints,
    Joint,
    caller_wire,
    expected_accept,
    feed,
    provider_wire,
    request_head,
    response_head,
)
from trunkline.settings import Settings

CALL = b"call-of-16-bytes"
MASK = b"\x11\x22\x33\x44"
SECRET = b"sk-provider-secret-of-a-good-length"
SETTINGS = Settings(max_frame_bytes=300_000)
EVENT = b'{"type":"input_audio_buffer.append","audio":"%s"}'
UPDATE = b'{"type":"session.update","session":{"modalities":["text"]}}'
"""What a beta caller says first, but for its header."""


def frame(payload: bytes, leg: Leg, first: int = 0x81) -> bytes:
    """Return `payload` as one frame that `leg`'s peer sends."""
    size, masked = len(payload), 0x80 if leg is Leg.CALLER else 0
    if size < 126:
        head = bytes([first, masked | size])
    elif size < 65536:
        head = bytes([first, masked | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, masked | 127]) + size.to_bytes(8, "big")
    return head + (MASK + masked_with(MASK, payload) if masked else payload)


def masked_with(mask: bytes, payload: bytes) -> bytes:
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield first byte and payload of each frame in `data`."""
    at = 0
    while at < len(data):
        first, second = data[at : at + 2]
        size, more = second & 0x7F, {126: 2, 127: 8}.get(second & 0x7F, 0)
        at += 2
        if more:
            size = int.from_bytes(data[at : at + more], "big")
            at += more
        mask = data[at : at + 4] if second & 0x80 else bytes(4)
        at += 4 if second & 0x80 else 0
        yield first, masked_with(mask, data[at : at + size])
        at += size


class Transport:
    """A TLS transport that takes what it is given."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.written = bytearray()
        self.reading = True
        self.closed = False
        self.waiting_bytes = 0
        self.full = False
        """With the next that is written."""
        self.protocol: Any = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"socket": self.connection, "ssl_object": self}.get(name, default)

    def write(self, data: bytes) -> None:
        self.written += data
        if self.full:
            self.protocol.pause_writing()

    def writelines(self, parts: list[bytes]) -> None:
        for part in parts:
            self.write(part)

    def get_write_buffer_size(self) -> int:
        return self.waiting_bytes

    def set_write_buffer_limits(self, high: int, low: int) -> None: ...

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


@dataclass
class Run:
    """One call between two transports."""

    caller: Transport
    provider: Transport
    call: Call
    core: Core
    journal: ListJournal
    meter: Meter
    lanes: Lanes | None
    pump: Pump

    def arrives(self, leg: Leg, data: bytes) -> None:
        """Have `data` come from the peer of `leg`."""
        protocol = (self.caller if leg is Leg.CALLER else self.provider).protocol
        while data:
            buffer = protocol.get_buffer(-1)
            count = min(len(buffer), len(data))
            buffer[:count] = data[:count]
            protocol.buffer_updated(count)
            data = data[count:]

    def outcome(self) -> tuple[Any, ...]:
        """What its peers were sent, and what was recorded, but for the times."""
        self.call.tick(0)
        # What was kept after a leg broke a rule is picows' guess, and depends on the cuts.
        records = [
            (r.kind, r.leg, r.flags, r.payload)
            for r in self.journal.records
            if r.kind is not Kind.FRAME or r.handed_ns or r.flags
        ]
        if self.lanes is not None:
            self.lanes.drain(self.meter)
        return (
            bytes(self.caller.written),
            list(frames(bytes(self.provider.written))),
            self.caller.closed,
            self.provider.closed,
            records,
            self.meter.bytes,
            [self.meter.frames(leg) for leg in Leg],
        )


@pytest.fixture(scope="module")
def connection() -> Iterator[socket.socket]:
    """Any TCP socket: picows asks it for options."""
    with socket.socket() as made:
        yield made


def begun(connection: socket.socket, *, short: bool, bridged: bool, watched: bool) -> Run:
    """Return a call that has just begun."""
    journal = BatchJournal(16 * 1024 * 1024) if short else ListJournal()
    pump = Pump()
    lanes = Lanes(journal.batch, pump) if isinstance(journal, BatchJournal) else None
    ledger = Ledger(journal, CALL, Counter())
    ledger.hide(SECRET)
    spoken: Dialect | None = "ga" if bridged or watched else None
    speaks: Dialect | None = "beta" if bridged else spoken
    core = Core("call_1", Limits.of(SETTINGS), 0, caller=speaks, provider=spoken)
    meter = Meter()
    call = Call("call_1", "key_1", core, ledger, meter, SETTINGS)
    caller, provider = Transport(connection), Transport(connection)
    ours: Any = caller
    theirs: Any = provider
    limit = SETTINGS.max_frame_bytes
    wire = caller_wire(call.caller, Complaints(call.caller.violated), limit, [])
    wire.connection_made(ours)
    feed(wire, request_head("dGhlIHNhbXBsZSBub25jZQ=="))
    dialled = provider_wire(
        "host", "/", lambda: call.provider, Complaints(call.provider.violated), limit, []
    )
    dialled.connection_made(theirs)
    feed(dialled, response_head(expected_accept(dialled)))
    caller.written.clear()
    provider.written.clear()
    call.begin(Joint(ours, wire), b"", Joint(theirs, dialled), b"", lanes)
    return Run(caller, provider, call, core, journal, meter, lanes, pump)


# A number stands for as many letters: failures are told in full.
texts = st.one_of(
    st.binary(max_size=200).map(lambda audio: EVENT % audio.hex().encode()),
    st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 262_100, 262_200]),
    st.text(max_size=50).map(str.encode),
    st.sampled_from([UPDATE, MARK, b'{"error":"%s"}' % SECRET, EVENT % (b"y" * 300) + MARK]),
)
pieces = st.one_of(
    st.tuples(st.just(0x81), texts),
    st.tuples(st.just(0x81), texts),
    st.tuples(st.just(0x81), texts),
    st.tuples(st.sampled_from([0x82, 0x89, 0x8A, 0x01, 0x00, 0x80]), st.binary(max_size=100)),
    # What ends a call: not UTF-8, too big, a reserved bit, an unknown opcode, a close.
    st.tuples(st.just(0x81), st.sampled_from([b"\xff", b"\xed\xa0\x80", 300_001])),
    st.tuples(st.sampled_from([0xC1, 0x83]), st.just(b"x")),
    st.tuples(st.just(0x88), st.sampled_from([b"", b"\x03\xe8bye", b"\x00\x01"])),
)
told = st.lists(
    st.tuples(
        st.sampled_from([Leg.CALLER, Leg.PROVIDER]),
        st.lists(pieces, max_size=5),
        st.lists(st.floats(0, 1), max_size=3).map(sorted),
    ),
    max_size=6,
)
"""Who speaks, what, and where in it, as shares of its length, the bytes are cut."""


@given(told, st.booleans(), st.booleans())
async def test_both_ways_lead_to_the_same(
    connection: socket.socket, said: Any, bridged: bool, watched: bool
) -> None:
    """The long way is given frame by frame, the short way the same bytes cut anywhere.

    Until the call ends: what picows makes of bytes behind a broken frame depends on how
    they were cut, and nobody is there any more to whom it matters.
    """
    long = begun(connection, short=False, bridged=bridged, watched=watched)
    short = begun(connection, short=True, bridged=bridged, watched=watched)
    for leg, several, shares in said:
        written = list[bytes]()
        for first, payload in several:
            text = payload if isinstance(payload, bytes) else b"x" * payload
            if not long.core.ending:
                written.append(frame(text, leg, first))
                long.arrives(leg, written[-1])
        data = b"".join(written)
        cuts = [int(share * len(data)) for share in shares]
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            short.arrives(leg, data[start:end])
    # Not with `==` in an assertion: the difference of two long texts takes minutes to make.
    if short.outcome() != long.outcome():
        pytest.fail("the two ways differ")


@pytest_asyncio.fixture
async def run(connection: socket.socket) -> Run:
    """A call whose dialect is known."""
    return begun(connection, short=True, bridged=False, watched=False)


def of(run: Run, kind: Kind) -> list[Record]:
    return [record for record in run.journal.records if record.kind is kind]


async def test_what_a_provider_sends_is_not_even_copied_into_another_frame(run: Run) -> None:
    data = b"".join(frame(EVENT % (b"z" * size), Leg.PROVIDER) for size in (10, 4_000, 70_000))
    run.arrives(Leg.PROVIDER, data)
    assert run.caller.written == data
    assert [len(record.payload) for record in of(run, Kind.FRAME)] == [57, 4_047, 70_047]


async def test_a_run_of_frames_is_written_at_once_and_has_one_time(run: Run) -> None:
    run.arrives(Leg.CALLER, frame(b"one", Leg.CALLER) + frame(b"two", Leg.CALLER))
    one, two = of(run, Kind.FRAME)
    assert (one.received_ns, one.handed_ns) == (two.received_ns, two.handed_ns)
    assert 0 < one.received_ns <= one.handed_ns
    assert (one.seq, two.seq) == (0, 1)


async def test_the_core_is_told_before_anything_else_happens(run: Run) -> None:
    run.arrives(Leg.CALLER, frame(b"one", Leg.CALLER))
    run.call.end("drained")
    run.arrives(Leg.CALLER, frame(b"late", Leg.CALLER))
    assert run.core.caller_frames == 1
    one, late = of(run, Kind.FRAME)
    assert one.handed_ns
    assert (late.payload, late.handed_ns) == (b"late", 0)


async def test_a_full_journal_buffer_is_the_long_way(run: Run) -> None:
    """Which knows how to go on in another one; here it shows as an error of the test's."""
    assert isinstance(run.journal, BatchJournal)
    run.journal.batch.shut = True
    run.arrives(Leg.CALLER, frame(b"one", Leg.CALLER))
    assert run.journal.appended == 1
    run.journal.batch.shut = False
    run.arrives(Leg.CALLER, frame(b"two", Leg.CALLER))
    assert [record.payload for record in of(run, Kind.FRAME)] == [b"one", b"two"]
    assert run.journal.appended == 1


async def test_a_session_update_of_a_beta_caller_is_noticed(connection: socket.socket) -> None:
    run = begun(connection, short=True, bridged=False, watched=True)
    run.arrives(Leg.CALLER, frame(EVENT % b"", Leg.CALLER) + frame(UPDATE, Leg.CALLER))
    run.arrives(Leg.CALLER, frame(EVENT % b"", Leg.CALLER))
    assert [record.kind for record in run.journal.records if record.kind is not Kind.FRAME] == [
        Kind.NOTE,
        Kind.BRIDGED,
    ]


async def test_a_quoted_credential_goes_on_but_not_into_the_record(run: Run) -> None:
    run.arrives(Leg.PROVIDER, frame(SECRET, Leg.PROVIDER))
    assert SECRET in run.caller.written
    assert of(run, Kind.FRAME)[0].payload == b"*" * len(SECRET)


async def test_a_bug_in_it_ends_its_call_alone(run: Run, caplog: Any) -> None:
    def broken(data: bytes) -> None:
        raise RuntimeError("a bug")

    run.provider.write = broken
    other = begun(run.caller.connection, short=True, bridged=False, watched=False)
    run.call._lane.caller.open(run.caller, None, feed)  # pyright: ignore
    run.call._lane.provider.open(run.provider, None, feed)  # pyright: ignore
    run.arrives(Leg.CALLER, frame(b"one", Leg.CALLER))
    assert b"internal_error" in run.caller.written
    assert [record.kind for record in run.journal.records][-1] is Kind.CLOSED
    other.arrives(Leg.CALLER, frame(b"one", Leg.CALLER))
    assert other.provider.written


async def test_an_idle_leg_keeps_no_memory(run: Run) -> None:
    """Only a frame that is not whole is kept, and goes on with its rest."""
    data = frame(EVENT % (b"z" * 5_000), Leg.PROVIDER)
    whole = len(run.provider.protocol.get_buffer(-1))
    run.arrives(Leg.PROVIDER, data[:100])
    assert len(run.provider.protocol.get_buffer(-1)) < whole
    run.arrives(Leg.PROVIDER, data[100:])
    assert len(run.provider.protocol.get_buffer(-1)) == whole
    assert run.caller.written == data


# --- turns ---------------------------------------------------------------------------

MANY = 1_000


def binary(number: int) -> bytes:
    """Return a frame that has to go the long way."""
    return frame(b"%d" % number, Leg.CALLER, 0x82)


def payloads(run: Run) -> list[bytes]:
    return [record.payload for record in of(run, Kind.FRAME)]


async def test_who_sends_much_for_the_long_way_has_turns(run: Run) -> None:
    """And is not read meanwhile: others are between."""
    run.arrives(Leg.CALLER, b"".join(binary(number) for number in range(MANY)))
    turns, before = 0, 0
    while not run.caller.reading:
        assert before < len(payloads(run)) <= before + MANY // 10
        before = len(payloads(run))
        run.arrives(Leg.PROVIDER, frame(b"between", Leg.PROVIDER))
        assert payloads(run)[-1] == b"between"
        before += 1
        assert run.pump.wait(None) == []
        turns += 1
    assert turns > 5
    assert [one for one in payloads(run) if one != b"between"] == [
        b"%d" % number for number in range(MANY)
    ]


async def test_what_was_read_waits_while_its_leg_may_not_be_read(run: Run) -> None:
    run.arrives(Leg.CALLER, b"".join(binary(number) for number in range(MANY)))
    run.call.caller.pause()
    here = len(payloads(run))
    for _ in range(3):
        run.pump.wait(0)
    assert len(payloads(run)) == here
    run.call.caller.resume()
    assert not run.caller.reading
    while not run.caller.reading:
        run.pump.wait(None)
    assert payloads(run) == [b"%d" % number for number in range(MANY)]


async def test_a_full_leg_stops_the_other_in_the_midst_of_what_was_read(run: Run) -> None:
    run.provider.full = True
    run.arrives(Leg.CALLER, b"".join(binary(number) for number in range(10)))
    assert payloads(run) == [b"0"]
    run.provider.full = False
    run.provider.protocol.resume_writing()
    run.pump.wait(0)
    assert payloads(run) == [b"%d" % number for number in range(10)]


async def test_a_tls_transport_may_have_more_when_it_is_told_to_stop(run: Run) -> None:
    run.arrives(Leg.CALLER, b"".join(binary(number) for number in range(MANY)))
    for number in range(MANY, 10 * MANY):
        run.arrives(Leg.CALLER, binary(number))
    while not run.caller.reading:
        run.pump.wait(0)
    assert payloads(run) == [b"%d" % number for number in range(10 * MANY)]


async def test_the_end_of_a_tls_peer_comes_after_all_that_it_said(run: Run) -> None:
    run.arrives(Leg.CALLER, b"".join(binary(number) for number in range(MANY)))
    run.caller.protocol.eof_received()
    assert payloads(run) == [b"%d" % number for number in range(MANY)]


async def test_of_a_lost_peer_nothing_is_waited_for(run: Run) -> None:
    run.arrives(Leg.CALLER, b"".join(binary(number) for number in range(MANY)))
    run.caller.protocol.connection_lost(None)
    here = len(payloads(run))
    run.pump.wait(0)
    assert len(payloads(run)) == here < MANY
