"""A data directory that cannot be used is one clear line, and one that is in use stays so."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.support.calling import calling
from tests.support.patience import PATIENCE_S
from tests.support.running import ROOT, Running, environment, trunkline

from trunkline.layout import FORMAT, Layout

COMMANDS = {
    "up": ("up", "--port", "0", "--simulator"),
    "server": ("server",),
    "gateway": ("gateway", "--port", "0"),
    "reindex": ("reindex",),
    "keys": ("keys", "list"),
}


def refusal(command: str, data: Path, *, confined: bool = False) -> str:
    """Run a command that must refuse; return its one line.

    `confined`: file permissions bind it, even if it is run by root.
    """
    ask = [sys.executable, "-m", "trunkline", *COMMANDS[command], "--data", str(data)]
    if confined and os.geteuid() == 0:
        ask = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *ask]
    done = subprocess.run(
        ask,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=environment(),
        cwd=ROOT,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("trunkline: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@contextlib.contextmanager
def read_only(directory: Path) -> Generator[None]:
    """Make a directory unwritable: a read-only file system, or its bits for whoever is not root."""
    if os.geteuid():
        directory.chmod(0o500)
        yield
        directory.chmod(0o700)
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


@pytest.mark.guarantee("D6")
def test_a_read_only_directory_is_one_clear_line(tmp_path: Path) -> None:
    with read_only(tmp_path):
        for command, data in (("up", tmp_path), ("reindex", tmp_path / "not" / "there")):
            said = refusal(command, data)
            assert f"data directory {data} is not writable: " in said
            assert "choose another with --data or TRUNKLINE_DATA" in said


@pytest.mark.guarantee("D6")
@pytest.mark.parametrize("command", ["up", "gateway"])
def test_somebody_elses_directory_is_one_clear_line(command: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o000)
    if os.geteuid() == 0:
        os.chown(data, 65534, 65534)
    assert "is not writable: Permission denied" in refusal(command, data, confined=True)


@pytest.mark.guarantee("D6")
def test_a_missing_directory_is_made(tmp_path: Path) -> None:
    data = tmp_path / "not" / "yet" / "there"
    assert trunkline("keys", "list", "--data", str(data)).returncode == 0
    assert Layout(data).format.read_text() == f"{FORMAT}\n"
    assert data.stat().st_mode & 0o777 == 0o700


@pytest.mark.guarantee("D6")
@pytest.mark.guarantee("D11")
@pytest.mark.parametrize("command", ["up", "server", "gateway", "keys"])
def test_the_data_of_a_later_release_is_one_clear_line(command: str, tmp_path: Path) -> None:
    Layout(tmp_path).format.write_text(f"{FORMAT + 1}\n")
    before = sorted(tmp_path.rglob("*"))
    said = refusal(command, tmp_path)
    assert f"format '{FORMAT + 1}', this release knows {FORMAT}; upgrade Trunkline" in said
    assert {path.name for path in tmp_path.rglob("*")} - {path.name for path in before} <= {
        "journal", "spool", "recorder", "run",
    }  # fmt: skip


@pytest.mark.guarantee("D6")
def test_a_file_in_the_place_of_a_database_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "control.sqlite3").write_bytes(b"no database" * 100)
    assert "cannot open the control database" in refusal("up", tmp_path)


@pytest.mark.guarantee("D7")
async def test_a_second_process_is_refused_and_the_first_goes_on(plain: Running) -> None:
    async with calling(plain) as caller:
        for command in ("up", "server"):
            # In a thread: a caller that answers no ping is taken for dead.
            said = await asyncio.to_thread(refusal, command, plain.data)
            assert f"is in use by process {plain.process.pid}" in said
        worker = [*COMMANDS["gateway"], "--name", "gateway-0"]
        done = await asyncio.to_thread(trunkline, *worker, "--data", str(plain.data))
        gateway = plain.children()["gateway-0"]
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"journal/gateway-0 is in use by process {gateway}: stop it" in done.stderr
        await caller.configure({"type": "realtime", "instructions": "Go on."})
        await caller.hang_up()
    assert plain.children()["gateway-0"] == gateway
