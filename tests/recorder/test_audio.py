import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from tests.support import speech

from trunkline.protocol.audio import encode_pcm16
from trunkline.protocol.formats import PCM_24K, PCMA, PCMU, Format
from trunkline.recorder import audio
from trunkline.recorder.audio import render
from trunkline.recorder.kept import Chunk
from trunkline.recorder.peaks import Peaks
from trunkline.store import codec

Stereo = npt.NDArray[np.int16]
CHUNK_MS = 40


def tone(hz: int, ms: int, rate_hz: int = 24_000, level: float = 0.5) -> npt.NDArray[np.int16]:
    times = np.arange(rate_hz * ms // 1000) / rate_hz
    return (np.sin(2 * np.pi * hz * times) * level * 32767).astype(np.int16)


def chunks(
    samples: npt.NDArray[np.int16],
    starts_ms: int,
    *,
    caller: bool,
    format_: Format = PCM_24K,
    heard_until_ms: int | None = None,
) -> Iterator[Chunk]:
    data = encode_pcm16(format_, samples)
    step = format_.bytes_per_second * CHUNK_MS // 1000
    until = None if heard_until_ms is None else heard_until_ms * 1000
    for number, start in enumerate(range(0, len(data), step)):
        at_us = (starts_ms + number * CHUNK_MS) * 1000
        yield Chunk(caller, at_us, format_, data[start : start + step], until)


def decoded(path: Path) -> Stereo:
    return np.concatenate(list(codec.decode(path)))


def rms(samples: npt.NDArray[np.int16], from_ms: int, to_ms: int) -> float:
    part = samples[from_ms * 24 : to_ms * 24].astype(float)
    return float(np.sqrt((part**2).mean()))


def rendered(path: Path, sounds: list[Chunk], duration_ms: int) -> tuple[Stereo, Peaks]:
    peaks = render(sounds, duration_ms * 1000, path)
    assert peaks is not None
    return decoded(path), peaks


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "audio.opus"


def test_each_side_is_on_its_channel_at_its_time(out: Path) -> None:
    left = list(chunks(tone(300, 1000), 500, caller=True))
    right = list(chunks(tone(700, 1000), 2000, caller=False))
    sound, peaks = rendered(out, left + right, 4000)
    assert abs(len(sound) - 4 * 24_000) <= 24
    assert rms(sound[:, 0], 520, 1480) == pytest.approx(0.5 * 32767 / 2**0.5, rel=0.05)
    assert rms(sound[:, 1], 2020, 2980) == pytest.approx(0.5 * 32767 / 2**0.5, rel=0.05)
    assert rms(sound[:, 1], 0, 1950) < 30
    assert rms(sound[:, 0], 1550, 4000) < 30
    assert peaks.per_second == 50
    assert [number for number, peak in enumerate(peaks.caller) if peak] == list(range(25, 75))
    assert [number for number, peak in enumerate(peaks.assistant) if peak] == list(range(100, 150))


@pytest.mark.parametrize(
    "format_", [PCMU, PCMA, Format("pcm", 8_000), Format("pcm", 16_000), Format("pcm", 48_000)]
)
def test_other_formats_sound_the_same_without_seams(out: Path, format_: Format) -> None:
    samples = tone(440, 2000, format_.rate_hz)
    sound, _ = rendered(out, list(chunks(samples, 100, caller=True, format_=format_)), 2500)
    part = sound[200 * 24 : 2000 * 24, 0].astype(float)
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
    peak = int(spectrum.argmax())
    assert peak * 24_000 / len(part) == pytest.approx(440, abs=1)
    spectrum[peak - 20 : peak + 20] = 0
    assert spectrum.max() < 0.02 * np.abs(np.fft.rfft(part)).max()


def test_recorded_speech_is_heard_where_it_was_said(out: Path) -> None:
    name = speech.names()[0]
    about = speech.about(name)
    samples = np.frombuffer(speech.load(name), "<i2")
    sound, _ = rendered(out, list(chunks(samples, 1000, caller=True)), 1000 + about["duration_ms"])
    length = min(len(samples), len(sound) - 24_000)
    similarity = np.corrcoef(samples[:length], sound[24_000 : 24_000 + length, 0])[0, 1]
    assert similarity > 0.9


def test_what_was_not_heard_is_in_the_waveform_only(out: Path) -> None:
    cut = list(chunks(tone(700, 2000), 0, caller=False, heard_until_ms=810))
    sound, peaks = rendered(out, cut, 3000)
    assert rms(sound[:, 1], 20, 800) > 5000
    assert rms(sound[:, 1], 830, 3000) < 30
    assert [number for number, peak in enumerate(peaks.assistant) if peak] == list(range(41))
    unheard = [number for number, peak in enumerate(peaks.assistant_unheard) if peak]
    assert unheard == list(range(40, 100))


def test_an_item_that_was_never_heard_leaves_silence(out: Path) -> None:
    never = list(chunks(tone(700, 500), 1000, caller=False, heard_until_ms=1000))
    sound, peaks = rendered(out, never, 2000)
    assert rms(sound[:, 1], 0, 2000) < 30
    assert not any(peaks.assistant)
    assert any(peaks.assistant_unheard)


def test_a_chunk_that_ends_inside_a_sample_is_joined_with_the_next(out: Path) -> None:
    data = tone(440, 1000).tobytes()
    sounds = [
        Chunk(True, number * 1_000_000 // 48_000, PCM_24K, data[number : number + 961])
        for number in range(0, len(data), 961)
    ]
    sound, _ = rendered(out, sounds, 1000)
    assert rms(sound[:, 0], 20, 980) == pytest.approx(0.5 * 32767 / 2**0.5, rel=0.05)


def test_a_call_without_sound_has_no_recording(out: Path) -> None:
    assert render([], 5_000_000, out) is None
    absurd = Chunk(True, 0, Format("pcm", 1), bytes(1000))
    assert render([absurd], 5_000_000, out) is None
    assert not out.exists()


def test_a_recording_is_cut_at_its_longest(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "MAX_DURATION_US", 1_000_000)
    sound, peaks = rendered(out, list(chunks(tone(440, 3000), 0, caller=True)), 3000)
    assert len(sound) == pytest.approx(24_000, abs=24)
    assert peaks.duration_ms == 1000


def test_the_same_sound_gives_the_same_file(out: Path, tmp_path: Path) -> None:
    sounds = list(chunks(tone(440, 500), 0, caller=True))
    render(sounds, 500_000, out)
    render(sounds, 500_000, tmp_path / "again")
    assert out.read_bytes() == (tmp_path / "again").read_bytes()


def test_a_long_call_needs_the_memory_of_a_few_seconds(out: Path) -> None:
    second = encode_pcm16(PCM_24K, tone(440, 1000))
    sounds = (Chunk(True, number * 1_000_000, PCM_24K, second) for number in range(240))
    tracemalloc.start()
    try:
        render(sounds, 240_000_000, out)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4_000_000
