"""What was said of a call stays, the newest of it, until the call goes."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.facts import NOON_US, a_call, fresh_org, parts_of

from trunkline.protocol import prices
from trunkline.recorder.reindex import reindex
from trunkline.store import blobs as keys
from trunkline.store.archives import Archives
from trunkline.store.blobs import Blobs
from trunkline.store.erasure import Erased, Erasure
from trunkline.store.facts.line import FactsUnavailable
from trunkline.store.facts.queries_call import call_by_id, marks_of_call
from trunkline.store.facts.rows import CallRow, MarkRow, Row
from trunkline.store.facts.store import FactsStore
from trunkline.store.marks import MAX_MARKS, Marks, MarksDamaged, Said, TooManyMarks
from trunkline.store.recordings import Recordings
from trunkline.store.tombstones import ERASED, Tombstones

UP = Said(kind="feedback", number=1)
DOWN = Said(kind="feedback", number=0)
VIP = Said(kind="tag", name="vip")


class Place:
    """Marks of the calls of one organisation, in a directory."""

    def __init__(self, directory: Path, facts: FactsStore) -> None:
        self.org_id = fresh_org()
        self.facts = facts
        self.blobs = Blobs.open("", directory / "blobs")
        archives = Archives(self.blobs, directory / "spool")
        recordings = Recordings(self.blobs, directory / "cache")
        self.erasure = Erasure(
            Tombstones(directory / ERASED), facts, self.blobs, archives, recordings
        )
        self.marks = Marks(self.blobs, facts, self.erasure)

    async def add(self, **changes: Any) -> CallRow:
        call = a_call(self.org_id, **changes)
        await self.facts.insert([*parts_of(call), call])
        return call

    async def say(self, call: CallRow, *said: Said, now_us: int = NOON_US, by: str = "u") -> bool:
        return await self.marks.say(call.org_id, call.call_id, said, by=by, now_us=now_us)

    async def row(self, call: CallRow) -> CallRow:
        found = await call_by_id(self.facts, call.org_id, call.call_id)
        assert found is not None
        return found

    async def said(self, call: CallRow) -> list[tuple[str, str, str, Any]]:
        while await self.facts.deletions():
            await asyncio.sleep(0.01)
        rows = await marks_of_call(self.facts, call.org_id, call.call_id)
        return [(row.kind, row.name, row.text, row.number) for row in rows if row.part != "resp_1"]


@pytest.fixture
def place(tmp_path: Path, facts: FactsStore) -> Place:
    return Place(tmp_path, facts)


async def test_what_is_said_is_in_the_calls_row_and_the_newest_stays(place: Place) -> None:
    call, other = await place.add(), await place.add()
    exact = Said(kind="score", name="exact", number=0.75)
    tier = Said(kind="property", name="Tier", text="gold")
    test = Said(kind="property", name="Environment", text="live")
    assert await place.say(call, UP, VIP, exact, tier, test)
    row = await place.row(call)
    assert (row.feedback, row.tags, row.scores) == (True, ("vip",), {"exact": 0.75})
    assert row.properties == {"Environment": "live", "Tier": "gold"}
    later = msgspec.structs.replace(tier, text="silver")
    assert await place.say(call, DOWN, later, Said(kind="tag", name="vip", gone=True))
    row = await place.row(call)
    assert (row.feedback, row.tags, row.properties["Tier"]) == (False, (), "silver")
    assert await place.row(other) == other


async def test_a_clock_that_was_set_back_does_not_bring_back_what_was_said(place: Place) -> None:
    call = await place.add()
    await place.say(call, UP, now_us=NOON_US)
    await place.say(call, DOWN, now_us=NOON_US - 60_000_000)
    assert (await place.row(call)).feedback is False
    await place.say(call, msgspec.structs.replace(DOWN, gone=True, number=None), now_us=1)
    assert (await place.row(call)).feedback is None
    await place.say(call, UP, now_us=2)
    assert (await place.row(call)).feedback is True


async def test_the_same_again_is_no_news(place: Place) -> None:
    call = await place.add()
    assert await place.say(call, UP, VIP)
    assert not await place.say(call, UP, VIP, now_us=NOON_US + 1, by="another")
    assert not await place.say(call, Said(kind="tag", name="never", gone=True))


async def test_what_is_said_of_a_part_is_not_of_the_call(place: Place) -> None:
    call = await place.add()
    await place.say(call, Said(kind="feedback", number=0, part="turn_1"))
    assert await place.row(call) == call
    assert ("feedback", "", "", 0) in await place.said(call)


async def test_the_recorder_may_write_a_call_again_and_again(place: Place) -> None:
    call = await place.add(status="live", version=5)
    await place.say(call, UP, VIP)
    for version in (5, 9):
        written = msgspec.structs.replace(call, status="completed", version=version)
        await place.facts.insert([written])
        row = await place.row(call)
        assert (row.version, row.status, row.tags, row.feedback) == (
            version,
            "completed",
            ("vip",),
            True,
        )


async def test_calls_of_two_organisations_keep_apart(place: Place) -> None:
    call = await place.add()
    theirs = msgspec.structs.replace(call, org_id=fresh_org())
    await place.say(call, VIP)
    await place.facts.insert([theirs])
    assert (await place.row(theirs)).tags == ()


async def test_an_erased_call_takes_what_was_said_with_it(place: Place, tmp_path: Path) -> None:
    call = await place.add()
    await place.say(call, Said(kind="comment", text="planted-comment"))
    assert planted(tmp_path)
    await place.erasure.erase(call.org_id, call.call_id)
    assert not planted(tmp_path)
    with pytest.raises(Erased):
        await place.say(call, UP)
    assert not planted(tmp_path)
    assert await place.said(call) == []


async def test_what_is_said_while_a_call_is_erased_does_not_outlive_it(
    place: Place, tmp_path: Path
) -> None:
    call = await place.add()
    said = [place.say(call, Said(kind="tag", name=f"planted-{n}")) for n in range(20)]
    erased = place.erasure.erase(call.org_id, call.call_id)
    await asyncio.gather(*said[:10], erased, *said[10:], return_exceptions=True)
    assert not planted(tmp_path)
    assert await place.said(call) == []
    assert await call_by_id(place.facts, call.org_id, call.call_id) is None


def planted(directory: Path) -> list[Path]:
    return [
        path for path in directory.rglob("*") if path.is_file() and b"planted-" in path.read_bytes()
    ]


async def test_what_many_say_at_once_is_all_kept(place: Place) -> None:
    call = await place.add()
    await asyncio.gather(*(place.say(call, Said(kind="tag", name=f"t{n:02}")) for n in range(20)))
    assert (await place.row(call)).tags == tuple(f"t{n:02}" for n in range(20))


async def test_there_is_an_end_to_what_can_be_said(place: Place) -> None:
    call = await place.add()
    await place.say(call, *(Said(kind="tag", name=f"t{n}") for n in range(MAX_MARKS)))
    with pytest.raises(TooManyMarks):
        await place.say(call, VIP)
    assert "vip" not in (await place.row(call)).tags


async def test_what_cannot_be_read_is_not_overwritten(place: Place) -> None:
    call = await place.add()
    blob = keys.key(call.org_id, call.call_id, "marks.json")
    await place.blobs.put(blob, b"[{torn")
    with pytest.raises(MarksDamaged):
        await place.say(call, UP)
    assert await place.blobs.get(blob) == b"[{torn"


async def test_what_the_facts_did_not_take_is_made_up_for(place: Place, tmp_path: Path) -> None:
    call = await place.add()

    class Down:
        async def insert(self, rows: Sequence[Row]) -> None:
            raise FactsUnavailable("down")

    with pytest.raises(FactsUnavailable):
        await Marks(place.blobs, Down(), place.erasure).say(
            call.org_id, call.call_id, [VIP], by="u", now_us=NOON_US
        )
    assert not await place.say(call, VIP)
    assert (await place.row(call)).tags == ("vip",)


class Rebuilt:
    """Facts that take what a rebuild gives."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    async def clear(self) -> None: ...

    async def rebuilt(self) -> None: ...

    async def insert(self, rows: Sequence[Row]) -> None:
        self.rows += rows


async def test_a_rebuild_has_what_was_said_but_not_of_what_was_erased(
    place: Place, tmp_path: Path
) -> None:
    call, gone, torn = [await place.add() for _ in range(3)]
    await place.say(call, VIP, UP)
    await place.say(gone, VIP)
    Tombstones(tmp_path / ERASED).add(gone.org_id, gone.call_id)
    await place.blobs.put(keys.key(torn.org_id, torn.call_id, "marks.json"), b"[{torn")
    facts = Rebuilt()
    report = await reindex(facts, place.blobs, tmp_path, prices.shipped())
    marks = [row for row in facts.rows if isinstance(row, MarkRow)]
    assert {row.call_id for row in marks} == {call.call_id}
    assert {row.kind for row in marks} == {"tag", "feedback"}
    assert [what.split(":")[0] for what in report.unreadable] == [torn.call_id]
