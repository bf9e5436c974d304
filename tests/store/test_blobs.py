from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import ids
from trunkline.errors import OperatorError
from trunkline.store import blobs
from trunkline.store.blobs import BadKey, BlobMissing, Blobs

CALL = ids.call_id(ids.ulid_bytes(1_790_000_000_000 * 1_000_000, bytes(10)))


@pytest.fixture
def store(tmp_path: Path) -> Blobs:
    return Blobs.open("", tmp_path / "blobs")


def test_a_key_is_made_of_organisation_day_and_call() -> None:
    assert blobs.key("org_1", CALL, "archive") == f"org/org_1/2026/09/21/{CALL}/archive"


def test_a_call_without_an_organisation_has_a_key_that_no_organisation_can_have() -> None:
    assert blobs.key("", CALL, "archive") == f"org/-/2026/09/21/{CALL}/archive"
    with pytest.raises(BadKey, match="not an organisation id: '-'"):
        blobs.key("-", CALL, "archive")


@pytest.mark.parametrize(
    "org_id", ["..", "a/b", "/", "a\\b", "a\n", ".hidden", "a" * 65, "ä", "%2e"]
)
def test_an_organisation_that_is_no_id_is_refused(org_id: str) -> None:
    with pytest.raises(BadKey):
        blobs.key(org_id, CALL, "archive")


@given(st.text(max_size=60))
def test_a_call_id_that_is_none_is_refused(call_id: str) -> None:
    with pytest.raises(BadKey):
        blobs.key("org_1", call_id, "archive")


def test_a_call_id_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(BadKey, match="no day on the calendar"):
        blobs.key("org_1", ids.call_id(b"\xff" * 16), "archive")


def test_a_key_is_parsed_into_what_it_was_made_of() -> None:
    for org_id in ("org_1", ""):
        for part in blobs.PARTS:
            assert blobs.parse_key(blobs.key(org_id, CALL, part)) == (org_id, CALL, part)


@pytest.mark.parametrize(
    "blob", ["", "a/b", f"org/o/1999/01/01/{CALL}/archive", f"org/o/2026/09/21/{CALL}/other"]
)
def test_a_key_that_we_did_not_make_is_none(blob: str) -> None:
    assert blobs.parse_key(blob) is None


async def test_a_blob_is_read_as_it_was_put(store: Blobs, tmp_path: Path) -> None:
    blob = blobs.key("o", CALL, "archive")
    await store.put(blob, b"0123456789")
    assert await store.get(blob) == b"0123456789"
    assert await store.get_range(blob, 3, 4) == b"3456"
    assert await store.get_range(blob, 3, 0) == b""
    assert await store.size(blob) == 10
    await store.download(blob, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"0123456789"


async def test_a_file_replaces_what_was_there(store: Blobs, tmp_path: Path) -> None:
    blob = blobs.key("o", CALL, "audio.opus")
    await store.put(blob, b"old and longer")
    (tmp_path / "new").write_bytes(b"new")
    await store.put(blob, tmp_path / "new")
    assert await store.get(blob) == b"new"


async def test_what_is_missing_says_so(store: Blobs, tmp_path: Path) -> None:
    blob = blobs.key("o", CALL, "archive")
    assert not await store.exists(blob)
    for read in (
        store.get(blob),
        store.get_range(blob, 0, 1),
        store.size(blob),
        store.download(blob, tmp_path / "x"),
    ):
        with pytest.raises(BlobMissing, match="no blob org/o/"):
            await read
    await store.delete(blob)


async def test_a_deleted_call_leaves_nothing_and_others_alone(store: Blobs) -> None:
    other = ids.call_id(ids.ulid_bytes(1_790_000_000_000 * 1_000_000, b"other call"))
    for call_id in (CALL, other):
        for part in blobs.PARTS:
            await store.put(blobs.key("o", call_id, part), b"x")
    await store.delete_call("o", CALL)
    left = [blob async for blob in store.list("org/o")]
    assert sorted(left) == sorted(blobs.key("o", other, part) for part in blobs.PARTS)


def test_a_url_of_no_known_store_is_an_operators_error(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="use s3://, gs:// or az://"):
        Blobs.open("ftp://somewhere", tmp_path)


def test_a_directory_that_cannot_be_made_is_an_operators_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OperatorError, match="is not usable"):
        Blobs.open("", tmp_path / "file" / "blobs")


def test_an_object_store_is_opened_by_its_url(tmp_path: Path) -> None:
    Blobs.open("s3://bucket/prefix", tmp_path)
    assert not any(tmp_path.iterdir())
