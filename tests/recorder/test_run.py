"""The recorder, on journals that are written while it runs."""

import asyncio
import json
import os
from pathlib import Path

import msgspec
import pytest
from tests.recorder.journals import (
    ORG,
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
from trunkline.journal.record import SEGMENT_HEADER_BYTES, Record
from trunkline.journal.segments import segment_path
from trunkline.protocol import prices
from trunkline.recorder import checkpoint, room, run, sweep
from trunkline.store import blobs as keys
from trunkline.store.archive import ArchiveReader
from trunkline.store.archives import Archives
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import Row

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def facts() -> MemoryFacts:
    return MemoryFacts()


async def archived(data: Path, call: bytes, org_id: str = ORG) -> list[Record]:
    blob = keys.key(org_id, ids.call_id(call), "archive")
    reader = await ArchiveReader.open(Blobs.open("", data / "blobs"), blob)
    return [record async for record in reader.records()]


def spooled(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "spool").iterdir())


def all_rows(calls: list[list[Record]]) -> list[Row]:
    return [row for call in calls for row in rows_of(call)]


async def test_a_finished_call_is_stored_and_sealed(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    call = a_call(1)
    async with recording(tmp_path, facts) as recorder:
        journal.write(call)
        await recorder.caught_up()
        status = recorder.status()
    assert facts.table == latest(rows_of(call))
    assert await archived(tmp_path, ulid(1)) == call
    assert spooled(tmp_path) == []
    assert (status.behind, status.live_calls, status.waiting_to_be_sealed) == (False, 0, ())
    assert status.unread_bytes == 0
    assert 0 <= status.behind_ns < 60 * 10**9


async def test_a_live_call_is_seen_while_it_runs(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    call = a_call(1, frames=30)
    archives = Archives(Blobs.open("", tmp_path / "blobs"), tmp_path / "spool")
    async with recording(tmp_path, facts) as recorder:
        for end in (1, 10, 25):
            journal.write(call[end - 9 if end > 9 else 0 : end] if end != 25 else call[10:25])
            await recorder.caught_up()
            row = facts.call(ids.call_id(ulid(1)))
            assert (row.status, row.version) == ("live", end - 1)
            page = await archives.events(ORG, row.call_id, -1, 100)
            assert list(page.records) == call[:end]
        assert recorder.status().live_calls == 1
        journal.write(call[25:])
        await recorder.caught_up()
        assert facts.call(ids.call_id(ulid(1))).status == "completed"
        page = await archives.events(ORG, ids.call_id(ulid(1)), -1, 100)
    assert list(page.records) == call


async def test_calls_of_several_workers_are_told_apart(tmp_path: Path, facts: MemoryFacts) -> None:
    calls = [a_call(number, frames=20) for number in range(4)]
    journals = [Journal(tmp_path, f"gateway-{number}") for number in range(2)]
    async with recording(tmp_path, facts) as recorder:
        for number, journal in enumerate(journals):
            journal.begin(instance(number))
        for step in range(22):
            for number, call in enumerate(calls):
                journals[number % 2].write(call[step : step + 1])
        await recorder.caught_up()
    assert facts.table == latest(all_rows(calls))


async def test_a_record_that_is_delivered_twice_counts_once(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    call = a_call(1, frames=6)
    async with recording(tmp_path, facts) as recorder:
        journal.write([*call[:4], *call[1:4], *call[:2], *call[4:], *call, *call[3:5]])
        await recorder.caught_up()
    assert facts.table == latest(rows_of(call))
    assert await archived(tmp_path, ulid(1)) == call


@pytest.mark.parametrize("name", golden.names())
async def test_a_golden_call_gives_its_facts_and_its_recording(
    tmp_path: Path, journal: Journal, facts: MemoryFacts, name: str
) -> None:
    call = list(golden.records(name))
    async with recording(tmp_path, facts) as recorder:
        journal.write(call)
        journal.die()
        await recorder.caught_up()
    row = facts.call(ids.call_id(golden.ulid_of(name)))
    sound = row.caller_audio_us + row.assistant_audio_us > 0
    assert row.has_audio == sound
    assert facts.table == latest(rows_of(call, has_audio=sound))
    blobs = Blobs.open("", tmp_path / "blobs")
    for part in ("audio.opus", "peaks.json"):
        assert await blobs.exists(keys.key(row.org_id, row.call_id, part)) == sound
    if sound:
        peaks = json.loads(await blobs.get(keys.key(row.org_id, row.call_id, "peaks.json")))
        assert any(peaks["caller"]) == (row.caller_audio_us > 0)
        assert any(peaks["assistant"]) == (row.heard_audio_us > 0)


async def test_the_calls_of_a_gateway_that_died_are_recovered(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    call = a_call(1, closed=False)
    async with recording(tmp_path, facts) as recorder:
        journal.write(call)
        await recorder.caught_up()
        assert facts.call(ids.call_id(ulid(1))).status == "live"
        journal.die()
        await recorder.caught_up()
    row = facts.call(ids.call_id(ulid(1)))
    assert (row.status, row.end_reason) == ("recovered", "gateway_died")
    assert facts.table == latest(rows_of(call))
    assert await archived(tmp_path, ulid(1)) == call


async def test_the_calls_before_a_restart_of_the_gateway_are_recovered_and_those_after_live(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    async with recording(tmp_path, facts) as recorder:
        journal.write(a_call(1, closed=False))
        journal.begin(instance(2))
        journal.write(a_call(2, closed=False))
        await recorder.caught_up()
        assert facts.call(ids.call_id(ulid(1))).status == "recovered"
        assert facts.call(ids.call_id(ulid(2))).status == "live"


async def test_a_recorder_that_starts_late_finds_what_died_before(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    calls = [a_call(1), a_call(2, closed=False)]
    for call in calls:
        journal.write(call)
    journal.die()
    async with recording(tmp_path, facts) as recorder:
        await recorder.caught_up()
    assert facts.table == latest(all_rows(calls))


@pytest.mark.guarantee("R5")
async def test_facts_that_refuse_lose_nothing(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    calls = [a_call(number) for number in range(5)]
    facts.refusals = 4
    async with recording(tmp_path, facts) as recorder:
        for call in calls:
            journal.write(call)
        while facts.refusals > 2:
            await asyncio.sleep(0.001)
        assert any("facts are down" in error for error in recorder.status().errors)
        await recorder.caught_up()
        assert recorder.status().errors == ()
    assert facts.table == latest(all_rows(calls))


@pytest.mark.guarantee("R5")
async def test_while_facts_refuse_memory_is_bounded(
    tmp_path: Path, journal: Journal, facts: MemoryFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "MAX_WAITING_ROWS", 50)
    monkeypatch.setattr(run, "MAX_ROWS", 20)
    monkeypatch.setattr("trunkline.recorder.tail.BATCH_BYTES", 500)
    facts.refusals = 20
    calls = [a_call(number, frames=10) for number in range(20)]
    for call in calls:
        journal.write(call)
    most = 0
    async with recording(tmp_path, facts) as recorder:
        while facts.refusals:
            await asyncio.sleep(0.001)
            status = recorder.status()
            most = max(most, status.waiting_rows)
            assert status.waiting_rows < 50 or status.unread_bytes > 0
        await recorder.caught_up()
    assert 20 <= most < 80
    assert facts.table == latest(all_rows(calls))


async def test_after_a_restart_the_recorder_goes_on_where_it_was(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    calls = [a_call(number, frames=12) for number in range(3)]
    for end in range(0, 15, 2):
        for call in calls:
            journal.write(call[end : end + 2])
        async with recording(tmp_path, facts) as recorder:
            await recorder.caught_up()
    assert facts.table == latest(all_rows(calls))
    events = [row for row in facts.rows if type(row).__name__ == "EventRow"]
    assert len(events) == 36


async def test_journals_are_deleted_once_they_are_covered(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    done, live = a_call(1), a_call(2, frames=20, closed=False)
    async with recording(tmp_path, facts) as recorder:
        journal.write([*done, *live[:5]])
        journal.begin(instance(1))
        journal.write(live[5:9])
        await recorder.caught_up()
    # At the latest when the recorder stops.
    assert [path.name for path in journal.directory.glob("*.journal")] == ["00000002.journal"]
    checkpoint.forget(tmp_path / "recorder")
    facts.rows.clear()
    async with recording(tmp_path, facts) as recorder:
        journal.write(live[9:])
        await recorder.caught_up()
        assert facts.call(ids.call_id(ulid(2))).status == "live"
        journal.die()
        await recorder.caught_up()
    assert facts.table == latest(rows_of(live))
    assert await archived(tmp_path, ulid(1)) == done
    assert await archived(tmp_path, ulid(2)) == live


async def test_journals_stay_until_the_spools_are_on_the_disk(
    tmp_path: Path, journal: Journal, facts: MemoryFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = True

    def sync(path: Path) -> None:
        if broken:
            raise OSError("disk is broken")

    monkeypatch.setattr(sweep, "sync_path", sync)
    call = a_call(1, frames=20, closed=False)
    async with recording(tmp_path, facts) as recorder:
        journal.write(call[:5])
        journal.begin(instance(1))
        journal.write(call[5:9])
        while not any("disk is broken" in error for error in recorder.status().errors):
            await asyncio.sleep(0.001)
        assert len(list(journal.directory.glob("*.journal"))) == 2
        broken = False
        journal.write(call[9:])
        journal.die()
        await recorder.caught_up()
    assert [path.name for path in journal.directory.glob("*.journal")] == ["00000002.journal"]
    assert facts.table == latest(rows_of(call))


@pytest.mark.guarantee("D5")
async def test_a_spool_that_cannot_be_synced_is_copied_and_its_journal_kept(
    tmp_path: Path, journal: Journal, facts: MemoryFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel may say of the same pages that they are on the disk, the second time."""
    call = a_call(1, frames=20)
    failures, synced = [OSError(5, "Input/output error")], set[int]()
    path = tmp_path / "spool" / f"{ids.call_id(ulid(1))}.records"

    def sync(synced_path: Path) -> None:
        if synced_path == path:
            if failures:
                raise failures.pop()
            synced.add(path.stat().st_ino)

    monkeypatch.setattr(sweep, "sync_path", sync)
    async with recording(tmp_path, facts) as recorder:
        journal.write(call[:10])
        await recorder.caught_up()
        suspect = path.stat().st_ino
        journal.begin(instance(1))
        journal.write(call[10:15])
        while not recorder.status().errors:
            await asyncio.sleep(0.001)
        assert segment_path(journal.directory, 1).exists()
        while segment_path(journal.directory, 1).exists():
            await asyncio.sleep(0.001)
        assert synced
        assert suspect not in synced
        journal.write(call[15:])
        await recorder.caught_up()
        assert recorder.status().errors == ()
    assert facts.table == latest(rows_of(call))
    assert await archived(tmp_path, ulid(1)) == call


async def test_a_journal_is_emptied_when_its_writer_is_gone(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    async with recording(tmp_path, facts) as recorder:
        journal.write(a_call(1, closed=False))
        await recorder.caught_up()
        assert segment_path(journal.directory, 1).stat().st_size > SEGMENT_HEADER_BYTES
        journal.die()
        await recorder.caught_up()
        while segment_path(journal.directory, 1).stat().st_size > SEGMENT_HEADER_BYTES:
            await asyncio.sleep(0.001)
        journal.begin(instance(2))
        journal.write(a_call(2))
        await recorder.caught_up()
    checkpoint.forget(tmp_path / "recorder")
    async with recording(tmp_path, facts) as recorder:
        await recorder.caught_up()
    assert facts.table == latest([*rows_of(a_call(1, closed=False)), *rows_of(a_call(2))])


async def test_a_segment_that_was_left_is_deleted_though_nothing_follows(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    async with recording(tmp_path, facts) as recorder:
        journal.write(a_call(1))
        await recorder.caught_up()
        journal.begin(instance(1))
        while len(list(journal.directory.glob("*.journal"))) > 1:
            await asyncio.sleep(0.001)
        await recorder.caught_up()


@pytest.mark.guarantee("D4")
async def test_with_little_room_on_the_disk_nothing_is_recorded_until_there_is_more(
    tmp_path: Path, journal: Journal, facts: MemoryFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal keeps it all, and the databases have what is left."""
    free = [5_000]
    monkeypatch.setattr(room, "free_bytes", lambda _: free[0])
    call, other = a_call(1, frames=20), a_call(2)
    async with recording(tmp_path, facts, min_free_bytes=5_000) as recorder:
        journal.write(call[:10])
        await recorder.caught_up()
        free[0] = 4_999
        while not recorder.status().errors:
            await asyncio.sleep(0.001)
        (error,) = recorder.status().errors
        assert error == (
            f"disk: 4999 bytes are free under {tmp_path}, less than min_free_bytes, 5000: make room"
        )
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        journal.write([*call[10:], *other])
        await asyncio.sleep(0.05)
        after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        changed = {path for path in after if after[path] != before.get(path)}
        assert changed == {segment_path(journal.directory, 1)}
        free[0] = 5_500
        await recorder.caught_up()
        assert recorder.status().errors == ()
    assert facts.table == latest(all_rows([call, other]))


async def test_a_recorder_stops_though_the_disk_is_full(
    tmp_path: Path, journal: Journal, facts: MemoryFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda _: 0)
    journal.write(a_call(1))
    async with recording(tmp_path, facts, min_free_bytes=1) as recorder:
        while not recorder.status().errors:
            await asyncio.sleep(0.001)
    assert facts.rows == []
    monkeypatch.undo()
    async with recording(tmp_path, facts) as recorder:
        await recorder.caught_up()
    assert facts.table == latest(rows_of(a_call(1)))


@pytest.mark.guarantee("D11")
@pytest.mark.parametrize("lost", ["torn", "of another release"])
async def test_a_lost_checkpoint_changes_nothing(
    tmp_path: Path, journal: Journal, facts: MemoryFacts, lost: str
) -> None:
    calls = [a_call(number, frames=12) for number in range(3)]
    for end in range(0, 15, 5):
        for call in calls:
            journal.write(call[end : end + 5])
        async with recording(tmp_path, facts) as recorder:
            await recorder.caught_up()
        path = tmp_path / "recorder" / checkpoint.NAME
        saved = checkpoint.load(path.parent)
        assert saved is not None
        other = checkpoint.encode(msgspec.structs.replace(saved, release="0.0.1"))
        path.write_bytes(b"TRUNKCP1 torn" if lost == "torn" else other)
    assert facts.table == latest(all_rows(calls))


async def test_a_spool_that_the_disk_lost_is_made_again_from_the_journal(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    call = a_call(1, frames=12)
    journal.write(call[:8])
    async with recording(tmp_path, facts) as recorder:
        await recorder.caught_up()
    spool = tmp_path / "spool" / f"{ids.call_id(ulid(1))}.records"
    os.truncate(spool, 300)
    async with recording(tmp_path, facts) as recorder:
        journal.write(call[8:])
        await recorder.caught_up()
    assert facts.table == latest(rows_of(call))
    assert await archived(tmp_path, ulid(1)) == call


async def test_a_bug_of_ours_costs_the_facts_of_one_record(
    tmp_path: Path, journal: Journal, facts: MemoryFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trunkline.recorder import calls as module

    whole = module.fold

    def fold(state: object, record: Record, *about: object) -> object:
        if record.seq == 2:
            raise RuntimeError("bug")
        return whole(state, record, *about)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(module, "fold", fold)
    call = a_call(1)
    async with recording(tmp_path, facts) as recorder:
        journal.write(call)
        await recorder.caught_up()
    assert facts.call(ids.call_id(ulid(1))).status == "completed"
    assert await archived(tmp_path, ulid(1)) == call


async def test_a_full_disk_stops_the_recorder_until_there_is_room(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    call = a_call(1)
    async with recording(tmp_path, facts) as recorder:
        await recorder.caught_up()
        in_the_way = tmp_path / "spool" / f"{ids.call_id(ulid(1))}.records"
        in_the_way.mkdir()
        journal.write(call)
        while not recorder.status().errors:
            await asyncio.sleep(0.001)
        in_the_way.rmdir()
        await recorder.caught_up()
        assert recorder.status().errors == ()
    assert facts.table == latest(rows_of(call))


async def test_a_journal_of_a_later_release_is_left_alone_and_told(
    tmp_path: Path, journal: Journal, facts: MemoryFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.journal.record.VERSION", 99)
    journal.write(a_call(1))
    monkeypatch.undo()
    other = Journal(tmp_path, "gateway-1")
    other.begin(instance(2))
    other.write(a_call(2))
    async with recording(tmp_path, facts) as recorder:
        await recorder.caught_up()
        assert any("record version 99" in error for error in recorder.status().errors)
    assert facts.table == latest(rows_of(a_call(2)))


@pytest.mark.guarantee("L7")
async def test_sealing_waits_for_the_blob_store(
    tmp_path: Path, journal: Journal, facts: MemoryFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.recorder.seal.RETRY_SECONDS", (0.01,))
    call = a_call(1)
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "org").write_bytes(b"in the way")
    async with recording(tmp_path, facts) as recorder:
        journal.write(call)
        while not facts.rows:
            await asyncio.sleep(0.001)
        assert recorder.status().waiting_to_be_sealed == (ids.call_id(ulid(1)),)
        assert facts.call(ids.call_id(ulid(1))).status == "completed"
        (tmp_path / "blobs" / "org").unlink()
        await recorder.caught_up()
    assert await archived(tmp_path, ulid(1)) == call


async def test_sealing_that_was_interrupted_is_done_after_the_next_start(
    tmp_path: Path, journal: Journal, facts: MemoryFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "STOP_SECONDS", 0.05)
    calls = [a_call(number) for number in range(3)]
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "org").write_bytes(b"in the way")
    async with recording(tmp_path, facts) as recorder:
        for call in calls:
            journal.write(call)
        while len(recorder.status().waiting_to_be_sealed) < 3:
            await asyncio.sleep(0.001)
    assert len(spooled(tmp_path)) == 3
    (tmp_path / "blobs" / "org").unlink()
    async with recording(tmp_path, facts) as recorder:
        await recorder.caught_up()
    for number, call in enumerate(calls):
        assert await archived(tmp_path, ulid(number)) == call
    assert facts.table == latest(all_rows(calls))
    assert spooled(tmp_path) == []


async def test_a_recorder_on_an_empty_directory_is_caught_up(
    tmp_path: Path, facts: MemoryFacts
) -> None:
    async with recording(tmp_path, facts) as recorder:
        await recorder.caught_up()
    assert facts.rows == []


async def test_a_recorder_stops_soon_while_calls_go_on(
    tmp_path: Path, journal: Journal, facts: MemoryFacts
) -> None:
    call = a_call(1, frames=5_000, closed=False)

    async def talk() -> None:
        for seq in range(len(call)):
            journal.write(call[seq : seq + 1])
            await asyncio.sleep(0.001)

    async with recording(tmp_path, facts) as recorder:
        talking = asyncio.create_task(talk())
        await recorder.caught_up()
        await recorder.stop()
    talking.cancel()
    assert facts.call(ids.call_id(ulid(1))).status == "live"


@pytest.mark.parametrize(
    ("took_s", "soon", "expected_s"),
    [(0.0, True, 0.2), (0.01, True, 0.2), (0.2, True, 0.6), (5.0, True, 1.0), (0.0, False, 1.0),
     (5.0, False, 1.0)],
)  # fmt: skip
async def test_settling_takes_a_quarter_of_the_time_at_most_until_it_is_rare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took_s: float, soon: bool, expected_s: float
) -> None:
    monkeypatch.setattr(run, "SETTLE_SECONDS", 1.0)
    monkeypatch.setattr(run, "SETTLE_SOON_SECONDS", 0.2)
    store = Blobs.open("", tmp_path / "blobs")
    recorder = run.Recorder(tmp_path, MemoryFacts(), store, prices.shipped())
    recorder._settling_ns = int(took_s * 1e9)
    assert recorder._settle_after_ns(soon=soon) == pytest.approx(expected_s * 1e9)
