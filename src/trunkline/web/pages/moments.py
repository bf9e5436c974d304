"""Pure. Where on a call's clock a number comes from: what its page plays when it is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from trunkline.store.facts.medians import median
from trunkline.store.facts.rows import CallRow, ItemRow, ResponseRow, ToolCallRow, TurnRow

WORTH_SAYING_US = 50_000
"""Less unheard sound is the grain of the sound's chunks, and not what somebody missed."""

Part = TurnRow | ResponseRow | ItemRow | ToolCallRow
Row = TypeVar("Row", bound=Part)


class Span(NamedTuple):
    """A stretch of the call, in milliseconds of its clock."""

    start_ms: int
    end_ms: int


class Middle(NamedTuple):
    """The median of what is known of some rows, and the row that it is of."""

    us: int | None
    n: int
    start_ms: int | None


def turn_us(turn: TurnRow) -> int:
    """Return when a turn began: with the caller's first sound, if there was any."""
    return turn.started_us if turn.speech_started_us is None else turn.speech_started_us


def wait_span(turn: TurnRow) -> Span | None:
    """Return from when to when the caller waited for the answer; None: they did not."""
    if turn.wait_us is None or turn.first_audio_us is None:
        return None
    return Span((turn.first_audio_us - turn.wait_us) // 1000, turn.first_audio_us // 1000)


def unheard_span(row: ResponseRow) -> Span | None:
    """Return where what nobody heard of a response would have been; None: all was heard."""
    if row.play_start_us is None or row.audio_us - row.heard_us < WORTH_SAYING_US:
        return None
    ends = (row.play_start_us + us for us in (row.heard_us, row.audio_us))
    return Span(*(us // 1000 for us in ends))


def first_unheard_ms(rows: Iterable[ResponseRow]) -> int | None:
    """Return where the first stretch that nobody heard begins."""
    return min((span.start_ms for row in rows if (span := unheard_span(row))), default=None)


def start_ms(row: Part) -> int:
    """Return where a part of a call begins."""
    match row:
        case TurnRow():
            at_us = turn_us(row)
        case ResponseRow():
            at_us = row.created_us
        case ToolCallRow():
            at_us = row.called_us
        case ItemRow():
            at_us = row.added_us if row.starts_us is None else row.starts_us
    return at_us // 1000


def first(rows: Iterable[Row], of: Callable[[Row], object]) -> int | None:
    """Return where the first of the rows begins of which `of` is true."""
    return min((start_ms(row) for row in rows if of(row)), default=None)


def monologue_span(call: CallRow, items: Iterable[ItemRow]) -> Span | None:
    """Return where the longest monologue is, as `talk.longest_monologue` defines it: one side
    spoke, and the other did not begin to. None: the call's lines do not tell it.

    They lie where they were heard, but not everything that was heard is a line. So a stretch is
    the one meant only if it is as long as the recorder says.
    """
    wanted_us = call.longest_monologue_us
    if not wanted_us:
        return None
    for start_us, end_us in _monologues(items):
        if abs(end_us - start_us - wanted_us) <= _GRAIN_US:
            return Span(start_us // 1000, end_us // 1000)
    return None


_GRAIN_US: Final = 2000
"""Both ends of a line are told in whole milliseconds by some providers."""


def _monologues(items: Iterable[ItemRow]) -> Iterator[tuple[int, int]]:
    spoken = sorted(
        (item.starts_us, item.ends_us, item.role)
        for item in items
        if item.starts_us is not None and item.ends_us is not None
    )
    begun_us, until_us, speaker = 0, 0, ""
    for start_us, end_us, who in spoken:
        if who != speaker:
            # Whoever is spoken over has held the floor until then.
            yield begun_us, min(until_us, start_us)
            begun_us, until_us, speaker = start_us, end_us, who
        until_us = max(until_us, end_us)
    yield begun_us, until_us


def middle(rows: Sequence[Row], of: Callable[[Row], int | None]) -> Middle:
    """Return the median of what is known; it is always that of one row."""
    known = [(value, row) for row in rows if (value := of(row)) is not None]
    us = median(value for value, _ in known)
    at = min((start_ms(row) for value, row in known if value == us), default=None)
    return Middle(us, len(known), at)
