import errno
import json
import signal
from pathlib import Path

import numpy as np
import pytest
from tests.recorder.journals import ORG, a_call, rows_of
from tests.support import golden

from trunkline.journal.record import Record, encode
from trunkline.recorder import jobs
from trunkline.recorder.counts import Counts
from trunkline.recorder.lossless import Lossless
from trunkline.recorder.seal import Sealer, sealed_row
from trunkline.recorder.workers import Threads, WorkerDied
from trunkline.store import blobs as keys
from trunkline.store import codec
from trunkline.store.archive import ArchiveReader
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import CallRow
from trunkline.store.spool import spool_path
from trunkline.store.tombstones import Tombstones


class Place:
    """A blob store and a spool."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.blobs = Blobs.open("", directory / "blobs")
        self.spool = directory / "spool"
        self.spool.mkdir()
        self.workers = Threads()
        erased = Tombstones(directory / "erased")
        self.counts = Counts()
        self.lossless = Lossless(directory / "lossless")
        self.room = True
        self.sealer = Sealer(
            self.blobs, self.spool, self.counts, erased, self.workers, self.lossless,
            is_ample=lambda: self.room,
        )  # fmt: skip

    def write(self, records: list[Record]) -> CallRow:
        """Spool a call; return its row before it is sealed."""
        row = next(row for row in reversed(rows_of(records)) if isinstance(row, CallRow))
        data = b"".join(encode(record) for record in records)
        spool_path(self.spool, row.call_id).write_bytes(data)
        return row

    async def seal(self, row: CallRow) -> CallRow:
        """Seal a call; return its new row."""
        return (await self.sealer.seal(row)).row

    async def records(self, row: CallRow) -> list[Record]:
        blob = keys.key(row.org_id, row.call_id, "archive")
        reader = await ArchiveReader.open(self.blobs, blob)
        return [record async for record in reader.records()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_a_call_with_sound_leaves_archive_recording_and_waveform(place: Place) -> None:
    call = list(golden.records("barge_in"))
    row = place.write(call)
    sealed = await place.seal(row)
    assert sealed == sealed_row(row, has_audio=True)
    assert (sealed.has_audio, sealed.version) == (True, row.version + 1)
    assert await place.records(row) == call
    sound = place.directory / "audio"
    await place.blobs.download(keys.key(row.org_id, row.call_id, "audio.opus"), sound)
    samples = np.concatenate(list(codec.decode(sound)))
    peaks = json.loads(await place.blobs.get(keys.key(row.org_id, row.call_id, "peaks.json")))
    assert row.duration_us is not None
    assert len(samples) == pytest.approx(peaks["duration_ms"] * 24, abs=48)
    assert peaks["duration_ms"] >= row.duration_us // 1000
    assert any(peaks["assistant_unheard"])
    width = codec.RATE_HZ // peaks["per_second"]
    for channel, lane in enumerate(("caller", "assistant")):
        loud = {number for number, peak in enumerate(peaks[lane]) if peak > 10}
        inside = sorted(number for number in loud if {number - 1, number + 1} <= loud)
        assert inside
        for number in inside[::7]:
            part = samples[number * width : (number + 1) * width, channel]
            assert int(np.abs(part.astype(int)).max()) > 1000


async def test_a_call_without_sound_leaves_an_archive_only(place: Place) -> None:
    row = place.write(a_call(1))
    assert await place.seal(row) == row
    left = [blob async for blob in place.blobs.list("org")]
    assert left == [keys.key(ORG, row.call_id, "archive")]


async def test_sealing_again_gives_the_same_blobs_and_leaves_no_scratch(place: Place) -> None:
    row = place.write(list(golden.records("barge_in")))

    async def blobs() -> dict[str, bytes]:
        return {blob: await place.blobs.get(blob) async for blob in place.blobs.list("org")}

    first = await place.seal(row)
    before = await blobs()
    assert await place.seal(row) == first
    assert await blobs() == before
    assert len(before) == 3
    assert [path.name for path in place.spool.iterdir()] == [f"{row.call_id}.records"]


async def test_a_recording_that_cannot_be_made_does_not_keep_the_archive(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(jobs.audio, "render", broken)
    call = list(golden.records("barge_in"))
    row = place.write(call)
    assert await place.seal(row) == row
    assert await place.records(row) == call


async def test_a_job_that_fails_is_tried_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.recorder.seal.RETRY_SECONDS", (0.001,))
    call = list(golden.records("barge_in"))
    row = place.write(call)
    failures = [OSError(errno.ENOSPC, "full"), WorkerDied(-signal.SIGKILL)]
    whole = place.workers.perform

    async def perform(job: jobs.Job) -> jobs.Outcome:
        failure = failures.pop() if failures else None
        if isinstance(failure, OSError):
            return jobs.Failed(str(failure))
        if failure is not None:
            raise failure
        return await whole(job)

    monkeypatch.setattr(place.workers, "perform", perform)
    assert (await place.seal(row)).has_audio
    assert await place.records(row) == call
    assert place.counts.store_errors == 2


async def test_a_call_whose_sound_crashes_processes_is_archived_without_a_recording(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may have been killed, by an operator or for want of memory: that is not its fault."""
    monkeypatch.setattr("trunkline.recorder.seal.RETRY_SECONDS", (0.001,))
    call = list(golden.records("barge_in"))
    row = place.write(call)
    deaths = [signal.SIGSEGV, signal.SIGKILL, signal.SIGKILL, signal.SIGXCPU]
    whole = place.workers.perform

    async def perform(job: jobs.Job) -> jobs.Outcome:
        if deaths:
            raise WorkerDied(-deaths.pop())
        return await whole(job)

    monkeypatch.setattr(place.workers, "perform", perform)
    assert not (await place.seal(row)).has_audio
    assert await place.records(row) == call
    assert not deaths


async def test_a_recording_is_lossless_while_calls_wait(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.recorder.seal.HASTE_SECONDS", 0.001)
    row = place.write(list(golden.records("barge_in")))
    sealed = await place.seal(row)
    assert sealed.has_audio
    assert await place.blobs.exists(keys.key(row.org_id, row.call_id, "audio.wav"))
    assert not await place.blobs.exists(keys.key(row.org_id, row.call_id, "audio.opus"))
    assert place.lossless.noted() == [(row.org_id, row.call_id)]


async def test_a_recording_is_never_large_on_a_disk_that_fills_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.recorder.seal.HASTE_SECONDS", 0.001)
    place.room = False
    row = place.write(list(golden.records("barge_in")))
    await place.seal(row)
    assert await place.blobs.exists(keys.key(row.org_id, row.call_id, "audio.opus"))
    assert place.lossless.noted() == []
