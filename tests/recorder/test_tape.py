"""What is listened to is what the recording has: golden calls, taken piece by piece."""

from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import numpy.typing as npt
import pytest
from tests.recorder.script import pcm
from tests.support import golden

from trunkline.live.running import LISTEN_RATE_HZ
from trunkline.protocol.formats import PCM_24K
from trunkline.recorder.audio import render
from trunkline.recorder.fold import fold
from trunkline.recorder.playback import playback
from trunkline.recorder.sound import Placed, Stopped
from trunkline.recorder.state import State
from trunkline.recorder.tape import AHEAD, Tape
from trunkline.store import codec

DELAY_US = 1_000_000
S = 1_000_000
Stereo = npt.NDArray[np.int16]


def samples(block: bytes) -> Stereo:
    return np.frombuffer(block, "<i2").reshape(-1, 2)


def listened(name: str) -> Stereo:
    """A golden call, listened to from its beginning, a second behind."""
    state, tape, blocks = State.new(), Tape(0), list[bytes]()
    for record in golden.records(name):
        state, _ = fold(state, record, hear=tape.hear)
        blocks.append(tape.until(state.last_us - DELAY_US))
    blocks.append(tape.until(state.last_us))
    return samples(b"".join(blocks))


def recorded(name: str, path: Path) -> Stereo:
    with TemporaryFile() as scratch:
        played = playback(golden.records(name), scratch)
        assert render(played.chunks, played.ends_us, path, "wav") is not None
    return np.concatenate(list(codec.decode(path)))


WITH_SOUND = [name for name in golden.names() if listened(name).any()]


def test_some_golden_calls_have_sound() -> None:
    assert len(WITH_SOUND) > 3


@pytest.mark.parametrize("name", WITH_SOUND)
def test_one_hears_what_the_recording_has(name: str, tmp_path: Path) -> None:
    """But for soft ends where sound was cut, and another resampler at other rates."""
    live, kept = listened(name), recorded(name, tmp_path / "audio.wav")
    length = min(len(live), len(kept))
    assert abs(len(live) - len(kept)) <= LISTEN_RATE_HZ
    apart = np.abs(live[:length].astype(int) - kept[:length].astype(int))
    assert (apart > 600).mean() < 0.01
    loud = np.abs(kept[:length]).max()
    assert loud == 0 or np.abs(live[:length]).max() > loud / 2


def placed(starts_us: int, length_ms: float, leg: str = "provider") -> Placed:
    return Placed(leg, starts_us, int(length_ms * 1000), PCM_24K, pcm(length_ms))


def loud(starts_us: int, length_ms: int) -> Placed:
    from base64 import b64encode

    sound = b64encode(b"\x00\x40" * (length_ms * 24)).decode()
    return Placed("provider", starts_us, length_ms * 1000, PCM_24K, sound)


def test_nothing_is_taken_twice_and_silence_is_sound_too() -> None:
    tape = Tape(5 * S)
    assert len(samples(tape.until(6 * S))) == LISTEN_RATE_HZ
    assert tape.until(6 * S) == tape.until(5 * S) == b""
    assert not samples(tape.until(7 * S)).any()


def test_an_answer_that_is_stopped_in_time_is_not_heard_on() -> None:
    tape = Tape(0)
    tape.hear(loud(0, 4000))
    assert samples(tape.until(S))[:, 1].all()
    tape.hear(Stopped(("item_1",), 2 * S))
    assert samples(tape.until(2 * S))[:, 1].all()
    assert not samples(tape.until(4 * S)).any()
    tape.hear(loud(5 * S, 1000))
    heard = samples(tape.until(6 * S))
    assert not heard[:LISTEN_RATE_HZ].any()
    assert heard[LISTEN_RATE_HZ:, 1].all()


def test_what_was_before_and_what_is_far_ahead_is_left_out() -> None:
    tape = Tape(2 * S)
    tape.hear(loud(0, 3000))
    tape.hear(loud(AHEAD // LISTEN_RATE_HZ * S + 10 * S, 1000))
    heard = samples(tape.until(4 * S))
    assert heard[:LISTEN_RATE_HZ, 1].all()
    assert not heard[LISTEN_RATE_HZ:].any()


def test_a_session_with_an_impossible_rate_is_not_heard() -> None:
    from trunkline.protocol.formats import Format

    tape = Tape(0)
    tape.hear(Placed("caller", 0, S, Format("pcm", 1), pcm(100)))
    assert not samples(tape.until(S)).any()
