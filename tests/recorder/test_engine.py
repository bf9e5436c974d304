"""The recorder with the real, embedded facts engine."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.recorder.journals import Journal, Table, instance, latest, rows_of
from tests.support import golden
from tests.support.facts import fresh_org

from trunkline import ids
from trunkline.journal.record import Kind, Record
from trunkline.protocol import prices
from trunkline.protocol.call import Opened
from trunkline.recorder import checkpoint, run
from trunkline.recorder.checkpoint import Checkpoint
from trunkline.recorder.run import Recorder
from trunkline.store.blobs import Blobs
from trunkline.store.facts import queries_call as ask
from trunkline.store.facts.rows import Row
from trunkline.store.facts.store import FactsStore


def of_org(name: str, org_id: str) -> list[Record]:
    """Return a golden call as if `org_id` had made it."""
    first, *others = golden.records(name)
    assert first.kind is Kind.OPENED
    opened = msgspec.json.decode(first.payload, type=Opened)
    payload = msgspec.json.encode(msgspec.structs.replace(opened, org_id=org_id))
    return [msgspec.structs.replace(first, payload=payload), *others]


async def stored(facts: FactsStore, org_id: str, call_id: str) -> Table:
    """Return all that the engine shows of a call."""
    call = await ask.call_by_id(facts, org_id, call_id)
    rows: list[Row] = [call] if call else []
    for question in (
        ask.turns_of_call,
        ask.responses_of_call,
        ask.items_of_call,
        ask.tool_calls_of_call,
        ask.errors_of_call,
        ask.usage_of_call,
        ask.findings_of_call,
    ):
        found = await question(facts, org_id, call_id)
        assert len(latest(found)) == len(found)
        rows += found
    rows += await ask.events_of_call(facts, org_id, call_id, limit=100_000)
    return latest(rows)


async def test_what_is_recorded_twice_is_stored_once_and_read_as_it_was_folded(
    tmp_path: Path, facts: FactsStore
) -> None:
    org_id = fresh_org()
    journal = Journal(tmp_path)
    journal.begin(instance(1))
    names = ("barge_in", "tool_call")
    for name in names:
        journal.write(of_org(name, org_id))
    for _ in range(2):
        recorder = Recorder(tmp_path, facts, Blobs.open("", tmp_path / "blobs"), prices.shipped())
        task = asyncio.create_task(recorder.run())
        await recorder.caught_up()
        await recorder.stop()
        await task
        for blob in list((tmp_path / "blobs").rglob("archive")):
            blob.unlink()
        checkpoint.forget(tmp_path / "recorder")
    for name in names:
        call_id = ids.call_id(golden.ulid_of(name))
        found = await stored(facts, org_id, call_id)
        assert found == latest(rows_of(of_org(name, org_id), has_audio=True))


@pytest.mark.guarantee("D8")
async def test_a_death_between_facts_and_checkpoint_changes_no_fact(
    tmp_path: Path, facts: FactsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored and not remembered is stored again, from where the last checkpoint was."""
    org_id, dying = fresh_org(), list[str]()
    save = checkpoint.save

    def die_or_save(directory: Path, saved: Checkpoint) -> None:
        if dying:
            raise InterruptedError(dying.pop())
        save(directory, saved)

    monkeypatch.setattr(checkpoint, "save", die_or_save)
    monkeypatch.setattr(run, "RETRY_SECONDS", (0.01,))
    journal = Journal(tmp_path)
    journal.begin(instance(1))
    call = of_org("barge_in", org_id)
    recorder = Recorder(tmp_path, facts, Blobs.open("", tmp_path / "blobs"), prices.shipped())
    task = asyncio.create_task(recorder.run())
    for part in (call[:20], call[20:40], call[40:]):
        dying.append("killed here")
        journal.write(part)
        while dying:
            await asyncio.sleep(0.01)
    await recorder.caught_up()
    await recorder.stop()
    await task
    found = await stored(facts, org_id, ids.call_id(golden.ulid_of("barge_in")))
    assert found == latest(rows_of(call, has_audio=True))
