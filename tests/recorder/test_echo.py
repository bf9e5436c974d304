"""Echoes of the assistant's own voice, told from callers who speak, by recorded speech."""

import io
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache
from itertools import count, product

import numpy as np
import numpy.typing as npt
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st
from tests.support import speech

from trunkline.protocol.audio import Samples, encode_pcm16
from trunkline.protocol.formats import PCM_24K, PCMU, Format
from trunkline.recorder import echo
from trunkline.recorder.echo import RATE_HZ, Suspect, echoes, explained
from trunkline.recorder.kept import Kept
from trunkline.recorder.sound import Placed

Signal = npt.NDArray[np.float64]
LEAD = echo.MOST_DELAY_US * RATE_HZ // 1_000_000
ASSISTANT = ("dashwood", "selfish", "young_man", "amiable")
CALLERS = ("cards", "go_forward")
"""Other people than the reader who is the assistant."""


@lru_cache
def voice(name: str, rate_hz: int = RATE_HZ) -> Signal:
    """A clip from where speech begins, with nothing before it."""
    pcm = np.frombuffer(speech.load(name), "<i2").astype(np.float64)
    pcm = pcm[speech.about(name)["speech_begins_ms"] * speech.RATE // 1000 :]
    return soxr.resample(pcm, speech.RATE, rate_hz)


def decibels(change_db: float) -> float:
    return 10 ** (change_db / 20)


def room(signal: Signal, seed: int) -> Signal:
    """What a microphone in the room gets of it: 60 ms of reflections, 6 dB below the direct way."""
    late = np.random.default_rng(seed).standard_normal(60 * RATE_HZ // 1000)
    late *= 10 ** (-3 * np.arange(len(late)) / (0.25 * RATE_HZ))
    late *= 0.5 / np.sqrt(np.square(late).sum())
    late[0] = 1
    return np.convolve(signal, late)[: len(signal)]


def noise(length: int, level_db: float, seed: int) -> Signal:
    return np.random.default_rng(seed).standard_normal(length) * 32768 * decibels(level_db)


def echo_of(said: Signal, delay_ms: int, weaker_db: float, seed: int) -> Signal:
    late = np.zeros(delay_ms * RATE_HZ // 1000)
    return np.concatenate([late, room(said, seed)])[: len(said)] * decibels(-weaker_db)


def samples(signal: Signal) -> Samples:
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)


PATHS = list(product((20, 80, 170, 300), (6, 18, 30)))


@pytest.mark.parametrize(("delay_ms", "weaker_db"), PATHS)
@pytest.mark.parametrize("name", ASSISTANT)
def test_an_echo_alone_is_one(name: str, delay_ms: int, weaker_db: int) -> None:
    said = voice(name)[: LEAD + RATE_HZ]
    heard = echo_of(said, delay_ms, weaker_db, delay_ms) + noise(len(said), -75, weaker_db)
    found = explained(samples(heard[LEAD:]), samples(said))
    assert found is not None
    assert found.is_echo
    assert found.delay_us == pytest.approx(delay_ms * 1000, abs=1000)


@pytest.mark.parametrize(("delay_ms", "weaker_db"), PATHS)
@pytest.mark.parametrize("name", CALLERS)
def test_a_caller_who_speaks_over_an_echo_is_none(name: str, delay_ms: int, weaker_db: int) -> None:
    said = voice("dashwood")[: LEAD + RATE_HZ]
    heard = echo_of(said, delay_ms, weaker_db, delay_ms) + noise(len(said), -60, weaker_db)
    heard[LEAD:] += voice(name)[:RATE_HZ]
    found = explained(samples(heard[LEAD:]), samples(said))
    assert found is not None
    assert not found.is_echo


@pytest.mark.parametrize("weaker_db", [0, 20])
@pytest.mark.parametrize("name", [*CALLERS, *ASSISTANT[1:]])
def test_a_caller_without_an_echo_is_none(name: str, weaker_db: int) -> None:
    """Even with the very voice of the assistant, who says something else."""
    said = voice("dashwood")[: LEAD + RATE_HZ]
    heard = voice(name)[:RATE_HZ] * decibels(-weaker_db) + noise(RATE_HZ, -60, 1)
    found = explained(samples(heard), samples(said))
    assert found is not None
    assert not found.is_echo


def test_a_hum_on_both_sides_is_no_echo() -> None:
    at = np.arange(LEAD + RATE_HZ) / RATE_HZ
    said = voice("dashwood")[: len(at)] + 200 * np.sin(2 * np.pi * 400 * at)
    heard = 2000 * np.sin(2 * np.pi * 400 * at[LEAD:]) + noise(RATE_HZ, -50, 2)
    found = explained(samples(heard), samples(said))
    assert found is not None
    assert not found.is_echo


def test_silence_and_too_little_sound_say_nothing() -> None:
    said, nothing = samples(voice("dashwood")[: LEAD + RATE_HZ]), np.zeros(RATE_HZ, np.int16)
    assert explained(nothing, said) is None
    assert explained(said[LEAD:], np.zeros_like(said)) is None
    assert explained(said[-100:], said) is None
    assert explained(said, said[LEAD:]) is None


def test_a_constant_voltage_is_no_echo() -> None:
    heard, said = np.full(RATE_HZ, 9000, np.int16), np.full(LEAD + RATE_HZ, -32768, np.int16)
    found = explained(heard, said)
    assert found is not None
    assert not found.is_echo


@given(
    st.lists(st.integers(-32768, 32767), min_size=0, max_size=600),
    st.lists(st.integers(-32768, 32767), min_size=0, max_size=900),
)
def test_any_sound_is_taken(heard: list[int], said: list[int]) -> None:
    found = explained(np.array(heard, np.int16), np.array(said, np.int16))
    assert found is None or 0 <= found.share <= 1.000001


# --- by the chunks of a call


def placed(
    leg: str, signal: Signal, starts_ms: int, format_: Format, odd: bool
) -> Iterator[Placed]:
    """A voice at `RATE_HZ` as chunks of 100 ms; `odd` ones begin and end inside a sample."""
    own = samples(soxr.resample(signal, RATE_HZ, format_.rate_hz))
    data = encode_pcm16(format_, own)
    step = format_.bytes_per_second // 10 + odd
    for number, at in zip(count(), range(0, len(data), step), strict=False):
        starts_us = starts_ms * 1000 + number * step * 1_000_000 // format_.bytes_per_second
        part = data[at : at + step]
        length_us = len(part) * 1_000_000 // format_.bytes_per_second
        yield Placed(leg, starts_us, length_us, format_, b64encode(part).decode(), "item")


FORMATS = {
    "both as usual": (PCM_24K, PCM_24K, False),
    "a telephone": (PCMU, PCMU, False),
    "the caller at 16 kHz": (Format("pcm", 16_000), PCM_24K, False),
    "chunks that end inside a sample": (PCM_24K, PCM_24K, True),
}


@pytest.mark.parametrize(("caller", "assistant", "odd"), FORMATS.values(), ids=FORMATS.keys())
def test_which_turns_an_echo_began(caller: Format, assistant: Format, odd: bool) -> None:
    """The assistant speaks from 2 s on; its echo is taken for speech at 3.5 s, a caller at 5 s."""
    said = voice("dashwood")
    heard = echo_of(said, 120, 12, 3) + noise(len(said), -65, 4)
    own = voice("cards")[: 2 * RATE_HZ]
    heard[3 * RATE_HZ : 3 * RATE_HZ + len(own)] += own
    kept = Kept(io.BytesIO())
    chunks = [
        *placed("caller", heard, 2000, caller, odd),
        *placed("provider", said, 2000, assistant, odd),
    ]
    for chunk in sorted(chunks, key=lambda chunk: chunk.starts_us):
        kept.add(chunk)
    tracks = kept.tracks()
    suspects = [
        Suspect(2, 3_500_000, 4_200_000),
        Suspect(3, 5_000_000, 6_500_000),
        Suspect(4, 3_500_000, 3_550_000),
        Suspect(5, 3_500_000, None),
        Suspect(6, 30_000_000, 31_000_000),
        Suspect(7, 0, 1_000_000),
    ]
    assert echoes(tracks, suspects)[:2] == (2, 4)
    assert not {3, 6, 7} & {*echoes(tracks, suspects)}


def test_formats_that_are_not_rendered_are_not_looked_at() -> None:
    kept = Kept(io.BytesIO())
    for leg in ("caller", "provider"):
        kept.add(Placed(leg, 0, 10**9, Format("pcm", 1), "AAAA", "item"))
    assert echoes(kept.tracks(), [Suspect(1, 0, 10**9)]) == ()
    assert echoes(Kept(io.BytesIO()).tracks(), [Suspect(1, 0, 10**9)]) == ()
