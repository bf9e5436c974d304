"""I/O. Saying something of a call, for somebody who may: what API and page have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from trunkline.store.erasure import Erased
from trunkline.store.facts import queries_call as queries
from trunkline.store.facts.conditions import whole
from trunkline.store.facts.rows import CallRow
from trunkline.store.marks import Said, TooManyMarks
from trunkline.web.deps import Dependencies
from trunkline.web.refusals import BadRequest, NotFound

MAX_TAG_CHARS: Final = 100
MAX_NAME_CHARS: Final = 200
MAX_VALUE_CHARS: Final = 2000
MAX_COMMENT_CHARS: Final = 4000
_MOST: Final = 1e15
_TURN: Final = "turn_"

NO_CALL: Final = "There is no such call."


def feedback(up: bool | None, part: str = "") -> Said:
    """Return thumbs up, or down; None takes back what was said."""
    number = None if up is None else float(up)
    return Said(kind="feedback", part=part, number=number, gone=up is None)


def comment(text: str | None, part: str = "") -> Said:
    """Return a comment; without text, that there is none any more. Raises `BadRequest`."""
    clean = _clean("comment", text or "", MAX_COMMENT_CHARS)
    return Said(kind="comment", part=part, text=clean, gone=not clean)


def tag(name: str, part: str = "", *, gone: bool = False) -> Said:
    """Return a tag, or that it is taken off. Raises `BadRequest`."""
    return Said(kind="tag", name=_name("tag", name, MAX_TAG_CHARS), part=part, gone=gone)


def score(name: str, value: float | bool | None, part: str = "") -> Said:
    """Return a score; None takes it back. Raises `BadRequest`."""
    name = _name("score", name, MAX_NAME_CHARS)
    if value is None:
        return Said(kind="score", name=name, part=part, gone=True)
    number = float(value)
    if not math.isfinite(number) or abs(number) > _MOST:
        raise BadRequest(f"score {name}: a number between -{_MOST:g} and {_MOST:g}.")
    return Said(kind="score", name=name, part=part, number=number, truth=isinstance(value, bool))


def scores(values: Mapping[str, float | bool | None], part: str = "") -> list[Said]:
    """Return one score for each name. Raises `BadRequest`."""
    return [score(name, value, part) for name, value in values.items()]


def property_of_call(name: str, value: str) -> Said:
    """Return a property that a call has from now on. Raises `BadRequest`."""
    name = _name("property", name, MAX_NAME_CHARS)
    return Said(kind="property", name=name, text=_clean(name, value, MAX_VALUE_CHARS))


async def say(deps: Dependencies, call: CallRow, said: Sequence[Said], *, by: str) -> None:
    """Take note of what is `said` of `call`; `by` is the user or the key that says it.

    The audit log has who said what kind of thing of which call, and not what: a call that is
    erased must leave no trace of it.

    Raises:
        BadRequest: it is too much, or of a part that the call has not.
        NotFound: the call has been erased meanwhile.
        FactsUnavailable: it is noted, but not in answers yet.
    """
    await _check_parts(deps, call, {one.part for one in said if one.part and not one.gone})
    try:
        new = await deps.marks.say(call.org_id, call.call_id, said, by=by, now_us=deps.now_us())
    except Erased as exc:
        raise NotFound(NO_CALL) from exc
    except TooManyMarks as exc:
        raise BadRequest(str(exc)) from exc
    if new:
        kinds = ", ".join(sorted({one.kind for one in said}))
        await deps.control.note(call.org_id, "call.marked", call.call_id, kinds, by=by)


async def _check_parts(deps: Dependencies, call: CallRow, parts: Iterable[str]) -> None:
    for part in parts:
        if part not in await _parts_like(deps, call, part):
            raise BadRequest(
                f"part: the call has no {part[:100]!r}; write turn_<number>, or the id of a"
                " response or an item."
            )


async def _parts_like(deps: Dependencies, call: CallRow, part: str) -> set[str]:
    asked = deps.facts, call.org_id, call.call_id
    if part.startswith(_TURN):
        return {f"{_TURN}{turn.turn}" for turn in await queries.turns_of_call(*asked)}
    responses = {row.response_id for row in await queries.responses_of_call(*asked)}
    return responses | {item.item_id for item in await queries.items_of_call(*asked)}


def _name(what: str, text: str, most: int) -> str:
    name = _clean(what, text, most)
    if not name or not name.isprintable():
        raise BadRequest(f"{what}: give it a name of 1 to {most} letters, on one line.")
    return name


def _clean(what: str, text: str, most: int) -> str:
    clean = whole(text).strip()
    if len(clean) > most:
        raise BadRequest(f"{what[:60]}: at most {most:,} letters.")
    return clean
