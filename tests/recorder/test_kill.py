"""`kill -9` of a process that records, at random moments."""

import asyncio
import contextlib
import random
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.recorder.journals import ORG, Journal, a_call, instance, latest, rows_of
from tests.recorder.killed import FileFacts
from tests.support import golden

from trunkline import ids
from trunkline.journal.record import Record
from trunkline.store import blobs as keys
from trunkline.store.archive import ArchiveReader
from trunkline.store.blobs import Blobs

ROOT = Path(__file__).parent.parent.parent
SEED = 7
SPEAKING = golden.ulid_of("barge_in")
"""The call that has sound."""


@contextlib.contextmanager
def recorder(data: Path) -> Generator[subprocess.Popen[bytes]]:
    """A process that records; killed at the end, if it still runs."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.recorder.killed", str(data)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"recording\n"
        try:
            yield child
        finally:
            child.send_signal(signal.SIGKILL)


async def archived(data: Path, call: Record) -> list[Record]:
    org_id = golden.ORG_ID if call.call == SPEAKING else ORG
    blob = keys.key(org_id, ids.call_id(call.call), "archive")
    reader = await ArchiveReader.open(Blobs.open("", data / "blobs"), blob)
    return [record async for record in reader.records()]


@pytest.mark.guarantee("D8")
def test_a_recorder_that_is_killed_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    chance = random.Random(SEED)
    journal = Journal(tmp_path)
    journal.begin(instance(1))
    calls = [a_call(number, frames=60, size=2000) for number in range(12)]
    calls += [list(golden.records("barge_in")), a_call(99, frames=40, closed=False)]
    left = [list(call) for call in calls]
    for kill in range(5):
        with recorder(tmp_path) as child:
            for _ in range(chance.randrange(1, 12)):
                call = chance.choice([call for call in left if call])
                journal.write(call[:15])
                del call[:15]
            if kill % 3 == 2:
                journal.begin(journal.instance)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(chance.random() * 0.12)
    with recorder(tmp_path) as child:
        for call in left:
            journal.write(call)
        journal.die()
        assert child.communicate(b"\n", timeout=30)[0] == b"caught up\n"
    expected = [row for call in calls for row in rows_of(call, has_audio=call[0].call == SPEAKING)]
    assert latest(FileFacts(tmp_path).rows()) == latest(expected)
    for call in calls:
        assert asyncio.run(archived(tmp_path, call[0])) == call
    assert not any((tmp_path / "spool").iterdir())
    assert not (journal.directory / "00000001.journal").exists()
