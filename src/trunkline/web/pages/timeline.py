"""Pure. What the page's timeline draws: lanes on the call's clock, in milliseconds.

A plain dictionary, because it leaves as JSON for `static/js/call/timeline.js`,
which is the only reader; its names are the contract between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trunkline.store.facts.rows import (
    CallRow,
    ErrorRow,
    ItemRow,
    ResponseRow,
    ToolCallRow,
    TurnRow,
)
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web.pages import text
from trunkline.web.pages.moments import turn_us, unheard_span, wait_span
from trunkline.web.vad import Detected


def timeline(
    call: CallRow,
    turns: Sequence[TurnRow],
    responses: Sequence[ResponseRow],
    items: Sequence[ItemRow],
    tools: Sequence[ToolCallRow],
    errors: Sequence[ErrorRow],
    *,
    duration_us: int,
    vad: Sequence[Detected] = (),
    own: Thresholds = DEFAULT,
) -> dict[str, Any]:
    """Return the lanes of one call. `duration_us` is its length, or its age while live."""
    return {
        "call_id": call.call_id,
        "live": call.status == "live",
        "has_turns": call.kind == "realtime",
        "has_audio": call.has_audio,
        "duration_ms": duration_us // 1000,
        "speech": [_speech(item) for item in items if item.starts_us is not None],
        "turns": [_turn(turn) for turn in sorted(turns, key=turn_us)],
        "vad": _vad(vad, duration_us, live=call.status == "live"),
        "waits": [wait for turn in turns if (wait := _wait(turn, own))],
        "responses": [_response(row, number, duration_us) for number, row in _numbered(responses)],
        "unheard": [span for row in responses if (span := _unheard(row))],
        "tools": [_tool(tool, duration_us, live=call.status == "live") for tool in tools],
        "marks": _marks(turns, responses, errors),
        "turn_starts_ms": sorted(turn_us(turn) // 1000 for turn in turns),
        "barge_ins_ms": sorted(turn_us(turn) // 1000 for turn in turns if turn.barge_in),
    }


def _numbered(responses: Sequence[ResponseRow]) -> list[tuple[int, ResponseRow]]:
    return list(enumerate(sorted(responses, key=lambda row: row.created_us), start=1))


def _speech(item: ItemRow) -> dict[str, Any]:
    start_us = item.starts_us or 0
    return {
        "who": item.role,
        "start_ms": start_us // 1000,
        "end_ms": (start_us if item.ends_us is None else item.ends_us) // 1000,
        "text": text.shorten(item.text, 80),
    }


def _turn(turn: TurnRow) -> dict[str, Any]:
    words = (
        f"turn {turn.turn}",
        "" if turn.kind == "speech" else text.turn_kind(turn.kind),
        "barge-in" if turn.barge_in else "",
        "" if turn.status == "completed" else turn.status,
    )
    return {
        "turn": turn.turn,
        "start_ms": turn_us(turn) // 1000,
        "end_ms": max(turn_us(turn), turn.ended_us) // 1000,
        "barge_in": turn.barge_in,
        "label": ", ".join(filter(None, words)),
    }


def _vad(speeches: Sequence[Detected], duration_us: int, *, live: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, speech in enumerate(speeches, start=1):
        # One whose end was never told ends nowhere; only who speaks now, speaks until now.
        now = live and number == len(speeches)
        until_us = duration_us if now else speech.started_us
        stopped_us = until_us if speech.stopped_us is None else speech.stopped_us
        length = text.wait(stopped_us - speech.started_us)
        untold = "speaks" if now else "speech, its end was never told"
        found.append(
            {
                "start_ms": speech.started_us // 1000,
                "end_ms": max(stopped_us, speech.started_us) // 1000,
                "label": untold if speech.stopped_us is None else f"speech {length}",
            }
        )
    return found


def _wait(turn: TurnRow, own: Thresholds) -> dict[str, Any] | None:
    span = wait_span(turn)
    if span is None or not turn.wait_us:
        return None
    stopped_us = turn.speech_stopped_us
    return {
        "turn": turn.turn,
        "start_ms": span.start_ms,
        "end_ms": span.end_ms,
        "stopped_ms": None if stopped_us is None else stopped_us // 1000,
        "tone": text.wait_tone(turn.wait_us, own),
        "label": text.wait(turn.wait_us),
    }


def _response(row: ResponseRow, number: int, duration_us: int) -> dict[str, Any]:
    end_us = duration_us if row.done_us is None else row.done_us
    return {
        "start_ms": row.created_us // 1000,
        "end_ms": end_us // 1000,
        "status": row.status,
        "label": f"response {number}" if row.status == "completed" else row.status,
    }


def _unheard(row: ResponseRow) -> dict[str, Any] | None:
    span = unheard_span(row)
    if span is None:
        return None
    tokens = text.plural(row.unheard_tokens, "audio token") if row.unheard_tokens else ""
    money = "" if row.unheard_usd is None else text.money(row.unheard_usd)
    words = [text.seconds(row.audio_us - row.heard_us), tokens, money]
    return {
        "start_ms": span.start_ms,
        "end_ms": span.end_ms,
        "label": f"generated, never heard: {', '.join(filter(None, words))}",
    }


def _tool(tool: ToolCallRow, duration_us: int, *, live: bool) -> dict[str, Any]:
    # What nobody answered ends nowhere: a bar to the end would hide all that were called later.
    never_us = duration_us if live else tool.called_us
    end_us = never_us if tool.answered_us is None else tool.answered_us
    return {
        "start_ms": tool.called_us // 1000,
        "end_ms": end_us // 1000,
        "name": tool.name,
        "answered": tool.answered_us is not None,
        "label": f"{tool.name} {text.wait(tool.latency_us)}",
    }


def _marks(
    turns: Sequence[TurnRow], responses: Sequence[ResponseRow], errors: Sequence[ErrorRow]
) -> list[dict[str, Any]]:
    """Moments worth a tick: the edges of turns and responses, barge-ins and errors."""
    found: list[tuple[int | None, str, str]] = []
    for turn in turns:
        tone = "bad" if turn.barge_in else "none"
        name = "barge-in" if turn.barge_in else "speech started"
        found.append((turn.speech_started_us, name, tone))
        found.append((turn.speech_stopped_us, "speech stopped", "none"))
        found.append((turn.committed_us, "committed", "none"))
    for row in responses:
        found.append((row.created_us, "response created", "none"))
        found.append((row.first_audio_us, "first audio", "none"))
        found.append((row.done_us, f"response {row.status}", "none"))
    found += [(row.at_us, row.code or row.type or "error", "error") for row in errors]
    marks = [(at, name, tone) for at, name, tone in found if at is not None]
    return [{"at_ms": at // 1000, "name": name, "tone": tone} for at, name, tone in sorted(marks)]
