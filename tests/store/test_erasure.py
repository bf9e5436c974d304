"""An erased call is nowhere any more, and whatever was in the way is made up for later."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from tests.store.engines import engine
from tests.store.records import CALL, ULID, encoded, frames

from trunkline import ids
from trunkline.store import archive, blobs, codec
from trunkline.store.archives import Archives
from trunkline.store.blobs import BlobMissing, Blobs
from trunkline.store.erasure import Erasure
from trunkline.store.facts.line import FactsUnavailable
from trunkline.store.recordings import Recordings
from trunkline.store.tombstones import Tombstones

ORG = "org_1"
OTHER = ids.call_id(ULID[:15] + b"?")


class Facts:
    """Notes what it was told to forget, or refuses."""

    def __init__(self) -> None:
        self.down = False
        self.forgotten: list[tuple[str, str]] = []

    async def delete_call(self, org_id: str, call_id: str) -> None:
        if self.down:
            raise FactsUnavailable("down")
        self.forgotten.append((org_id, call_id))


class Place:
    """Everything that is kept of calls, in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.blobs = Blobs.open("", directory / "blobs")
        self.archives = Archives(self.blobs, directory / "spool")
        self.recordings = Recordings(self.blobs, directory / "cache")
        self.tombstones = Tombstones(directory / "erased")
        self.facts = Facts()
        self.erasure = Erasure(
            self.tombstones, self.facts, self.blobs, self.archives, self.recordings
        )

    async def add(self, call_id: str) -> None:
        packed = self.directory / "packed"
        with packed.open("wb") as out:
            archive.pack(out, call_id, encoded(frames(5)))
        await self.blobs.put(blobs.key(ORG, call_id, "archive"), packed)
        codec.encode([np.zeros((codec.RATE_HZ, 2), np.int16)], 2, packed)
        await self.blobs.put(blobs.key(ORG, call_id, "audio.opus"), packed)
        packed.unlink()
        await self.blobs.put(blobs.key(ORG, call_id, "peaks.json"), b"{}")
        await self.recordings.audio(ORG, call_id, "caller", "wav")
        await self.archives.events(ORG, call_id, -1, 10)

    def paths(self, call_id: str) -> list[Path]:
        return [path for path in self.directory.rglob("*") if call_id in str(path)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_an_erased_call_leaves_nothing_and_others_stay(place: Place) -> None:
    await place.add(CALL)
    await place.add(OTHER)
    before = len(place.paths(OTHER))
    await place.erasure.erase(ORG, CALL)
    assert place.paths(CALL) == []
    assert len(place.paths(OTHER)) == before >= 5
    assert place.facts.forgotten == [(ORG, CALL)]
    assert (CALL in place.tombstones, place.erasure.unfinished) == (True, 0)
    with pytest.raises(BlobMissing):
        await place.archives.events(ORG, CALL, -1, 10)
    with pytest.raises(BlobMissing):
        await place.recordings.audio(ORG, CALL, "caller", "wav")


async def test_what_a_store_refuses_is_erased_when_it_is_back(place: Place) -> None:
    await place.add(CALL)
    place.facts.down = True
    with pytest.raises(FactsUnavailable):
        await place.erasure.erase(ORG, CALL)
    assert place.paths(CALL) == []
    await place.erasure.finish()
    assert place.erasure.unfinished == 1
    place.facts.down = False
    again = Erasure(
        Tombstones(place.directory / "erased"),
        place.facts,
        place.blobs,
        place.archives,
        place.recordings,
    )
    task = asyncio.create_task(again.run())
    while again.unfinished:
        await asyncio.sleep(0.001)
    task.cancel()
    assert place.facts.forgotten == [(ORG, CALL)]


async def test_a_rendition_that_was_being_made_does_not_outlive_its_call(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.add(CALL)
    make = Recordings._make

    async def made_late(self: Recordings, *arguments: object) -> None:
        await make(self, *arguments)  # pyright: ignore[reportArgumentType]
        await place.erasure.erase(ORG, CALL)
        # What the other side would have written a moment later.
        path = place.directory / "cache" / ORG / f"{CALL}-mix.wav"
        path.write_bytes(b"RIFF")

    monkeypatch.setattr(Recordings, "_make", made_late)
    with pytest.raises(BlobMissing):
        await place.recordings.audio(ORG, CALL, "mix", "wav")
    assert place.paths(CALL) == []


@pytest.mark.guarantee("D13")
def test_nothing_of_an_erased_call_is_left_in_the_engines_files(tmp_path: Path) -> None:
    """Its parts are rewritten, and those that they were made of are deleted, in some minutes."""
    path = tmp_path / "facts"
    engine(path, "insert", "plant", "hurry")
    assert grep(tmp_path, b"planted-")
    engine(path, "erase", "cleaned")
    assert not grep(tmp_path, b"planted-")


def grep(directory: Path, phrase: bytes) -> list[Path]:
    """Return the files in which `phrase` is."""
    files = [path for path in directory.rglob("*") if path.is_file()]
    return [path for path in files if phrase in path.read_bytes()]
