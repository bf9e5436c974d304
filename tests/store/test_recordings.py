import asyncio
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.store.records import CALL

from trunkline import ids
from trunkline.store import blobs, codec
from trunkline.store.blobs import BadKey, BlobMissing, Blobs
from trunkline.store.recordings import Form, Recordings, Track

OTHER = ids.call_id(ids.ulid_bytes(1_790_000_000_000 * 1_000_000, b"other call"))


class Remote(Blobs):
    """A store whose blobs are no files of this machine."""

    def local_path(self, blob: str) -> None:
        return None


def stereo(seconds: int) -> list[codec.Block]:
    """Return 300 Hz on the left in even seconds, 700 Hz on the right in odd ones."""
    times = np.arange(codec.RATE_HZ) / codec.RATE_HZ
    tones = [np.sin(2 * np.pi * hz * times) * 16_000 for hz in (300, 700)]
    silence = np.zeros_like(times)
    pairs = ([tones[0], silence], [silence, tones[1]])
    return [np.stack(pairs[number % 2], axis=1).astype(np.int16) for number in range(seconds)]


@pytest.fixture(params=[Blobs, Remote])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    store: Blobs = request.param.open("", tmp_path / "blobs")
    codec.encode(stereo(4), 2, tmp_path / "audio")
    codec.encode(stereo(4), 2, tmp_path / "lossless", "wav")
    for call_id in (CALL, OTHER):
        await store.put(blobs.key("o", call_id, "audio.opus"), tmp_path / "audio")
        await store.put(blobs.key("o", call_id, "peaks.json"), b'{"version":1}')
    return store


def rms(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> float:
    return float(np.sqrt((samples[2000:-2000].astype(float) ** 2).mean()))


async def test_the_mix_is_what_was_sealed(store: Blobs, tmp_path: Path) -> None:
    path = await Recordings(store, tmp_path / "cache").audio("o", CALL)
    assert path.read_bytes() == (tmp_path / "audio").read_bytes()


@pytest.mark.parametrize(("track", "channel"), [("caller", 0), ("assistant", 1)])
async def test_a_single_track_is_mono_and_holds_that_side_only(
    store: Blobs, tmp_path: Path, track: Track, channel: int
) -> None:
    recordings = Recordings(store, tmp_path / "cache")
    with wave.open(str(await recordings.audio("o", CALL, track, "wav"))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 24_000, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    mono = await recordings.audio("o", CALL, track, "opus")
    for sound in (samples, np.concatenate(list(codec.decode(mono)))[:, 0]):
        assert len(sound) == pytest.approx(4 * 24_000, abs=24)
        for second in range(4):
            loud = rms(sound[second * 24_000 : (second + 1) * 24_000])
            assert (loud > 7_000) if second % 2 == channel else (loud < 50)


async def test_the_mix_as_wav_is_stereo(store: Blobs, tmp_path: Path) -> None:
    path = await Recordings(store, tmp_path / "cache").audio("o", CALL, "mix", "wav")
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 24_000)


async def test_a_rendition_is_made_once(store: Blobs, tmp_path: Path) -> None:
    recordings = Recordings(store, tmp_path / "cache")
    paths = await asyncio.gather(*(recordings.audio("o", CALL, "caller", "wav") for _ in range(4)))
    made = paths[0].stat()
    assert len(set(paths)) == 1
    assert [path.name for path in paths[0].parent.iterdir()] == [f"{CALL}-caller.wav"]
    again = await recordings.audio("o", CALL, "caller", "wav")
    assert again.stat().st_ino == made.st_ino


async def test_the_cache_forgets_what_was_not_asked_for_the_longest(
    store: Blobs, tmp_path: Path
) -> None:
    size = 4 * 24_000 * 2
    recordings = Recordings(store, tmp_path / "cache", cache_bytes=size * 2 + 1000)
    wanted: list[tuple[str, Track, Form]] = [
        (CALL, "caller", "wav"),
        (CALL, "assistant", "wav"),
        (CALL, "caller", "wav"),
        (OTHER, "caller", "wav"),
    ]
    for call_id, track, form in wanted:
        await recordings.audio("o", call_id, track, form)
    left = sorted(path.name for path in (tmp_path / "cache" / "o").iterdir())
    assert left == sorted([f"{CALL}-caller.wav", f"{OTHER}-caller.wav"])


async def test_a_forgotten_call_leaves_the_cache_and_others_stay(
    store: Blobs, tmp_path: Path
) -> None:
    recordings = Recordings(store, tmp_path / "cache")
    for call_id in (CALL, OTHER):
        await recordings.audio("o", call_id, "caller", "wav")
    await recordings.forget("o", CALL)
    assert [path.name for path in (tmp_path / "cache" / "o").iterdir()] == [f"{OTHER}-caller.wav"]


async def test_peaks_are_what_was_sealed(store: Blobs, tmp_path: Path) -> None:
    assert await Recordings(store, tmp_path).peaks("o", CALL) == b'{"version":1}'


async def test_a_call_without_a_recording_is_missing(store: Blobs, tmp_path: Path) -> None:
    recordings = Recordings(store, tmp_path / "cache")
    forms: tuple[Form, ...] = ("opus", "wav")
    for form in forms:
        with pytest.raises(BlobMissing):
            await recordings.audio("p", CALL, "mix", form)
    with pytest.raises(BlobMissing):
        await recordings.peaks("p", CALL)
    with pytest.raises(BadKey):
        await recordings.audio("../o", CALL, "caller", "wav")
    with pytest.raises(BadKey):
        await recordings.forget("..", CALL)


async def lossless_only(store: Blobs, tmp_path: Path) -> None:
    await store.delete(blobs.key("o", CALL, "audio.opus"))
    await store.put(blobs.key("o", CALL, "audio.wav"), tmp_path / "lossless")


@pytest.mark.parametrize("track", ["mix", "caller", "assistant"])
@pytest.mark.parametrize("form", ["opus", "wav"])
async def test_what_is_not_compressed_yet_sounds_the_same(
    store: Blobs, tmp_path: Path, track: Track, form: Form
) -> None:
    recordings = Recordings(store, tmp_path / "cache")
    await lossless_only(store, tmp_path)
    path = await recordings.audio("o", CALL, track, form)
    found = np.concatenate(list(codec.decode(path)))
    assert len(found) == pytest.approx(4 * 24_000, abs=24)
    if (track, form) == ("mix", "opus"):
        assert path.read_bytes() == (tmp_path / "audio").read_bytes()
    if (track, form) == ("mix", "wav"):
        assert path.read_bytes() == (tmp_path / "lossless").read_bytes()


@pytest.mark.parametrize(("compressed", "form"), [(True, "opus"), (False, "wav")])
async def test_nobody_waits_for_compression_to_listen(
    store: Blobs, tmp_path: Path, compressed: bool, form: Form
) -> None:
    recordings = Recordings(store, tmp_path / "cache")
    if not compressed:
        await lossless_only(store, tmp_path)
    path, told = await recordings.playable("o", CALL)
    sealed = tmp_path / ("audio" if compressed else "lossless")
    assert (told, path.read_bytes()) == (form, sealed.read_bytes())
    path, told = await recordings.playable("o", CALL, "caller")
    assert told == form
    assert rms(np.concatenate(list(codec.decode(path)))[: codec.RATE_HZ, 0]) > 7_000
    with pytest.raises(BlobMissing):
        await recordings.playable("p", CALL)


async def test_what_is_compressed_while_it_is_asked_for_is_found(
    store: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lossless_only(store, tmp_path)
    recordings = Recordings(store, tmp_path / "cache")
    whole = recordings._make_of

    async def make_of(blob: str, *rest: Any) -> None:
        if blob.endswith("wav"):
            await store.put(blobs.key("o", CALL, "audio.opus"), tmp_path / "audio")
            await store.delete(blob)
        await whole(blob, *rest)

    monkeypatch.setattr(recordings, "_make_of", make_of)
    assert (await recordings.audio("o", CALL, "caller", "wav")).exists()


async def test_a_call_without_a_recording_has_none_to_make(store: Blobs, tmp_path: Path) -> None:
    await store.delete(blobs.key("o", CALL, "audio.opus"))
    with pytest.raises(BlobMissing):
        await Recordings(store, tmp_path / "cache").audio("o", CALL, "caller", "wav")
    assert not list((tmp_path / "cache").rglob("*.*"))
