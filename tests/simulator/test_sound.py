"""What is heard and what is spoken, as sound."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import get_args

import av
import numpy as np
import pybase64
import pytest
import soxr
from tests.simulator.talk import SPEECH
from tests.support import speech

from trunkline.simulator import voices
from trunkline.simulator.audio import (
    RATE,
    Encoding,
    Intake,
    Samples,
    bytes_per_second,
    decode,
    decode_g711,
    encode,
)
from trunkline.simulator.known import recognise
from trunkline.simulator.speech import evenly
from trunkline.simulator.vad import Detector, Started, Stopped, energy, silero

CODECS = {"audio/pcmu": "pcm_mulaw", "audio/pcma": "pcm_alaw"}
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)


def samples(name: str) -> Samples:
    return np.frombuffer(speech.load(name), "<i2").astype(np.int16)


@pytest.mark.parametrize("encoding", CODECS)
def test_g711_is_what_ffmpeg_says_it_is(encoding: Encoding) -> None:
    codec = av.CodecContext.create(CODECS[encoding], "r")
    codec.sample_rate, codec.layout = 8_000, "mono"  # pyright: ignore[reportAttributeAccessIssue]
    every = bytes(range(256))
    frame = codec.decode(av.Packet(every))[0]  # pyright: ignore[reportAttributeAccessIssue]
    assert decode_g711(every, encoding).tolist() == frame.to_ndarray()[0].tolist()


@pytest.mark.parametrize("encoding", CODECS)
def test_g711_gives_back_each_of_its_own_values(encoding: Encoding) -> None:
    values = np.repeat(decode_g711(bytes(range(256)), encoding), 1)
    again = decode_g711(encode_at_8k(values, encoding), encoding)
    assert again.tolist() == values.tolist()


def encode_at_8k(values: Samples, encoding: Encoding) -> bytes:
    from trunkline.simulator.audio import _ENCODE  # pyright: ignore[reportPrivateUsage]

    return _ENCODE[encoding][values.view(np.uint16)].tobytes()


def test_an_append_need_not_end_on_a_sample() -> None:
    pcm, intake, heard = speech.load("cards")[:9_601], Intake("audio/pcm"), list[Samples]()
    total = 0
    for at in range(0, len(pcm), 777):
        passed, wide, _ = intake.take(pcm[at : at + 777], listen=False)
        total += passed
        heard.append(wide)
    assert np.concatenate(heard).tobytes() == pcm[:9_600]
    assert total == 4_800


def turns(
    audio: Samples, encoding: Encoding = "audio/pcm", *, loud: bool = False
) -> list[Started | Stopped]:
    detector, intake = Detector(energy() if loud else silero()), Intake(encoding)
    wire, found = encode(audio, encoding), list[Started | Stopped]()
    step = bytes_per_second(encoding) // 25
    for at in range(0, len(wire), step):
        _, _, heard = intake.take(wire[at : at + step], listen=True)
        found += detector.take(heard, threshold=0.5, silence_ms=500)
    return found


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", speech.names())
def test_a_voice_is_heard_where_it_is(name: str, encoding: Encoding) -> None:
    clip = speech.about(name)
    audio = np.concatenate([samples(name), np.zeros(RATE, np.int16)])
    match turns(audio, encoding):
        case [Started(onset), Stopped(end)]:
            assert abs(onset - clip["speech_begins_ms"]) <= 100
            assert abs(end - clip["speech_ends_ms"]) <= 200
        case other:
            pytest.fail(f"one turn was expected, not {other}")


def test_a_tone_and_noise_are_no_voice() -> None:
    time = np.arange(3 * RATE) / RATE
    tone = (8_000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    noise = np.random.default_rng(1).normal(0, 2_000, 3 * RATE).astype(np.int16)
    assert turns(tone) == []
    assert turns(noise) == []


def test_loudness_alone_will_do_for_load() -> None:
    audio = np.concatenate([samples("cards"), np.zeros(RATE, np.int16)])
    assert [type(found) for found in turns(audio, loud=True)] == [Started, Stopped]


def altered(audio: Samples) -> Samples:
    """Half as loud, through a telephone, with silence around it."""
    quiet = np.concatenate([np.zeros(4_800), audio * 0.5, np.zeros(12_000)]).astype(np.int16)
    return decode(encode(quiet, "audio/pcmu"), "audio/pcmu")


@pytest.mark.parametrize("name", speech.names())
def test_a_recording_is_recognised_by_its_loudness(name: str) -> None:
    known = voices.known_speech((SPEECH,))
    assert recognise(altered(samples(name)), known) == speech.transcript(name)


def test_a_part_of_a_recording_and_other_sounds_are_not_recognised() -> None:
    known = voices.known_speech((SPEECH,))
    assert recognise(samples("dashwood")[: RATE * 3], known) is None
    assert recognise(samples("dashwood")[::-1].copy(), known) is None
    assert recognise(np.zeros(RATE * 3, np.int16), known) is None
    assert recognise(np.empty(0, np.int16), known) is None


CLIPS = voices.library().clips


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_is_a_voice_and_its_words_are_where_it_is_loud(name: str) -> None:
    clip = CLIPS[name]
    assert " ".join(word.text for word in clip.words) == clip.text
    assert all(a.ends_ms <= b.begins_ms for a, b in pairwise(clip.words))
    assert clip.words[-1].ends_ms <= clip.duration_ms
    loudness = np.abs(clip.samples.astype(int))
    spoken = [loudness[w.begins_ms * 24 : w.ends_ms * 24].mean() for w in clip.words]
    assert min(spoken) > 100
    assert [type(found) for found in turns(np.append(clip.samples, np.zeros(RATE, np.int16)))][
        :2
    ] == [Started, Stopped]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_chunks_are_the_whole_clip_with_all_its_words(encoding: Encoding) -> None:
    clip = CLIPS["slots"]
    chunks = clip.chunks(encoding, 100)
    assert b"".join(pybase64.b64decode(c.audio) for c in chunks) == clip.wire(encoding)
    assert "".join(c.transcript for c in chunks) == clip.text
    assert abs(sum(c.duration_ms for c in chunks) - clip.duration_ms) < 1
    assert clip.chunks(encoding, 100) is chunks


def test_g711_of_a_clip_sounds_like_the_clip() -> None:
    clip = CLIPS["weather"]
    back = soxr.resample(decode_g711(clip.wire("audio/pcmu"), "audio/pcmu"), 8_000, RATE)
    narrow = soxr.resample(soxr.resample(clip.samples, RATE, 8_000), 8_000, RATE)
    length = min(len(back), len(narrow))
    assert np.corrcoef(back[:length], narrow[:length])[0, 1] > 0.99


def test_words_without_times_are_spread_over_the_sound() -> None:
    clip = evenly("one three seven", np.zeros(RATE, np.int16))
    assert [word.begins_ms for word in clip.words] == [0, 250, 625]
    assert clip.words[-1].ends_ms == 1_000


def test_the_package_carries_its_voice_in_less_than_a_megabyte() -> None:
    files = list(voices.CLIPS.iterdir())
    assert {"LICENSE", "manifest.json"} <= {file.name for file in files}
    assert sum(file.stat().st_size for file in files) < 1_000_000
    assert CLIPS["story"].duration_ms > 15_000


@pytest.mark.parametrize("text", ["", "   ", "x" * 2_000])
def test_what_cannot_be_said_is_not_synthesised(text: str) -> None:
    assert voices.synthesise(text) is None


FAKE = """#!{python}
import sys, wave
with wave.open(sys.stdout.buffer, "wb") as out:
    out.setnchannels(1), out.setsampwidth(2), out.setframerate(22050)
    out.writeframes(b"\\1\\2" * 22050)
"""


def test_a_synthesiser_on_the_path_speaks_any_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text(FAKE.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    clip = voices.synthesise("Any words at all.")
    assert clip is not None
    assert (clip.text, clip.duration_ms) == ("Any words at all.", 1_000)


def test_a_synthesiser_that_fails_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/false")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert voices.synthesise("It cannot be said.") is None
