"""Pure. What was said of a call afterwards, as its page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from trunkline.store.facts.rows import MarkRow

_WORDS = {1.0: "thumbs up", 0.0: "thumbs down"}


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


@dataclass(frozen=True, slots=True)
class MarksView:
    """What `parts/marks.html` needs."""

    feedback: str
    """`up`, `down`, or empty."""
    comment: str
    tags: tuple[Tag, ...]
    notes: tuple[Note, ...]
    """Scores, and what was said of parts."""


def marks_view(marks: Sequence[MarkRow]) -> MarksView:
    """Return what was said of a call and its parts."""
    own = [mark for mark in marks if not mark.part]
    feedback = [mark.number for mark in own if mark.kind == "feedback"]
    return MarksView(
        feedback=("up" if feedback[0] else "down") if feedback else "",
        comment="".join(mark.text for mark in own if mark.kind == "comment"),
        tags=tuple(
            Tag(mark.name, f"/calls?{urlencode({'tag': mark.name})}")
            for mark in own
            if mark.kind == "tag"
        ),
        notes=tuple(_note(mark) for mark in marks if mark.part or mark.kind == "score"),
    )


def _note(mark: MarkRow) -> Note:
    where = mark.part.replace("turn_", "turn ")
    return Note(f"{where} {mark.name}".strip() or mark.kind, _value(mark))


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
