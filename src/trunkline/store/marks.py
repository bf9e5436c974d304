"""I/O. What people and programs say about a call afterwards: feedback, scores, tags, properties.

It is not on the wire, so no archive has it and no rebuild could make it anew. Its truth is a
blob beside the call's archive, `marks.json`, which is written whole at each change: it goes
where the archive goes (object store, backup), and with the call when that is erased or too
old. The facts have a copy, which is what answers are made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from trunkline.errors import TrunklineError
from trunkline.store import blobs as keys
from trunkline.store.blobs import BlobMissing, Blobs
from trunkline.store.erasure import Erasure
from trunkline.store.facts.rows import MarkRow, Row

MAX_MARKS: Final = 500
"""Of one call, those that were taken back included."""

Kind: TypeAlias = Literal["feedback", "comment", "score", "tag", "property"]

_decoder: Final = msgspec.json.Decoder(list[MarkRow])


class TooManyMarks(TrunklineError):
    """More than `MAX_MARKS` different things were said of one call."""


class MarksDamaged(TrunklineError):
    """What is stored of a call's marks cannot be read."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is said of a call, or (`gone`) taken back. Fields as in `MarkRow`."""

    kind: Kind
    name: str = ""
    part: str = ""
    text: str = ""
    number: float | None = None
    truth: bool = False
    gone: bool = False


class Facts(Protocol):
    """The part of the facts store that is written to."""

    async def insert(self, rows: Sequence[Row]) -> None:
        """Store rows, in place of those with the same key."""


class Marks:
    """All that was said. The newest about one thing stays, whoever said it."""

    def __init__(self, blobs: Blobs, facts: Facts, erasure: Erasure) -> None:
        self._blobs = blobs
        self._facts = facts
        self._erasure = erasure

    async def say(
        self, org_id: str, call_id: str, said: Sequence[Said], *, by: str, now_us: int
    ) -> bool:
        """Take note of `said`, for good; answers have it when this returns. False: it was known.

        `by` is the user or key that says it. Whoever calls this has checked that the call is
        of that organisation. May be repeated after a failure, and then must be: the blob is
        written first.

        Raises:
            Erased: the call is gone.
            TooManyMarks: there would be too many. Nothing has changed.
            MarksDamaged: what was said before cannot be read. Nothing has changed.
            FactsUnavailable: it is noted, but not in answers yet.
        """
        async with self._erasure.kept(call_id):
            before = await read_marks(self._blobs, org_id, call_id)
            after = _told(before, org_id, call_id, said, by=by, now_us=now_us)
            if len(after) > MAX_MARKS:
                raise TooManyMarks(f"{MAX_MARKS} different marks of one call are the most.")
            if after != before:
                blob = keys.key(org_id, call_id, "marks.json")
                await self._blobs.put(blob, msgspec.json.encode(after))
            # All of them, always: what a failure kept from the facts is made up for.
            await self._facts.insert(after)
        return after != before


async def read_marks(blobs: Blobs, org_id: str, call_id: str) -> list[MarkRow]:
    """Return all that was said of a call, what was taken back included.

    Raises:
        MarksDamaged: it cannot be read.
    """
    try:
        return _decoder.decode(await blobs.get(keys.key(org_id, call_id, "marks.json")))
    except BlobMissing:
        return []
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise MarksDamaged(f"marks of {call_id}: {exc}") from exc


def _told(
    before: Sequence[MarkRow],
    org_id: str,
    call_id: str,
    said: Sequence[Said],
    *,
    by: str,
    now_us: int,
) -> list[MarkRow]:
    known = {(mark.part, mark.kind, mark.name): mark for mark in before}
    for one in said:
        place = one.part, one.kind, one.name
        old = known.get(place)
        if (old is None and one.gone) or (old is not None and _says(old) == one):
            continue
        # A clock that was set back must not let the older word win.
        version = max(now_us, old.version + 1) if old else now_us
        values = msgspec.structs.asdict(one)
        known[place] = MarkRow(org_id=org_id, call_id=call_id, version=version, by=by, **values)
    return list(known.values())


def _says(mark: MarkRow) -> Said:
    return msgspec.convert({name: getattr(mark, name) for name in Said.__struct_fields__}, Said)
