"""What was erased is not recorded again, from whatever is still lying about."""

import asyncio
import os
from pathlib import Path

import pytest
from tests.recorder.journals import (
    ORG,
    Journal,
    MemoryFacts,
    a_call,
    latest,
    recording,
    rows_of,
    ulid,
)

from trunkline import ids
from trunkline.journal.record import Kind, Leg, Record, encode
from trunkline.protocol import prices
from trunkline.recorder import checkpoint, run
from trunkline.recorder.echo import Suspect
from trunkline.recorder.reindex import reindex
from trunkline.recorder.seal import SealedCall, Sealer
from trunkline.store import blobs as keys
from trunkline.store.blobs import Blobs
from trunkline.store.facts.rows import CallRow
from trunkline.store.spool import spool_path
from trunkline.store.tombstones import ERASED, Tombstones

ERASED_CALL, OTHER_CALL = a_call(1, frames=20), a_call(2, frames=20)
CALL_ID, OTHER_ID = (ids.call_id(call[0].call) for call in (ERASED_CALL, OTHER_CALL))


pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def erased(tmp_path: Path) -> Tombstones:
    return Tombstones(tmp_path / ERASED)


def traces(data: Path) -> list[Path]:
    """Return what is named for the erased call, journals left aside."""
    return [path for path in data.rglob("*") if CALL_ID in path.name]


async def erase_everywhere(data: Path, erased: Tombstones) -> None:
    erased.add(ORG, CALL_ID)
    await Blobs.open("", data / "blobs").delete_call(ORG, CALL_ID)


@pytest.mark.guarantee("D13")
async def test_a_journal_that_is_read_again_does_not_bring_an_erased_call_back(
    tmp_path: Path, journal: Journal, erased: Tombstones
) -> None:
    journal.write([*ERASED_CALL, *OTHER_CALL])
    async with recording(tmp_path, MemoryFacts()) as recorder:
        await recorder.caught_up()
    await erase_everywhere(tmp_path, erased)
    checkpoint.forget(tmp_path / "recorder")
    facts = MemoryFacts()
    async with recording(tmp_path, facts) as recorder:
        await recorder.caught_up()
    assert {row.call_id for row in facts.rows} <= {OTHER_ID}
    assert traces(tmp_path) == []


@pytest.mark.guarantee("D13")
async def test_a_rebuild_does_not_bring_an_erased_call_back(
    tmp_path: Path, journal: Journal, erased: Tombstones
) -> None:
    """Neither from an archive that somebody put back, nor from a spool, nor from a journal."""
    journal.write([*ERASED_CALL, *OTHER_CALL])
    async with recording(tmp_path, MemoryFacts()) as recorder:
        await recorder.caught_up()
    erased.add(ORG, CALL_ID)
    spool = spool_path(tmp_path / "spool", CALL_ID)
    spool.write_bytes(b"".join(encode(record) for record in ERASED_CALL))
    facts = MemoryFacts()
    await reindex(facts, Blobs.open("", tmp_path / "blobs"), tmp_path, prices.shipped())
    assert facts.table == latest(rows_of(OTHER_CALL))
    assert not spool.exists()


async def test_a_call_that_is_erased_before_it_is_sealed_is_not_sealed(
    tmp_path: Path, journal: Journal, erased: Tombstones, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may = asyncio.Event(), asyncio.Event()
    pack = Sealer._seal

    async def seal_late(
        self: Sealer, row: CallRow, suspects: tuple[Suspect, ...], *, recorded: bool
    ) -> SealedCall:
        if row.call_id == CALL_ID:
            begun.set()
            await may.wait()
        return await pack(self, row, suspects, recorded=recorded)

    monkeypatch.setattr(Sealer, "_seal", seal_late)
    facts = MemoryFacts()
    async with recording(tmp_path, facts, erased=erased) as recorder:
        journal.write([*ERASED_CALL, *OTHER_CALL])
        await begun.wait()
        stored = len(facts.rows)
        await erase_everywhere(tmp_path, erased)
        may.set()
        await recorder.caught_up()
        assert {row.call_id for row in facts.rows[stored:]} <= {OTHER_ID}
    assert traces(tmp_path) == []
    assert await Blobs.open("", tmp_path / "blobs").exists(keys.key(ORG, OTHER_ID, "archive"))


async def test_rows_that_wait_are_not_stored_of_an_erased_call(
    tmp_path: Path, journal: Journal, erased: Tombstones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "RETRY_SECONDS", (0.01,))
    facts = MemoryFacts()
    facts.refusals = 1_000_000
    async with recording(tmp_path, facts, erased=erased) as recorder:
        journal.write([*ERASED_CALL, *OTHER_CALL])
        while not recorder.status().errors:
            await asyncio.sleep(0.001)
        await erase_everywhere(tmp_path, erased)
        facts.rows.clear()
        facts.refusals = 0
        await recorder.caught_up()
    assert {row.call_id for row in facts.rows} == {OTHER_ID}
    assert traces(tmp_path) == []


@pytest.mark.parametrize("how", ["live", "over"])
async def test_a_checkpoint_does_not_bring_an_erased_call_back(
    tmp_path: Path,
    journal: Journal,
    erased: Tombstones,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process was killed after the call was erased and before that was checkpointed."""
    journal.write(ERASED_CALL if how == "over" else ERASED_CALL[:-1])
    monkeypatch.setattr(Sealer, "seal", lambda *_: asyncio.sleep(60))
    monkeypatch.setattr(run, "STOP_SECONDS", 0.2)
    async with recording(tmp_path, MemoryFacts()) as recorder:
        while not (saved := checkpoint.load(tmp_path / "recorder")) or recorder.status().behind:
            await asyncio.sleep(0.001)
    assert saved is not None
    assert traces(tmp_path)
    monkeypatch.undo()
    erased.add(ORG, CALL_ID)
    facts = MemoryFacts()
    async with recording(tmp_path, facts) as recorder:
        await recorder.caught_up()
    assert facts.rows == []
    assert traces(tmp_path) == []


@pytest.mark.guarantee("D13")
async def test_the_journal_forgets_what_is_recorded(tmp_path: Path, journal: Journal) -> None:
    """So that nothing of an erased call is left there: see `segments.MAX_AGE_NS` for the bound."""
    phrase = os.urandom(16).hex().encode()
    said = Record(Kind.FRAME, ulid(1), 21, Leg.CALLER, payload=b'{"x":"%s"}' % phrase)
    async with recording(tmp_path, MemoryFacts()) as recorder:
        journal.write([*ERASED_CALL[:-1], said])
        await recorder.caught_up()
        assert any(phrase in path.read_bytes() for path in journal.directory.glob("*.journal"))
        journal.die()
        while any(phrase in path.read_bytes() for path in journal.directory.glob("*.journal")):
            await asyncio.sleep(0.001)
        await recorder.caught_up()
