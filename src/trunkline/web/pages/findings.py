"""Pure. What a reader would want pointed out about a call: facts, with what to do about them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from trunkline.store.facts.rows import CallRow, ErrorRow, ToolCallRow, TurnRow
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web.lint import Lint
from trunkline.web.pages import text
from trunkline.web.pages.moments import WORTH_SAYING_US, first
from trunkline.web.pages.turns_view import segments

_LONG_TOOL_US = 1_000_000
_SILENT = "tool_unanswered"
SIDEBAND_GAP = "sideband_gap"
"""Code of the errors that say how long a sideband was away."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark. `advice` says what to do, or is empty."""

    tone: str
    what: str
    advice: str = ""
    start_ms: int | None = None
    """Where to look, on the call's clock."""
    seq: int | None = None
    """The frame that it comes from."""


def findings(
    call: CallRow,
    turns: Sequence[TurnRow],
    tools: Sequence[ToolCallRow],
    lint: Sequence[Lint] = (),
    errors: Sequence[ErrorRow] = (),
    own: Thresholds = DEFAULT,
) -> tuple[Finding, ...]:
    """Return the remarks on one call, the gravest first."""
    found = [
        *_about_record(call),
        *_about_gaps(errors),
        *_about_tools(turns, tools, {one.at_us // 1000 for one in lint if one.code == _SILENT}),
        *_about_call(call, turns, own),
        *_about_frames(lint),
    ]
    order = {"bad": 0, "warn": 1}
    return tuple(sorted(found, key=lambda finding: order.get(finding.tone, 2)))


def _about_record(call: CallRow) -> Iterator[Finding]:
    if call.status == "recovered":
        yield Finding(
            "warn",
            "The gateway died during this call.",
            "Everything that it had written is here; the end may be missing.",
        )
    if call.lost_frames:
        lost = f"{text.plural(call.lost_frames, 'frame')}, {text.size(call.lost_bytes)}"
        yield Finding("bad", f"{lost} relayed but not recorded.", "Look at the gateway’s disk.")
    if call.damaged_records:
        damaged = text.plural(call.damaged_records, "record")
        yield Finding(
            "bad",
            f"{damaged} of this call were damaged on the disk.",
            "What they held is missing here. Look at the server’s disk and memory.",
        )
    for model in call.unpriced:
        yield Finding("warn", f"No price is known for {model}.", "Its usage is not in the cost.")


def _about_gaps(errors: Sequence[ErrorRow]) -> Iterator[Finding]:
    for one in errors:
        if one.code == SIDEBAND_GAP:
            yield Finding(
                "bad",
                f"{one.message[:1].upper()}{one.message[1:]}.",
                "Words, turns and usage of that time are missing here. The call itself went on.",
                one.at_us // 1000,
                one.seq,
            )


def _about_frames(lint: Sequence[Lint]) -> Iterator[Finding]:
    for one in lint:
        what = f"{one.what}: {one.detail}." if one.detail else f"{one.what}."
        yield Finding(one.severity, what, one.advice, one.at_us // 1000, one.seq)


def _about_tools(
    turns: Sequence[TurnRow], tools: Sequence[ToolCallRow], told: Collection[int]
) -> Iterator[Finding]:
    """`told`: calls at these times have their finding already."""
    for tool in tools:
        unanswered = tool.output is None and tool.answered_us is None
        if unanswered and tool.called_us // 1000 not in told:
            yield Finding(
                "bad",
                f"{tool.name} was never answered.",
                "Send a function_call_output, then response.create.",
                tool.called_us // 1000,
            )
    for turn in turns:
        own = [tool for tool in tools if tool.turn == turn.turn]
        spent_us = sum(b - a for kind, a, b in segments(turn, own) if kind == "tool")
        if spent_us >= _LONG_TOOL_US:
            names = ", ".join(sorted({tool.name for tool in own}))
            yield Finding(
                "bad",
                f"Turn {turn.turn}: {text.seconds(spent_us)} of silence while {names} ran.",
                "Speak before the call, or answer the tool faster.",
                turn.started_us // 1000,
            )


def _past(media: str, *, reflected: bool) -> tuple[str, str]:
    """Return what is recorded of a call whose sound went past the gateway, and what is not."""
    if reflected:
        return (
            f"Sound went past the gateway, by {media}: recorded is what the provider reflects.",
            "Both voices, words and usage are what it told on a sideband. What the caller sent"
            " beside sound, and the network on the way, are not seen here.",
        )
    return (
        f"Sound went past the gateway, by {media}: it is not recorded.",
        "Words, turns, tools, usage and cost are what the provider told on a sideband."
        " What the caller sent, what was heard of an answer that was cut off, and the"
        " network on the way are not seen here.",
    )


def _about_call(call: CallRow, turns: Sequence[TurnRow], own: Thresholds) -> Iterator[Finding]:
    unheard_us = call.assistant_audio_us - call.heard_audio_us
    if unheard_us > own.much_unheard_share * call.assistant_audio_us:
        part = text.share(unheard_us, call.assistant_audio_us)
        yield Finding(
            "warn",
            f"{part} of the assistant’s speech was never heard.",
            "It is billed all the same. Ask for shorter answers.",
            first(turns, lambda turn: turn.audio_us - turn.heard_us >= WORTH_SAYING_US),
        )
    if call.model_asked and call.model_used and call.model_asked != call.model_used:
        yield Finding(
            "note",
            f"{call.model_asked} is retired: {call.model_used} answered in its place.",
            "Ask for it by name, or change the successors setting.",
        )
    media = text.transport(call.transport)
    if media and call.status != "refused":
        yield Finding("note", *_past(media, reflected=call.kind == "live"))
    if call.caller_dialect != call.provider_dialect:
        yield Finding(
            "note",
            f"The caller speaks the {call.caller_dialect} dialect, the provider"
            f" {call.provider_dialect}: events were translated.",
            "The raw events show both.",
        )
