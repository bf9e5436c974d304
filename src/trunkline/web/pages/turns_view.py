"""Pure. The turns table: how long each answer took, and where the time went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trunkline.store.facts.rows import ResponseRow, ToolCallRow, TurnRow
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web.pages import text
from trunkline.web.pages.moments import WORTH_SAYING_US, Span, turn_us, unheard_span, wait_span

WIDTH = 240
"""Width of a waterfall, in units of its SVG."""
WAIT_WIDTH = 156
"""Of that, the waits. The longest of the call fills it."""
HEARD_X = 164
"""From here on, the answers: on a scale of their own, for they are many times longer."""
HEARD_WIDTH = WIDTH - HEARD_X


@dataclass(frozen=True, slots=True)
class Bar:
    """One segment of a waterfall."""

    kind: str
    """`endpoint`, `dispatch`, `model`, `tool`, `gateway`, `heard` or `unheard`: its colour.

    And its height: the gateway's share lies below the parts that contain it, thin as it is.
    """
    x: float
    width: float
    title: str
    start_ms: int | None = None
    """Where it begins on the call's clock."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One row of the turns table."""

    number: int
    kind: str
    start_ms: int
    at: str
    wait: str
    wait_span: Span | None
    wait_tone: str
    from_stopped: str
    bars: tuple[Bar, ...]
    spoken: str
    """The waterfall in words, for those who cannot see it."""
    outcome: str
    outcome_tone: str
    unheard: Span | None
    """Where the first of its answers that was cut off would have gone on."""
    cost: str
    barge_in: bool


def turn_views(
    turns: Sequence[TurnRow],
    tools: Sequence[ToolCallRow],
    responses: Sequence[ResponseRow] = (),
    own: Thresholds = DEFAULT,
) -> tuple[Turn, ...]:
    """Return the turns in order, their waterfalls on one common scale."""
    wait_us = max((turn.wait_us or 0 for turn in turns), default=0)
    audio_us = max((turn.audio_us for turn in turns), default=0)
    cut = dict[int, Span]()
    for row in sorted(responses, key=lambda row: row.created_us, reverse=True):
        if span := unheard_span(row):
            cut[row.turn] = span
    return tuple(
        _view(
            turn,
            [tool for tool in tools if tool.turn == turn.turn],
            wait_us,
            audio_us,
            cut.get(turn.turn),
            own,
        )
        for turn in sorted(turns, key=lambda turn: turn.turn)
    )


def segments(turn: TurnRow, tools: Iterable[ToolCallRow]) -> list[tuple[str, int, int]]:
    """Return what a turn's wait was made of: kind, start and end on the call's clock, µs.

    They follow one another and add up to the wait. A tool that ran while the model
    worked takes that time; nothing is counted twice.
    """
    if turn.wait_us is None or turn.first_audio_us is None:
        return []
    origin, end = turn.first_audio_us - turn.wait_us, turn.first_audio_us
    marks = [
        ("endpoint", _noticed_us(turn)),
        ("dispatch", turn.response_created_us),
        ("model", end),
    ]
    found: list[tuple[str, int, int]] = []
    at = origin
    for kind, until in marks:
        until = at if until is None else min(max(until, at), end)
        if until > at:
            found.append((kind, at, until))
        at = until
    for tool in sorted(tools, key=lambda tool: tool.called_us):
        if tool.answered_us is not None:
            found = _lay_over(found, tool.called_us, tool.answered_us)
    return found


def _noticed_us(turn: TurnRow) -> int | None:
    """Return when the provider, or the caller's own commit, ended the caller's turn."""
    if turn.speech_ended_us is None or turn.endpoint_us is None:
        return turn.speech_stopped_us
    return turn.speech_ended_us + turn.endpoint_us


def _lay_over(
    found: list[tuple[str, int, int]], start: int, end: int
) -> list[tuple[str, int, int]]:
    cut: list[tuple[str, int, int]] = []
    for kind, a, b in found:
        left, right = max(a, start), min(b, end)
        if kind == "tool" or left >= right:
            cut.append((kind, a, b))
            continue
        cut += [(kind, a, left)] if left > a else []
        cut.append(("tool", left, right))
        cut += [(kind, right, b)] if b > right else []
    return cut


def _view(
    turn: TurnRow,
    tools: list[ToolCallRow],
    longest_us: int,
    audio_us: int,
    cut: Span | None,
    own: Thresholds,
) -> Turn:
    bars = (
        *_bars(segments(turn, tools), longest_us),
        *_gateway(turn, longest_us),
        *_played(turn, audio_us, cut),
    )
    start_us = turn_us(turn)
    return Turn(
        number=turn.turn,
        kind=text.turn_kind(turn.kind),
        start_ms=start_us // 1000,
        at=text.clock(start_us),
        wait=text.wait(turn.wait_us),
        wait_span=wait_span(turn),
        wait_tone=text.wait_tone(turn.wait_us, own),
        from_stopped=text.wait(turn.wait_from_stopped_us),
        bars=bars,
        spoken=", ".join(bar.title for bar in bars) or "no answer",
        outcome=_outcome(turn),
        outcome_tone="bad" if turn.status in ("failed", "unanswered") else "none",
        unheard=cut,
        cost=text.money(turn.cost_usd),
        barge_in=turn.barge_in,
    )


def _bars(found: list[tuple[str, int, int]], longest_us: int) -> tuple[Bar, ...]:
    if not found or longest_us <= 0:
        return ()
    origin, scale = found[0][1], WAIT_WIDTH / longest_us
    return tuple(
        Bar(
            kind=kind,
            x=round((a - origin) * scale, 2),
            width=round(max(1.5, (b - a) * scale - 1), 2),
            title=f"{kind} {text.wait(b - a)}",
            start_ms=a // 1000,
        )
        for kind, a, b in found
    )


def _gateway(turn: TurnRow, longest_us: int) -> Iterable[Bar]:
    """Yield the gateway's share of the wait."""
    if turn.gateway_us is not None and longest_us > 0:
        width = max(1.5, turn.gateway_us * WAIT_WIDTH / longest_us)
        yield Bar("gateway", 0, round(width, 2), f"gateway {text.millis(turn.gateway_us)}")


def _played(turn: TurnRow, longest_us: int, cut: Span | None) -> Iterable[Bar]:
    """Yield what was heard of the answer, and what was not."""
    if not turn.audio_us or longest_us <= 0:
        return
    scale = HEARD_WIDTH / longest_us
    heard, whole = min(turn.heard_us, turn.audio_us) * scale, turn.audio_us * scale
    title = f"heard {text.seconds(turn.heard_us)}"
    from_ms = None if turn.first_audio_us is None else turn.first_audio_us // 1000
    yield Bar("heard", HEARD_X, round(max(1.5, heard), 2), title, from_ms)
    if _unheard_us(turn) >= WORTH_SAYING_US:
        title = f"never heard {text.seconds(_unheard_us(turn))}"
        x, width = round(HEARD_X + heard, 2), round(max(1.5, whole - heard), 2)
        yield Bar("unheard", x, width, title, cut.start_ms if cut else None)


def _unheard_us(turn: TurnRow) -> int:
    return turn.audio_us - turn.heard_us


def _outcome(turn: TurnRow) -> str:
    if turn.status in ("failed", "unanswered", "incomplete"):
        return turn.status
    if _unheard_us(turn) >= WORTH_SAYING_US:
        return f"{text.seconds(_unheard_us(turn))} unheard"
    return "heard all" if turn.audio_us else turn.status
