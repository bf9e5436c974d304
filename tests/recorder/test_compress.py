"""Recordings that are lossless become Ogg Opus, whatever happens on the way."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest
from tests.recorder.journals import ORG
from tests.support.patience import PATIENCE_S

from trunkline import ids
from trunkline.recorder.compress import Compressor
from trunkline.recorder.jobs import Failed, Job, Outcome
from trunkline.recorder.lossless import Lossless
from trunkline.recorder.refold import uncompressed_calls
from trunkline.recorder.workers import Threads
from trunkline.store import blobs as keys
from trunkline.store import codec
from trunkline.store.blobs import Blobs
from trunkline.store.tombstones import Tombstones

CALLS = [ids.call_id(ids.ulid_bytes(1_790_000_000_000_000_000, bytes([at] * 10))) for at in (1, 2)]


class Remote(Blobs):
    """The same store, as if it were far away."""

    def local_path(self, blob: str) -> Path | None:
        return None


class Place:
    def __init__(self, directory: Path, kind: type[Blobs]) -> None:
        self.directory = directory
        self.blobs = kind.open("", directory / "blobs")
        self.lossless = Lossless(directory / "lossless")
        self.erased = Tombstones(directory / "erased")
        self.workers = Threads()
        self.scratch = directory / "scratch"
        self.scratch.mkdir()
        self.compressor = self.another()

    def another(self) -> Compressor:
        return Compressor(self.blobs, self.scratch, self.lossless, self.erased, self.workers)

    async def store(self, call_id: str, seconds: int = 1) -> None:
        """Store a lossless recording, as the sealer does."""
        with self.lossless.making(ORG, call_id):
            noise = np.random.default_rng(1).integers(-999, 999, (codec.RATE_HZ, 2), np.int16)
            codec.encode([noise] * seconds, 2, self.directory / "made", "wav")
            await self.blobs.put(keys.key(ORG, call_id, "audio.wav"), self.directory / "made")

    async def parts(self, call_id: str) -> set[str]:
        return {
            blob.rpartition("/")[2]
            async for blob in self.blobs.list(keys.call_prefix(ORG, call_id))
        }

    async def settled(self, *call_ids: str) -> None:
        """Wait until these are not noted any more."""
        while {call_id for _, call_id in self.lossless.noted()} & set(call_ids):
            await asyncio.sleep(0.01)


@pytest.fixture(params=[Blobs, Remote])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Place]:
    place = Place(tmp_path, request.param)
    yield place
    assert not list(place.scratch.iterdir())


async def test_opus_takes_the_place_of_what_is_lossless(place: Place) -> None:
    await place.store(CALLS[0])
    running = asyncio.create_task(place.compressor.run())
    await place.settled(CALLS[0])
    # What comes later is noticed.
    await place.store(CALLS[1])
    await place.settled(CALLS[1])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for call_id in CALLS:
        assert await place.parts(call_id) == {"audio.opus"}
    direct = place.directory / "direct"
    codec.encode(codec.decode(place.directory / "made"), 2, direct)
    assert await place.blobs.get(keys.key(ORG, CALLS[1], "audio.opus")) == direct.read_bytes()


async def test_what_was_interrupted_is_found_by_its_note(place: Place) -> None:
    """Before the recording was stored, too: then there is nothing to do."""
    await place.store(CALLS[0])
    place.lossless.note(ORG, CALLS[1])
    later = Lossless(place.directory / "lossless")
    assert later.noted() == [(ORG, CALLS[0]), (ORG, CALLS[1])]
    for org_id, call_id in later.noted():
        await place.compressor.compress(org_id, call_id)
    assert later.noted() == []
    assert await place.parts(CALLS[0]) == {"audio.opus"}
    assert await place.parts(CALLS[1]) == set()


async def test_what_is_being_stored_is_left_alone(place: Place) -> None:
    with place.lossless.making(ORG, CALLS[0]):
        assert place.lossless.noted() == []
        await place.compressor.compress(ORG, CALLS[0])
    assert place.lossless.noted() == [(ORG, CALLS[0])]


async def test_one_that_cannot_be_compressed_stays_and_holds_up_no_other(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for call_id in CALLS:
        await place.store(call_id)
    whole = place.workers.perform

    async def perform(job: Job) -> Outcome:
        return Failed("no") if CALLS[0] in str(job) else await whole(job)

    monkeypatch.setattr(place.workers, "perform", perform)
    running = asyncio.create_task(place.compressor.run())
    await place.settled(CALLS[1])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await place.parts(CALLS[0]) == {"audio.wav"}
    assert place.lossless.noted() == [(ORG, CALLS[0])]


@pytest.mark.parametrize("turns", range(5))
async def test_who_waits_for_more_is_stopped_whatever_is_noted_meanwhile(
    tmp_path: Path, turns: int
) -> None:
    """Else a server would not stop: it waits again, for minutes."""
    lossless = Lossless(tmp_path)

    async def wait() -> None:
        while True:
            await lossless.more(PATIENCE_S)

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.01)
    lossless.note(ORG, CALLS[0])
    for _ in range(turns):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=PATIENCE_S / 2)
    assert waiting.cancelled()


@pytest.mark.parametrize("what", ["erased", "too old"])
async def test_what_is_forgotten_meanwhile_does_not_come_back(
    place: Place, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    await place.store(CALLS[0])
    whole = place.workers.perform

    async def perform(job: Job) -> Outcome:
        outcome = await whole(job)
        if what == "erased":
            place.erased.add(ORG, CALLS[0])
        await place.blobs.delete_call(ORG, CALLS[0])
        return outcome

    monkeypatch.setattr(place.workers, "perform", perform)
    await place.compressor.compress(ORG, CALLS[0])
    assert await place.parts(CALLS[0]) == set()
    assert place.lossless.noted() == []


async def test_whoever_is_stopped_leaves_what_was_there(place: Place) -> None:
    await place.store(CALLS[0], seconds=60)
    running = asyncio.create_task(place.compressor.run())
    while not list(place.scratch.glob("*.opus.part")):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "audio.wav" in await place.parts(CALLS[0])
    assert place.lossless.noted() == [(ORG, CALLS[0])]


async def test_a_store_tells_which_recordings_are_lossless(place: Place) -> None:
    await place.store(CALLS[0])
    assert [pair async for pair in uncompressed_calls(place.blobs)] == [(ORG, CALLS[0])]
