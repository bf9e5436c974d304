"""Pure. What was said of a call afterwards, as its page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from trunkline.store.facts.rows import MarkRow
from trunkline.web.pages import text
from trunkline.web.pages.call_facts import Facts
from trunkline.web.pairing import opening_us

_WORDS = {1.0: "thumbs up", 0.0: "thumbs down"}
_TAKEN_BACK = {"feedback": "feedback", "comment": "comment", "tag": "untag", "score": "unscore"}
"""What a form says to take back what is of a kind."""
_SAID_CHARS = 48


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag, and where calls with it are."""

    name: str
    href: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was said, in words."""

    label: str
    value: str
    part: str = ""
    takes_back: str = ""
    """What a form must say to take it back, of which thing by `name`."""
    name: str = ""
    start_ms: int | None = None
    """Where to hear it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A turn that can be marked."""

    name: str
    words: str
    start_ms: int


@dataclass(frozen=True, slots=True)
class MarksView:
    """What `parts/marks.html` needs."""

    feedback: str
    """`up`, `down`, or empty."""
    comment: str
    tags: tuple[Tag, ...]
    notes: tuple[Note, ...]
    """Scores, and what was said of parts."""
    parts: tuple[Part, ...] = ()


def marks_view(marks: Sequence[MarkRow], facts: Facts | None = None) -> MarksView:
    """Return what was said of a call and its parts; `facts` know where those are."""
    own = [mark for mark in marks if not mark.part]
    feedback = [mark.number for mark in own if mark.kind == "feedback"]
    starts_us = _starts_us(facts) if facts else {}
    return MarksView(
        feedback=("up" if feedback[0] else "down") if feedback else "",
        comment="".join(mark.text for mark in own if mark.kind == "comment"),
        tags=tuple(
            Tag(mark.name, f"/calls?{urlencode({'tag': mark.name})}")
            for mark in own
            if mark.kind == "tag"
        ),
        notes=tuple(
            _note(mark, starts_us.get(mark.part))
            for mark in marks
            if mark.part or mark.kind == "score"
        ),
        parts=_turns(facts) if facts else (),
    )


def _starts_us(facts: Facts) -> dict[str, int | None]:
    """Return where parts begin, on the call's clock."""
    return {
        **{item.item_id: item.starts_us for item in facts.items},
        **{response.response_id: response.created_us for response in facts.responses},
        **{f"turn_{turn.turn}": opening_us(turn) for turn in facts.turns},
    }


def _turns(facts: Facts) -> tuple[Part, ...]:
    said = {item.item_id: item.text for item in facts.items}
    return tuple(
        Part(
            f"turn_{turn.turn}",
            f"turn {turn.turn}, {text.clock(opening_us(turn))}"
            f" {text.shorten(said.get(turn.item_id, ''), _SAID_CHARS)}".rstrip(),
            opening_us(turn) // 1000,
        )
        for turn in facts.turns
    )


def _note(mark: MarkRow, starts_us: int | None) -> Note:
    where = mark.part.replace("turn_", "turn ")
    return Note(
        f"{where} {mark.name}".strip() or mark.kind,
        _value(mark),
        mark.part,
        _TAKEN_BACK.get(mark.kind, ""),
        mark.name,
        None if starts_us is None else starts_us // 1000,
    )


def _value(mark: MarkRow) -> str:
    match mark.kind:
        case "feedback":
            return _WORDS[mark.number or 0.0]
        case "score" if mark.truth:
            return "yes" if mark.number else "no"
        case "score":
            return f"{mark.number or 0:g}"
        case "tag":
            return "tagged"
        case _:
            return mark.text
