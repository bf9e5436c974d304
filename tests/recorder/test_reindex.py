"""A rebuild gives the rows that the recorder stored."""

from pathlib import Path

import pytest
from tests.recorder.journals import (
    Journal,
    MemoryFacts,
    a_call,
    instance,
    latest,
    recording,
    rows_of,
    ulid,
)
from tests.support import golden

from trunkline import ids
from trunkline.protocol import prices
from trunkline.recorder.reindex import Report, reindex
from trunkline.store import blobs as keys
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import CallRow, EventRow

pytestmark = pytest.mark.usefixtures("quick")


async def rebuilt(data: Path) -> tuple[MemoryFacts, Report]:
    facts = MemoryFacts()
    report = await reindex(facts, Blobs.open("", data / "blobs"), data, prices.shipped())
    return facts, report


async def test_sealed_live_and_recovered_calls_have_the_same_rows_as_online(
    tmp_path: Path, journal: Journal
) -> None:
    online = MemoryFacts()
    async with recording(tmp_path, online) as recorder:
        journal.write(a_call(1, closed=False))
        journal.begin(instance(2))
        for name in golden.names():
            journal.write(golden.records(name))
        journal.write(a_call(2, frames=9, closed=False))
        await recorder.caught_up()
    facts, report = await rebuilt(tmp_path)
    assert facts.table == online.table
    assert facts.call(ids.call_id(ulid(1))).status == "recovered"
    assert facts.call(ids.call_id(ulid(2))).status == "live"
    sealed = [row for row in facts.table.values() if isinstance(row, CallRow)]
    assert report.calls == sum(row.status != "live" for row in sealed) > len(golden.names()) // 2
    assert report.unreadable == ()


async def test_a_rebuild_takes_what_no_recorder_has_read_yet(
    tmp_path: Path, journal: Journal
) -> None:
    online = MemoryFacts()
    async with recording(tmp_path, online) as recorder:
        journal.write([*a_call(1), *a_call(2)[:3]])
        await recorder.caught_up()
    journal.write([*a_call(2)[3:], *a_call(3)])
    facts, report = await rebuilt(tmp_path)
    assert facts.table == latest([*rows_of(a_call(1)), *rows_of(a_call(2)), *rows_of(a_call(3))])
    assert report.calls == 1
    again, report = await rebuilt(tmp_path)
    assert again.table == facts.table
    assert report.calls == 3


async def test_the_recorder_goes_on_after_a_rebuild(tmp_path: Path, journal: Journal) -> None:
    call = a_call(1, frames=10)
    async with recording(tmp_path, MemoryFacts()) as recorder:
        journal.write(call[:6])
        await recorder.caught_up()
    facts, _ = await rebuilt(tmp_path)
    async with recording(tmp_path, facts) as recorder:
        journal.write(call[6:])
        await recorder.caught_up()
    assert facts.table == latest(rows_of(call))


async def test_an_archive_that_nothing_is_left_of_is_told_and_costs_no_other_call(
    tmp_path: Path, journal: Journal
) -> None:
    async with recording(tmp_path, MemoryFacts()) as recorder:
        journal.write([*a_call(1), *a_call(2)])
        await recorder.caught_up()
    blobs = Blobs.open("", tmp_path / "blobs")
    await blobs.put(keys.key("org_1", ids.call_id(ulid(1)), "archive"), b"gone")
    facts, report = await rebuilt(tmp_path)
    assert facts.table == latest(rows_of(a_call(2)))
    assert len(report.unreadable) == 1
    assert ids.call_id(ulid(1)) in report.unreadable[0]


async def test_of_a_damaged_archive_everything_else_is_rebuilt(
    tmp_path: Path, journal: Journal
) -> None:
    """Even if its first part is hit, which says whose call it is."""
    call = a_call(1, frames=40, size=50_000)
    async with recording(tmp_path, MemoryFacts()) as recorder:
        journal.write(call)
        await recorder.caught_up()
    blobs = Blobs.open("", tmp_path / "blobs")
    blob = keys.key("org_1", ids.call_id(ulid(1)), "archive")
    data = bytearray(await blobs.get(blob))
    data[9] ^= 1
    await blobs.put(blob, bytes(data))
    facts, report = await rebuilt(tmp_path)
    row = facts.call(ids.call_id(ulid(1)))
    events = [row.seq for row in facts.table.values() if isinstance(row, EventRow)]
    assert (row.org_id, row.status) == ("org_1", "completed")
    assert row.damaged_records == min(events) > 3
    assert events == list(range(min(events), 41))
    assert len(report.unreadable) == 1
    assert "frame 0" in report.unreadable[0]
