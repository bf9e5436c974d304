"""What is made of a finished call, from files to files."""

import errno
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.recorder.journals import a_call
from tests.support import golden

from trunkline import ids
from trunkline.journal.record import Record, encode
from trunkline.recorder import jobs
from trunkline.recorder.jobs import Compress, Compressed, Failed, Seal, Sealed, Stopped, perform
from trunkline.recorder.peaks import Peaks
from trunkline.store import codec
from trunkline.store.archive import Packer
from trunkline.store.codec import Codec
from trunkline.store.spool import spool_path


def to_seal(directory: Path, records: list[Record], codec: Codec = "opus") -> Seal:
    """Spool a call, and return the job."""
    call_id = ids.call_id(records[0].call)
    spool = spool_path(directory, call_id)
    spool.write_bytes(b"".join(map(encode, records)))
    return Seal(
        call_id=call_id,
        last_seq=records[-1].seq,
        spool=str(spool),
        archive=str(directory / "archive"),
        recording=str(directory / f"recording.{codec}"),
        peaks=str(directory / "peaks"),
        codec=codec,
    )


def decoded(path: str) -> codec.Block:
    return np.concatenate(list(codec.decode(Path(path))))


def test_the_waveform_is_the_same_whichever_codec(tmp_path: Path) -> None:
    found: list[Peaks] = []
    for name in ("opus", "wav"):
        job = to_seal(tmp_path, list(golden.records("barge_in")), name)
        assert perform(job) == Sealed(damaged_records=0, has_audio=True)
        found.append(msgspec.json.decode(Path(job.peaks).read_bytes(), type=Peaks))
    assert found[0] == found[1]


def test_lossless_is_what_was_sent_and_opus_is_made_of_it(tmp_path: Path) -> None:
    """In `g711` the caller says what 8 kHz can hold; the clock of both is that of the call."""
    lossless = to_seal(tmp_path, list(golden.records("g711")), "wav")
    direct = to_seal(tmp_path, list(golden.records("g711")), "opus")
    perform(lossless)
    perform(direct)
    compress = Compress(recording=lossless.recording, opus=str(tmp_path / "later.opus"))
    assert perform(compress) == Compressed()
    assert Path(compress.opus).read_bytes() == Path(direct.recording).read_bytes()
    exact, close = decoded(lossless.recording), decoded(direct.recording)
    length = min(len(exact), len(close))
    for channel in (0, 1):
        similar = np.corrcoef(exact[:length, channel], close[:length, channel])[0, 1]
        assert similar > 0.9


def test_a_job_is_given_up_when_told_to(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        perform(to_seal(tmp_path, a_call(1)), lambda: True)


def test_records_that_a_bug_left_are_packed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = to_seal(tmp_path, list(golden.records("barge_in")))
    perform(job)
    whole = Path(job.archive).read_bytes()

    def broken(records: object, scratch: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(jobs, "playback", broken)
    outcome = perform(job)
    assert isinstance(outcome, Sealed)
    assert not outcome.has_audio
    assert "RuntimeError: bug" in outcome.problem
    assert Path(job.archive).read_bytes() == whole


@pytest.mark.parametrize("broken", ["playback", "packing"])
def test_a_full_disk_is_no_reason_to_do_without_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if broken == "playback":
        monkeypatch.setattr(jobs, "playback", full)
    else:
        monkeypatch.setattr(Packer, "add", full)
    outcome = perform(to_seal(tmp_path, list(golden.records("barge_in"))))
    assert isinstance(outcome, Failed)
    assert "No space left" in outcome.why


def test_a_bug_in_packing_is_no_seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(Packer, "add", broken)
    assert perform(to_seal(tmp_path, a_call(1))) == Failed("RuntimeError: ['bug']")


def test_what_is_missing_in_a_spool_is_counted(tmp_path: Path) -> None:
    records = a_call(1, frames=9)
    job = to_seal(tmp_path, [*records[:4], *records[6:9]])
    job = msgspec.structs.replace(job, last_seq=records[-1].seq)
    assert perform(job) == Sealed(damaged_records=2 + 2, has_audio=False)


def test_a_recording_that_is_gone_cannot_be_compressed(tmp_path: Path) -> None:
    job = Compress(recording=str(tmp_path / "gone"), opus=str(tmp_path / "out"))
    assert isinstance(perform(job), Failed)


@pytest.mark.parametrize("name", ["opus", "wav"])
def test_a_codec_that_finds_no_room_has_not_made_a_recording(tmp_path: Path, name: Codec) -> None:
    job = to_seal(tmp_path, list(golden.records("barge_in")), name)
    Path(job.recording).symlink_to("/dev/full")
    outcome = perform(job)
    assert isinstance(outcome, Failed)
    assert "No space left" in outcome.why


def test_a_call_can_be_sealed_without_its_recording(tmp_path: Path) -> None:
    job = to_seal(tmp_path, list(golden.records("barge_in")))
    perform(job)
    whole = Path(job.archive).read_bytes()
    Path(job.recording).unlink()
    without = msgspec.structs.replace(job, recorded=False)
    assert perform(without) == Sealed(damaged_records=0, has_audio=False)
    assert Path(job.archive).read_bytes() == whole
    assert not Path(job.recording).exists()
