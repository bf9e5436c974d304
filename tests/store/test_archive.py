import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.records import CALL, calls, encoded, frames

from trunkline.journal.record import Record
from trunkline.store import archive, blobs
from trunkline.store.archive import ArchiveDamaged, ArchiveReader, Page
from trunkline.store.blobs import Blobs

BLOB = blobs.key("org_1", CALL, "archive")


def packed(records: list[Record]) -> bytes:
    out = io.BytesIO()
    archive.pack(out, CALL, encoded(records))
    return out.getvalue()


async def opened(store: Blobs, data: bytes) -> ArchiveReader:
    await store.put(BLOB, data)
    return await ArchiveReader.open(store, BLOB)


def sealed(data: bytes, use: Callable[[ArchiveReader], Awaitable[None]]) -> None:
    """Put `data` into a store of its own, and use it: for tests that run many examples."""

    async def run() -> None:
        with TemporaryDirectory() as directory:
            await use(await opened(Blobs.open("", Path(directory)), data))

    asyncio.run(run())


async def pages(reader: ArchiveReader, limit: int, max_bytes: int = 1 << 30) -> list[Page]:
    found: list[Page] = []
    after = -1
    while True:
        page = await reader.page(after, limit, max_bytes)
        found.append(page)
        if not page.more:
            return found
        assert page.last_seq is not None
        after = page.last_seq


@settings(max_examples=25)
@given(calls(), st.integers(1, 50))
def test_pages_of_any_size_are_the_whole_call(records: list[Record], limit: int) -> None:
    async def use(reader: ArchiveReader) -> None:
        assert [item async for item in reader.records()] == records
        found = await pages(reader, limit)
        assert [item for page in found for item in page.records] == records
        assert all(len(page.records) <= limit for page in found)
        assert all(page.records for page in found[:-1])

    sealed(packed(records), use)


@settings(max_examples=25)
@given(calls(), st.integers(-1, 501))
def test_a_page_begins_after_any_sequence(records: list[Record], after: int) -> None:
    async def use(reader: ArchiveReader) -> None:
        page = await reader.page(after, 3)
        later = [item for item in records if item.seq > after]
        assert list(page.records) == later[:3]
        assert page.more == (len(later) > 3)

    sealed(packed(records), use)


@settings(max_examples=60)
@given(st.data())
def test_a_flipped_bit_is_detected_and_named(data: st.DataObject) -> None:
    """It costs the part that it hit, and none when it hit what only leads to the parts."""
    records = frames(20, 50_000)
    damaged = bytearray(packed(records))
    bit = data.draw(st.integers(0, len(damaged) * 8 - 1))
    damaged[bit // 8] ^= 1 << bit % 8

    async def use(reader: ArchiveReader) -> None:
        found = [item async for item in reader.records()]
        assert found == [item for item in records if item in found]
        assert len(found) in {15, 20}
        assert BLOB in reader.damage[0]

    sealed(bytes(damaged), use)


@settings(max_examples=30)
@given(st.data())
def test_of_a_torn_archive_the_whole_parts_are_read(data: st.DataObject) -> None:
    records = frames(20, 50_000)
    whole = packed(records)
    size = data.draw(st.integers(0, len(whole) - 1))

    async def use(reader: ArchiveReader) -> None:
        found = [item async for item in reader.records()]
        assert found == records[: len(found)]
        assert len(found) % 5 == 0
        assert reader.damage

    try:
        sealed(whole[:size], use)
    except ArchiveDamaged:
        assert size < len(whole) // 3


async def test_damage_costs_the_frame_it_hit_and_no_other(tmp_path: Path) -> None:
    records = frames(20, 50_000)
    data = bytearray(packed(records))
    data[10] ^= 1
    reader = await opened(Blobs.open("", tmp_path), bytes(data))
    page = await reader.page(-1, 100)
    assert list(page.records) == records[5:]
    assert page.damaged_to == 4
    assert reader.damage == [f"{BLOB}: frame 0, records 0 to 4: checksum does not match"]
    assert (await reader.page(4, 100)).damaged_to == -1


async def test_frames_are_small_and_a_large_record_has_its_own(tmp_path: Path) -> None:
    records = [*frames(8, 100_000), *[item for item in frames(9, 1_000_000) if item.seq == 8]]
    reader = await opened(Blobs.open("", tmp_path), packed(records))
    sizes = [frame.raw_bytes for frame in reader.index.frames]
    assert max(sizes[:-1]) <= archive.FRAME_BYTES < sizes[-1]
    assert [item async for item in reader.records()] == records


async def test_a_page_ends_when_its_bytes_are_enough(tmp_path: Path) -> None:
    reader = await opened(Blobs.open("", tmp_path), packed(frames(10, 1000)))
    assert [len(page.records) for page in await pages(reader, 100, 2500)] == [2, 2, 2, 2, 2]
    assert [len(page.records) for page in await pages(reader, 100, 1)] == [1] * 10


async def test_the_index_of_a_long_call_is_read_whole(tmp_path: Path) -> None:
    records = frames(3000, 100)
    out = io.BytesIO()
    frame_bytes, archive.FRAME_BYTES = archive.FRAME_BYTES, 200
    try:
        archive.pack(out, CALL, encoded(records))
    finally:
        archive.FRAME_BYTES = frame_bytes
    reader = await opened(Blobs.open("", tmp_path), out.getvalue())
    assert len(reader.index.frames) == 3000
    assert (await reader.page(2998, 5)).records == (records[2999],)


def test_the_same_records_give_the_same_bytes() -> None:
    assert packed(frames(100)) == packed(frames(100))


async def test_a_call_without_records_has_an_archive(tmp_path: Path) -> None:
    reader = await opened(Blobs.open("", tmp_path), packed([]))
    assert reader.index.records == 0
    assert await reader.page(-1, 10) == Page((), more=False)
