"""A disk that fills up: calls go on, the record says exactly what is missing, nothing breaks."""

import asyncio
import contextlib
import errno
import json
import os
import resource
import sqlite3
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.e2e.apart import SOUND, Apart, Talker, apart, check_exact
from tests.support.measured import measured

from trunkline.store.control.database import sqlite_url
from trunkline.store.control.store import ControlStore

MIB = 1024 * 1024
DISK_BYTES = 400 * MIB
MIN_FREE_BYTES = 48 * MIB
HUGE = json.dumps({"type": "input_audio_buffer.append", "audio": SOUND * (MIB // len(SOUND))})
HUGE_FRAMES = 120
"""More of them than the gateway keeps in memory for a disk that refuses."""


class Disk:
    """A small disk of its own, that can be filled: a tmpfs."""

    is_real = True

    def __init__(self, directory: Path) -> None:
        self._filler = directory / "filler"
        self._directory = directory

    def fill(self, leaving_bytes: int, _made: Apart) -> None:
        """Let something else take all but `leaving_bytes`."""
        self.empty(_made)
        disk = os.statvfs(self._directory)
        size_bytes = disk.f_bavail * disk.f_frsize - leaving_bytes
        # Others write meanwhile: what does not fit any more does not matter.
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while size_bytes > 0:
                size_bytes -= file.write(bytes(min(MIB, size_bytes)))

    def empty(self, _made: Apart) -> None:
        self._filler.unlink(missing_ok=True)


class Limit:
    """For whoever may not mount a disk: files that cannot grow, which the kernel tells alike."""

    is_real = False

    def fill(self, leaving_bytes: int, made: Apart) -> None:
        self._limit(made, 4096 if leaving_bytes < MIN_FREE_BYTES // 2 else resource.RLIM_INFINITY)

    def empty(self, made: Apart) -> None:
        self._limit(made, resource.RLIM_INFINITY)

    def _limit(self, made: Apart, size_bytes: int) -> None:
        assert made.gateway is not None
        resource.prlimit(
            made.gateway.pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY)
        )


@pytest.fixture
def disk(tmp_path: Path) -> Generator[tuple[Path, Disk | Limit]]:
    """A directory, and the disk that it lies on."""
    directory = tmp_path / "disk"
    directory.mkdir()
    if os.geteuid():
        yield directory, Limit()
        return
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(directory)]
    subprocess.run(["mount", *options], check=True)
    try:
        yield directory, Disk(directory)
    finally:
        # What was ended may still be about to close its files.
        subprocess.run(["umount", "--lazy", directory], check=True)


async def accounts_can_be_changed(made: Apart, name: str) -> None:
    url = sqlite_url(made.layout.control)
    async with ControlStore.opened(url, publish_to=made.layout.snapshot) as control:
        await control.create_key(made.org_id, name)


async def pour(made: Apart) -> Talker:
    """Have a call that sends more than fits into memory, whole."""
    talker = made.talker()
    talking = asyncio.create_task(talker.talk())
    while talker.connection is None:
        await asyncio.sleep(0.01)
    for _ in range(HUGE_FRAMES):
        await talker.connection.send(HUGE)
        talker.poured += 1
    await talker.goes_on()
    await talker.hang_up()
    await talking
    return talker


@pytest.mark.guarantee("D4")
async def test_a_disk_that_fills_up_for_a_while_costs_nothing(
    disk: tuple[Path, Disk | Limit],
) -> None:
    """What fits into memory waits there."""
    directory, filler = disk
    async with apart(directory / "data", min_free_bytes=MIN_FREE_BYTES) as made:
        (talker,) = await survive(made, filler, left_bytes=4 * MIB, pours=False)
        assert await made.metric("trunkline_journal_lost_frames_total") == 0
        assert "frames_lost" not in await made.reasons()
        assert check_exact(await made.told(talker), talker.relayed) == 0


@pytest.mark.guarantee("D4")
@pytest.mark.soak
@pytest.mark.parametrize(("min_free_bytes", "left_bytes"), [(MIN_FREE_BYTES, 4 * MIB), (0, 0)])
async def test_a_disk_that_stays_full_costs_exactly_what_the_record_says(
    disk: tuple[Path, Disk | Limit], min_free_bytes: int, left_bytes: int
) -> None:
    """With something left for the databases; and when somebody else takes even that."""
    directory, filler = disk
    async with apart(directory / "data", min_free_bytes=min_free_bytes) as made:
        talkers = await survive(made, filler, left_bytes=left_bytes, pours=True)
        assert "frames_lost" in await made.reasons()
        missing = [check_exact(await made.told(one), one.relayed) for one in talkers]
        assert sum(missing) == await made.metric("trunkline_journal_lost_frames_total") > 0
        await made.recorded(timeout_s=300)
        made.end(made.server)
        made.start_server()
        assert "facts_damaged" not in await made.reasons()
        assert [(await made.told(one))["lost_frames"] for one in talkers] == missing
        with sqlite3.connect(made.layout.control) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
    relayed = sum(one.relayed for one in talkers)
    measured("D4", f"{sum(missing)} of {relayed} frames lost, each told by its call's gaps")


async def survive(
    made: Apart, filler: Disk | Limit, *, left_bytes: int, pours: bool
) -> list[Talker]:
    """Fill the disk under a call, make room again; return the calls when they are over.

    `pours`: with a second call that sends more meanwhile than memory holds.
    """
    low = bool(made.settings["min_free_bytes"])
    made.start_server()
    made.start_gateway()
    talkers = [made.talker()]
    talking = asyncio.create_task(talkers[0].talk())
    await talkers[0].goes_on()
    await made.seen(talkers[0].call_id)
    if low and filler.is_real:
        filler.fill(MIN_FREE_BYTES - 4 * MIB, made)
        await made.until_reasons(lambda codes: "recorder_waits" in codes)
        await talkers[0].goes_on()
        assert "disk_full" not in await made.reasons()
    filler.fill(left_bytes, made)
    await made.until_reasons(lambda codes: "disk_full" in codes)
    if pours:
        talkers.append(await pour(made))
    await talkers[0].goes_on()
    if low:
        await accounts_can_be_changed(made, "while the disk is full")
    filler.empty(made)
    await made.until_reasons(lambda codes: not codes & {"disk_full", "recorder_waits"})
    await accounts_can_be_changed(made, "afterwards")
    await talkers[0].goes_on()
    await talkers[0].hang_up()
    await talking
    return talkers


def test_a_full_disk_is_told_as_the_kernel_tells_it(disk: tuple[Path, Disk | Limit]) -> None:
    """The disk of these tests is one."""
    directory, filler = disk
    if isinstance(filler, Limit):
        return
    filler.fill(0, None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(OSError) as full, (directory / "more").open("wb") as file:
        file.write(bytes(MIB))
    assert full.value.errno == errno.ENOSPC
