from pathlib import Path

import pytest
from tests.store.records import CALL, encoded, frames

from trunkline.journal.record import Record
from trunkline.store import archive, blobs, spool
from trunkline.store.archives import Archives
from trunkline.store.blobs import BlobMissing, Blobs


class Place:
    """A blob store and a spool."""

    def __init__(self, directory: Path) -> None:
        self.blobs = Blobs.open("", directory / "blobs")
        self.spool = directory / "spool"
        self.spool.mkdir()
        self.archives = Archives(self.blobs, self.spool)

    def write_spool(self, records: list[Record]) -> None:
        spool.spool_path(self.spool, CALL).write_bytes(b"".join(d for _, d in encoded(records)))

    async def seal(self, records: list[Record]) -> None:
        with (self.spool / "packed").open("wb") as out:
            archive.pack(out, CALL, encoded(records))
        await self.blobs.put(blobs.key("o", CALL, "archive"), self.spool / "packed")
        spool.spool_path(self.spool, CALL).unlink(missing_ok=True)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def whole(place: Place, limit: int) -> list[Record]:
    found: list[Record] = []
    while True:
        page = await place.archives.events("o", CALL, found[-1].seq if found else -1, limit)
        found += page.records
        if not page.more:
            return found


async def test_a_live_call_is_read_from_its_spool_as_it_grows(place: Place) -> None:
    records = frames(60, 100_000)
    place.write_spool(records[:40])
    assert await whole(place, 7) == records[:40]
    place.write_spool(records)
    assert (await place.archives.events("o", CALL, 39, 100)).records == tuple(records[40:])
    assert await whole(place, 1000) == records


async def test_a_sealed_call_is_read_from_its_archive(place: Place) -> None:
    records = frames(50)
    await place.seal(records)
    assert await whole(place, 9) == records


async def test_reading_goes_on_across_the_sealing(place: Place) -> None:
    records = frames(50)
    place.write_spool(records)
    first = await place.archives.events("o", CALL, -1, 20)
    await place.seal(records)
    rest = await place.archives.events("o", CALL, 19, 100)
    assert [*first.records, *rest.records] == records


async def test_an_unknown_or_deleted_call_is_missing(place: Place) -> None:
    with pytest.raises(BlobMissing):
        await place.archives.events("o", CALL, -1, 10)
    await place.seal(frames(3))
    assert await whole(place, 10) == frames(3)
    await place.blobs.delete_call("o", CALL)
    with pytest.raises(BlobMissing):
        await place.archives.events("o", CALL, -1, 10)
    with pytest.raises(BlobMissing):
        await place.archives.events("o", CALL, -1, 10)


async def test_another_organisation_finds_no_archive(place: Place) -> None:
    await place.seal(frames(3))
    with pytest.raises(BlobMissing):
        await place.archives.events("p", CALL, -1, 10)
