"""Pure. By what can be grouped what is measured: data for `measure`."""

from __future__ import annotations

from typing import Final

import msgspec

from trunkline.store.facts.catalogue_parts import CLOSED_BY, SCORE


class Dimension(msgspec.Struct, frozen=True):
    """Text by which rows are told apart: of the call, or of a part of it."""

    id: str
    table: str
    value: str
    means: str


_SHAPE: Final = (
    "trim(replaceRegexpAll(substringUTF8(message, 1, 500),"
    r" '\'[^\']*\'|\"[^\"]*\"|[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]*', '#'))"
)
"""A message without what differs from call to call: ids, numbers, quoted values."""

_OPENED: Final = "toDateTime(intDiv(opened_at_us, 1000000), {zone:String})"
"""When a call was opened, by the clocks of the question's zone."""

DIMENSIONS: Final[tuple[Dimension, ...]] = (
    Dimension("model", "calls", "if(model_used = '', model_asked, model_used)", "Model."),
    Dimension("provider", "calls", "provider", "Provider."),
    Dimension("status", "calls", "status", "Status of the call."),
    Dimension("end_reason", "calls", "end_reason", "What ended the call."),
    Dimension("kind", "calls", "kind", "Kind of call."),
    Dimension("transport", "calls", "transport", "`websocket`, `webrtc` or `sip`."),
    Dimension("user", "calls", "user_id", "`Helicone-User-Id`."),
    Dimension("session", "calls", "session_id", "`Helicone-Session-Id`."),
    Dimension("session_name", "calls", "session_name", "`Helicone-Session-Name`."),
    Dimension("key", "calls", "key_id", "Id of the key."),
    Dimension("key_name", "calls", "key_name", "Name of the key."),
    Dimension("voice", "calls", "voice", "Voice."),
    Dimension("vad", "calls", "vad", "How turns are found."),
    Dimension("prompt", "calls", "prompt", "First 12 digits of the SHA-256 of the instructions."),
    Dimension("language", "calls", "language", "What is translated into."),
    Dimension(
        "spoken",
        "calls",
        "arrayJoin(emptyArrayToSingle(spoken))",
        "Each language of the caller, where the wire tells; empty: it does not.",
    ),
    Dimension("spoken_by", "calls", "spoken_by", "Who tells the language of the caller."),
    Dimension("gateway", "calls", "gateway", "Gateway process."),
    Dimension("user_agent", "calls", "user_agent", "The caller's program."),
    Dimension("trace_id", "calls", "trace_id", "Id of the caller's own trace."),
    Dimension(
        "workflow", "calls", "tracing_workflow", "`workflow_name` of what the provider traces."
    ),
    Dimension("trace_group", "calls", "tracing_group", "`group_id` of what the provider traces."),
    Dimension("dialect", "calls", "caller_dialect", "The caller's dialect."),
    Dimension("property_name", "calls", "arrayJoin(mapKeys(properties))", "Each property's name."),
    Dimension(
        "tag",
        "calls",
        "arrayJoin(emptyArrayToSingle(tags))",
        "Each tag of the call; empty: it has none.",
    ),
    Dimension(
        "hour",
        "calls",
        f"leftPad(toString(toHour({_OPENED})), 2, '0')",
        "Hour of the day in which the call was opened, `00` to `23`, in the question's `zone`.",
    ),
    Dimension(
        "weekday",
        "calls",
        f"toString(toDayOfWeek({_OPENED}))",
        "Day of the week on which the call was opened, `1` is Monday, in the question's `zone`.",
    ),
    Dimension(
        "barge_in_kind", "turns", "barge_in_kind", "`speech`, `backchannel`, `noise`, `echo`."
    ),
    Dimension("speech_end_by", "turns", "speech_end_by", "How the end of speech is known."),
    Dimension("turn_kind", "turns", "kind", "What began the turn."),
    Dimension("turn_status", "turns", "status", "How the turn ended."),
    Dimension(
        "after_tool",
        "responses",
        "if(after_tool, 'true', 'false')",
        "`true`: it goes on after a tool; do not mix its times with those of first answers.",
    ),
    Dimension("response_status", "responses", "status", "How the response ended."),
    Dimension("tool", "tool_calls", "name", "Name of the tool."),
    Dimension(
        "tool_arguments",
        "tool_calls",
        "if(arguments_are = '', '', concat(name, ' ', arguments_are))",
        "Tool, and what its arguments are: `valid`, `misfit`, `json`, `no_json`; empty: unknown.",
    ),
    Dimension(
        "argument_error",
        "tool_calls",
        "if(arguments_are IN ('no_json', 'misfit'), concat(name, ' ', arguments_error), '')",
        "Tool, and what is wrong with its arguments; empty: nothing is known to be.",
    ),
    Dimension(
        "error",
        "errors",
        f"lower(hex(sipHash64(source, type, code, phase, ifNull(close_code, 0), {_SHAPE})))",
        "Fingerprint: source, type, code, phase, close code, and the message without ids and"
        " numbers.",
    ),
    Dimension("error_source", "errors", "source", "`provider` or `gateway`."),
    Dimension("error_type", "errors", "type", "Type of the error."),
    Dimension("error_code", "errors", "code", "Code of the error."),
    Dimension(
        "error_phase",
        "errors",
        "phase",
        "What the call was at: `connecting`, `starting`, `answering`, `idle`, `streaming`.",
    ),
    Dimension(
        "error_close_code", "errors", CLOSED_BY, "Close code, where the call ended by the error."
    ),
    Dimension("score", "marks", f"if({SCORE}, name, '')", "Name of the score."),
    Dimension("billed_model", "usage", "model", "Model that was billed."),
    Dimension("billed_kind", "usage", "kind", "`response`, `transcription` or `session`."),
    Dimension("billed_day", "usage", "at_day", "UTC day of the use."),
)

DIMENSION_OF: Final = {dimension.id: dimension for dimension in DIMENSIONS}
