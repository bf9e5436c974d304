"""What is archived and what the facts say is compared, call by call, on a real engine."""

from __future__ import annotations

import asyncio
import io
from collections import deque
from pathlib import Path

import msgspec
import pytest
from isal.isal_zlib import crc32
from tests.recorder.journals import Journal, instance
from tests.recorder.test_engine import of_org
from tests.support import golden
from tests.support.facts import NOON_US, a_call, an_event, fresh_org

from trunkline import ids
from trunkline.journal.record import Kind, Leg, Record, encode
from trunkline.protocol import prices
from trunkline.recorder import audit as module
from trunkline.recorder.audit import Audit, Sealed
from trunkline.recorder.run import Recorder
from trunkline.store import archive
from trunkline.store import blobs as keys
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.store import FactsStore

FRAMES = 7
DAY_US = 24 * 3600 * 1_000_000


class World:
    """Sealed calls of an organisation of its own, made by hand."""

    def __init__(self, directory: Path, facts: FactsStore) -> None:
        self.blobs = Blobs.open("", directory / "blobs")
        self.facts = facts
        self.org_id = fresh_org()
        self.newly_sealed: deque[Sealed] = deque()
        self.audit = Audit(self.blobs, facts, self.newly_sealed, retention_days=0)

    async def seal(self, *, stored: int = FRAMES, counted: bool = True) -> CallRow:
        """Return a call with `FRAMES` frames in its archive, `stored` of them in the facts."""
        call = a_call(self.org_id)
        ulid = ids.parse_call_id(call.call_id)
        kinds = [Kind.OPENED, Kind.NOTE, *[Kind.FRAME] * (FRAMES - 1), Kind.BRIDGED, Kind.CLOSED]
        records = [Record(kind, ulid, seq, Leg.CALLER) for seq, kind in enumerate(kinds)]
        await self.facts.insert([call, *(an_event(call, seq) for seq in range(2, 2 + stored))])
        packed = io.BytesIO()
        archive.pack(packed, call.call_id, ((item.seq, encode(item)) for item in records))
        data = packed.getvalue() if counted else without_count(packed.getvalue())
        await self.blobs.put(keys.key(self.org_id, call.call_id, "archive"), data)
        self.newly_sealed.append(Sealed(self.org_id, call.call_id))
        return call


def without_count(data: bytes) -> bytes:
    """Return an archive as it was sealed before frames were counted in its manifest."""
    _, offset, length, _ = archive.FOOTER.unpack(data[-archive.FOOTER_BYTES : -archive.CRC.size])
    fields = msgspec.msgpack.decode(data[offset : offset + length])
    del fields["events"]
    index = msgspec.msgpack.encode(fields)
    body = archive.FOOTER.pack(archive.MAGIC, offset, len(index), crc32(index))
    return data[:offset] + index + body + archive.CRC.pack(crc32(body))


@pytest.fixture
def world(tmp_path: Path, facts: FactsStore) -> World:
    return World(tmp_path, facts)


async def test_what_a_recorder_has_recorded_does_not_differ(
    tmp_path: Path, facts: FactsStore
) -> None:
    org_id, names = fresh_org(), ("barge_in", "tool_call")
    journal = Journal(tmp_path)
    journal.begin(instance(1))
    for name in names:
        journal.write(of_org(name, org_id))
    blobs = Blobs.open("", tmp_path / "blobs")
    recorder = Recorder(tmp_path, facts, blobs, prices.shipped())
    task = asyncio.create_task(recorder.run())
    await recorder.caught_up()
    audit = Audit(blobs, facts, recorder.newly_sealed, retention_days=0)
    await audit.compare_new()
    await recorder.stop()
    await task
    frames = sum(record.kind in archive.EVENTS for name in names for record in golden.records(name))
    new = audit.tell()
    assert (new.calls, new.archived_frames, new.facts_frames) == (2, frames, frames)
    assert (new.differing_calls, new.differing_frames, new.unreadable_archives) == (0, 0, 0)
    assert new.compared_wall_ns > 0
    await audit.compare_all()
    assert msgspec.structs.replace(audit.tell(), compared_wall_ns=0) == msgspec.structs.replace(
        new, compared_wall_ns=0
    )


async def test_a_row_that_is_gone_is_found_and_found_again_until_it_is_back(world: World) -> None:
    await world.seal()
    await world.audit.compare_new()
    assert world.audit.tell().differing_calls == 0
    short = await world.seal(stored=FRAMES - 2)
    await world.audit.compare_new()
    told = world.audit.tell()
    assert (told.calls, told.differing_calls, told.differing_frames) == (2, 1, 2)
    assert (told.archived_frames, told.facts_frames) == (2 * FRAMES, 2 * FRAMES - 2)
    await world.audit.compare_new()
    assert world.audit.tell().differing_calls == 1
    await world.facts.insert([an_event(short, FRAMES), an_event(short, FRAMES + 1)])
    await world.audit.compare_new()
    assert world.audit.tell().differing_frames == 0


async def test_rows_that_were_stored_twice_are_one(world: World) -> None:
    call = await world.seal()
    await world.facts.insert([an_event(call, seq) for seq in range(2, 2 + FRAMES)])
    await world.audit.compare_all()
    assert world.audit.tell().differing_frames == 0


async def test_a_row_that_no_archive_has_differs_too(world: World) -> None:
    await world.seal(stored=FRAMES + 3)
    await world.audit.compare_all()
    assert world.audit.tell().differing_frames == 3


async def test_a_call_that_is_erased_meanwhile_does_not_differ(world: World) -> None:
    call = await world.seal(stored=0)
    await world.audit.compare_all()
    assert world.audit.tell().differing_calls == 1
    await world.blobs.delete_call(world.org_id, call.call_id)
    await world.audit.compare_new()
    assert world.audit.tell().differing_calls == 0


async def test_what_is_forgotten_on_purpose_is_not_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "wall_ns", lambda: (NOON_US + 10 * DAY_US) * 1000)
    await world.seal(stored=0)
    young = Audit(world.blobs, world.facts, deque(), retention_days=12)
    await young.compare_all()
    assert young.tell().differing_calls == 1
    old = Audit(world.blobs, world.facts, deque(), retention_days=11)
    await old.compare_all()
    assert (old.tell().calls, old.tell().differing_calls) == (0, 0)


async def test_an_archive_without_a_count_is_read(world: World) -> None:
    await world.seal(counted=False)
    await world.audit.compare_all()
    told = world.audit.tell()
    assert (told.archived_frames, told.differing_frames) == (FRAMES, 0)


async def test_an_archive_that_cannot_be_read_is_told(world: World) -> None:
    call = await world.seal()
    await world.blobs.put(keys.key(world.org_id, call.call_id, "archive"), b"not an archive")
    await world.audit.compare_all()
    told = world.audit.tell()
    assert (told.calls, told.unreadable_archives, told.differing_calls) == (0, 1, 0)


async def test_many_calls_are_compared_some_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    for _ in range(7):
        await world.seal()
    await world.audit.compare_new()
    assert world.audit.tell().calls == 7
    await world.audit.compare_all()
    assert (world.audit.tell().calls, world.audit.tell().differing_calls) == (7, 0)
