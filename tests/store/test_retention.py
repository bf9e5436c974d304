"""What is too old is forgotten by whole days, and nothing else is."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.facts import fresh_call

from trunkline.store import blobs as keys
from trunkline.store.blobs import PARTS, Blobs
from trunkline.store.recordings import Recordings
from trunkline.store.retention import Retention


def at(text: str) -> int:
    """Return wall time, ns."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


async def put_call(blobs: Blobs, cache: Path, org_id: str, opened: str) -> str:
    call_id = fresh_call(at(opened) // 1000)
    for part in PARTS:
        await blobs.put(keys.key(org_id, call_id, part), b"x")
    rendition = cache / (org_id or keys.NO_ORG) / f"{call_id}-mix.wav"
    rendition.parent.mkdir(parents=True, exist_ok=True)
    rendition.write_bytes(b"x")
    return call_id


@pytest.mark.guarantee("D13")
async def test_blobs_are_deleted_by_days_when_the_whole_day_is_too_old(tmp_path: Path) -> None:
    blobs, cache = Blobs.open("", tmp_path / "blobs"), tmp_path / "cache"
    retention = Retention(blobs, Recordings(blobs, cache), 30)
    opened = ("2025-12-31T23:59", "2026-10-24T00:00", "2026-10-24T23:59", "2026-10-25T00:00")
    for org_id in ("org_1", "org_2", ""):
        calls = [await put_call(blobs, cache, org_id, moment) for moment in opened]
    assert await retention.forget(at("2026-11-23T23:59:59")) == 3
    assert await retention.forget(at("2026-11-23T23:59:59")) == 0
    assert await retention.forget(at("2026-11-24T00:00:00")) == 6
    left = {str(path) for path in tmp_path.rglob("*") if path.is_file()}
    assert len(left) == 3 * (len(PARTS) + 1)
    assert sum(calls[3] in path for path in left) == len(PARTS) + 1
    assert not list((tmp_path / "blobs").rglob("24"))
    assert not list((tmp_path / "blobs").rglob("2025"))


async def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    blobs = Blobs.open("", tmp_path / "blobs")
    for blob in ("org/org_1/notes/2020/01/x", "org/org_1/2020/13/40/x", "else/2020/01/01/x"):
        await blobs.put(blob, b"x")
    retention = Retention(blobs, Recordings(blobs, tmp_path / "cache"), 1)
    assert await retention.forget(at("2026-11-23T00:00")) == 0
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 3


async def test_without_a_limit_everything_is_kept(tmp_path: Path) -> None:
    blobs = Blobs.open("", tmp_path / "blobs")
    await put_call(blobs, tmp_path / "cache", "org_1", "2020-01-01T00:00")
    await Retention(blobs, Recordings(blobs, tmp_path / "cache"), 0).run(lambda: at("2026-11-23"))
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == len(PARTS) + 1


async def test_a_store_that_fails_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.store.retention.LOOK_SECONDS", 0.001)
    blobs = Blobs.open("", tmp_path / "blobs")
    await put_call(blobs, tmp_path / "cache", "org_1", "2020-01-01T00:00")
    folders, failures = Blobs.folders, [OSError("away"), OSError("away")]

    async def sometimes(self: Blobs, prefix: str) -> list[str]:
        if failures:
            raise failures.pop()
        return await folders(self, prefix)

    monkeypatch.setattr(Blobs, "folders", sometimes)
    retention = Retention(blobs, Recordings(blobs, tmp_path / "cache"), 30)
    task = asyncio.create_task(retention.run(lambda: at("2026-11-23T00:00")))
    while (tmp_path / "blobs" / "org").exists():
        await asyncio.sleep(0.001)
    task.cancel()
