"""Pure. What can be measured of turns, responses, tool calls and all else that is of a call: data
for `catalogue`."""

from __future__ import annotations

from typing import Final

from trunkline.store.facts.catalogue_calls import INPUT
from trunkline.store.facts.metric import SECOND_US, Metric

FEEDBACK: Final = "(kind = 'feedback' AND NOT gone)"
SCORE: Final = "(kind = 'score' AND NOT gone)"
NO_JSON: Final = "if(arguments_are = '', NULL, arguments_are = 'no_json')"
JUDGED: Final = "if(arguments_are = '', NULL, 1)"
MISFIT: Final = "if(arguments_are IN ('valid', 'misfit'), arguments_are = 'misfit', NULL)"
HELD: Final = "if(arguments_are IN ('valid', 'misfit'), 1, NULL)"
"""Which arguments were held against a schema."""
CLOSED_BY: Final = "ifNull(toString(close_code), '')"
NEW: Final = f"if(isNull(again_tokens), NULL, {INPUT} - again_tokens)"
INPUT_USD: Final = (
    "(parts.input_text + parts.input_audio + parts.input_image"
    " + parts.cached_text + parts.cached_audio + parts.cached_image)"
)
APART_USD: Final = f"if(isNull(again_usd), NULL, {INPUT_USD})"
"""What input cost of which it is known whether it is new."""
NANO: Final = "toInt64(toDecimal128({}, 9) * 1000000000)"
"""Money as a whole number, whose sum is the same in any order."""

OF_PARTS: Final[tuple[Metric, ...]] = (
    Metric("turns", "turns", "1", "count", "Turns that are over."),
    Metric("turn.wait", "turns", "wait_us", "ms", "True end of speech to first audio."),
    Metric(
        "turn.wait_from_stopped",
        "turns",
        "wait_from_stopped_us",
        "ms",
        "`speech_stopped` to first audio: leaves the endpointing out.",
    ),
    Metric(
        "turn.endpoint",
        "turns",
        "endpoint_us",
        "ms",
        "True end to `speech_stopped`, or to the commit by hand.",
    ),
    Metric(
        "turn.vad_lag",
        "turns",
        "vad_lag_us",
        "ms",
        "The sound by which an end was noticed to `speech_stopped`: endpointing less the window.",
    ),
    Metric(
        "turn.gap",
        "turns",
        "gap_us",
        "ms",
        "True end of speech to first audio; negative where the caller spoke on.",
    ),
    Metric(
        "turn.caller_gap",
        "turns",
        "caller_gap_us",
        "ms",
        "Last audio heard to the caller's speech; negative where it was spoken over.",
    ),
    Metric(
        "turn.gateway",
        "turns",
        "gateway_us",
        "ms",
        "Of a wait, what the gateway made.",
    ),
    Metric("turn.stop", "turns", "stop_us", "ms", "Barge-in to the last audio heard."),
    Metric("turn.barge_ins", "turns", "barge_in", "count", "Turns that began over an answer."),
    Metric("turn.barge_in_share", "turns", "barge_in", "share", "Barge-ins per turn.", "1"),
    Metric(
        "turn.false_barge_in_share",
        "turns",
        "barge_in AND barge_in_kind != 'speech'",
        "share",
        "Noise, backchannel or echo, of all barge-ins.",
        "barge_in",
    ),
    Metric(
        "turn.interrupted_share",
        "turns",
        "status = 'interrupted'",
        "share",
        "Cut short, of all turns that were answered.",
        "response_id != ''",
    ),
    Metric("turn.cut_in_share", "turns", "cut_in", "share", "The assistant cut in, of all.", "1"),
    Metric(
        "turn.provider_stop",
        "turns",
        "provider_stop_us",
        "ms",
        "`speech_started` to the end of the cancelled answer.",
    ),
    Metric(
        "turn.first_audio_from_commit",
        "turns",
        "first_audio_us - committed_us",
        "ms",
        "`committed` to first audio.",
    ),
    Metric(
        "turn.first_audio_from_request",
        "turns",
        "first_audio_us - response_created_us + dispatch_us",
        "ms",
        "Commit or request, the later, to first audio.",
    ),
    Metric(
        "turn.first_text_from_stopped",
        "turns",
        "first_text_us - speech_stopped_us",
        "ms",
        "`speech_stopped` to the first words of the answer, spoken or written.",
    ),
    Metric(
        "turn.first_text_from_commit",
        "turns",
        "first_text_us - committed_us",
        "ms",
        "`committed` to the first words of the answer, spoken or written.",
    ),
    Metric(
        "turn.truncate_stop",
        "turns",
        "truncate_stop_us",
        "ms",
        "Barge-in to the application's truncate.",
    ),
    Metric("turn.cost", "turns", "cost_usd", "usd", "Cost of a turn."),
    Metric(
        "turn.dispatch", "turns", "dispatch_us", "ms", "Commit or request to `response.created`."
    ),
    Metric(
        "turn.caller_stop",
        "turns",
        "caller_stop_us",
        "ms",
        "Told of a barge-in to what the caller did.",
    ),
    Metric("turn.tools", "turns", "tool_us", "ms", "How long its tools ran."),
    Metric(
        "turn.tool_dead_air", "turns", "tool_dead_us", "ms", "Of that, how long nobody was heard."
    ),
    Metric(
        "turn.premature_share",
        "turns",
        "premature",
        "share",
        "Begun before the caller was done.",
        "1",
    ),
    Metric("turn.unheard_cost", "turns", "unheard_usd", "usd", "Paid for sound nobody heard."),
    Metric("responses", "responses", "1", "count", "Responses."),
    Metric(
        "response.first_audio",
        "responses",
        "first_audio_us - created_us",
        "ms",
        "`response.created` to first audio.",
    ),
    Metric(
        "response.failed_share",
        "responses",
        "status = 'failed'",
        "share",
        "Responses that failed, of all.",
        "1",
    ),
    Metric("response.duration", "responses", "done_us - created_us", "ms", "Created to done."),
    Metric(
        "response.incomplete_share",
        "responses",
        "status = 'incomplete'",
        "share",
        "Cut by a limit or filter, of all.",
        "1",
    ),
    Metric("response.silent_share", "responses", "silent", "share", "Without sound, of all.", "1"),
    Metric(
        "response.tokens_per_second",
        "responses",
        "tokens.output_text + tokens.output_audio",
        "count",
        "Output by the time from created to done.",
        "done_us - created_us",
        per=SECOND_US,
    ),
    Metric(
        "response.sound_per_second",
        "responses",
        "audio_us",
        "share",
        "Sound by the time from created to the last of it.",
        "if(audio_us > 0, last_audio_us - created_us, NULL)",
    ),
    Metric(
        "response.truncate_error",
        "responses",
        "truncate_error_us",
        "ms",
        "What the application says was played, less the playback model.",
    ),
    Metric(
        "response.tool_round_trip",
        "responses",
        "tool_round_trip_us",
        "ms",
        "A tool's arguments to the first sound after its output.",
    ),
    Metric(
        "response.first_text",
        "responses",
        "to_first_text_us",
        "ms",
        "`response.created` to first text.",
    ),
    Metric("response.stalls", "responses", "stalls_us", "ms", "The caller's player had run dry."),
    Metric(
        "response.late_audio", "responses", "late_audio_us", "ms", "Came when spoken over already."
    ),
    Metric(
        "response.real_time_factor",
        "responses",
        "stream_us",
        "share",
        "First sound to last, by its length.",
        "if(isNull(stream_us), NULL, audio_us)",
    ),
    Metric(
        "response.missed_truncate_share",
        "responses",
        "missed_truncate",
        "share",
        "Cut, and nobody truncated.",
        "1",
    ),
    Metric(
        "response.context_dropped",
        "responses",
        "context_dropped_tokens",
        "count",
        "Tokens that were gone.",
    ),
    Metric(
        "response.unheard_share",
        "responses",
        "audio_us - heard_us",
        "share",
        "Of what was generated, what was never played.",
        "audio_us",
    ),
    Metric(
        "response.unheard_cost", "responses", "unheard_usd", "usd", "Paid for sound nobody heard."
    ),
    Metric(
        "response.unheard_tokens",
        "responses",
        "unheard_tokens",
        "count",
        "Of sound that nobody heard.",
    ),
    Metric("transcription.delay", "items", "transcription_us", "ms", "Commit to transcript."),
    Metric(
        "transcription.delay_from_speech",
        "items",
        "transcription_from_speech_us",
        "ms",
        "True end of speech to transcript.",
    ),
    Metric(
        "transcription.first_words",
        "items",
        "first_words_us",
        "ms",
        "Start of speech to the first piece of its transcript.",
    ),
    Metric("tools", "tool_calls", "1", "count", "Tool calls."),
    Metric("tool.latency", "tool_calls", "latency_us", "ms", "Asked to answered."),
    Metric(
        "tool.unanswered",
        "tool_calls",
        "isNull(answered_us)",
        "count",
        "Never answered, or not yet.",
    ),
    Metric(
        "tool.unanswered_share",
        "tool_calls",
        "isNull(answered_us)",
        "share",
        "Never answered, of all.",
        "1",
    ),
    Metric("tool.dead_air", "tool_calls", "dead_air_us", "ms", "Of its latency, nobody was heard."),
    Metric("tool.failed_share", "tool_calls", "failed", "share", "Failed, of all.", "1"),
    Metric("tool.no_json", "tool_calls", NO_JSON, "count", "Called with what is no JSON object."),
    Metric(
        "tool.no_json_share",
        "tool_calls",
        NO_JSON,
        "share",
        "Called with what is no JSON object, of all.",
        JUDGED,
    ),
    Metric("tool.misfits", "tool_calls", MISFIT, "count", "Called with what its schema rules out."),
    Metric(
        "tool.misfit_share",
        "tool_calls",
        MISFIT,
        "share",
        "Called with what its schema rules out, of all that were held against one.",
        HELD,
    ),
    Metric("tool.name", "tool_calls", "name", "text", "Name of the tool."),
    Metric(
        "tool.argument_error",
        "tool_calls",
        "arguments_error",
        "text",
        "What is wrong with its arguments; group by `argument_error`.",
    ),
    Metric("tool.calls_with", "tool_calls", "call_id", "count", "Different calls.", distinct=True),
    Metric("errors", "errors", "1", "count", "Errors."),
    Metric("error.calls", "errors", "call_id", "count", "Different calls with one.", distinct=True),
    Metric("error.at", "errors", "at_us", "at", "When it happened."),
    Metric("error.source", "errors", "source", "text", "`provider` or `gateway`."),
    Metric("error.type", "errors", "type", "text", "Type of the error."),
    Metric("error.code", "errors", "code", "text", "Code of the error."),
    Metric("error.phase", "errors", "phase", "text", "What the call was at."),
    Metric(
        "error.close_code",
        "errors",
        CLOSED_BY,
        "text",
        "Close code, where the call ended by the error.",
    ),
    Metric("error.message", "errors", "message", "text", "One of the messages."),
    Metric("feedback", "marks", f"if({FEEDBACK}, 1, NULL)", "count", "Feedback, up or down."),
    Metric(
        "feedback.up_share",
        "marks",
        f"if({FEEDBACK}, number, NULL)",
        "share",
        "Thumbs up, of all feedback.",
        FEEDBACK,
    ),
    Metric(
        "score",
        "marks",
        f"if({SCORE}, number, NULL)",
        "number",
        "Scores; group by `score`, which is their name.",
    ),
    Metric("usage", "usage", "1", "count", "Billed things."),
    Metric("usage.cost", "usage", "cost_usd", "usd", "Cost of what is priced."),
    Metric("usage.unpriced", "usage", "isNull(cost_usd)", "count", "Billed without a price."),
    Metric("usage.input_text", "usage", "tokens.input_text", "count", "Text in, tokens."),
    Metric("usage.input_audio", "usage", "tokens.input_audio", "count", "Audio in, tokens."),
    Metric("usage.input_image", "usage", "tokens.input_image", "count", "Images in, tokens."),
    Metric("usage.cached_text", "usage", "tokens.cached_text", "count", "Of it, cached."),
    Metric("usage.cached_audio", "usage", "tokens.cached_audio", "count", "Of it, cached."),
    Metric("usage.cached_image", "usage", "tokens.cached_image", "count", "Of it, cached."),
    Metric("usage.output_text", "usage", "tokens.output_text", "count", "Text out, tokens."),
    Metric("usage.output_audio", "usage", "tokens.output_audio", "count", "Audio out, tokens."),
    Metric("usage.input_new", "usage", NEW, "count", "Input that its turn brought, tokens."),
    Metric(
        "usage.input_again",
        "usage",
        "again_tokens",
        "count",
        "Input that earlier turns or the instructions had brought, tokens.",
    ),
    Metric(
        "usage.input_new_cost",
        "usage",
        f"{APART_USD} - again_usd",
        "usd",
        "Cost of input that its turn brought.",
    ),
    Metric(
        "usage.input_again_cost",
        "usage",
        "again_usd",
        "usd",
        "Cost of input that earlier turns or the instructions had brought.",
    ),
    Metric(
        "usage.input_again_share",
        "usage",
        NANO.format("again_usd"),
        "share",
        "Billed again, of the cost of input that is known to be new or billed again.",
        NANO.format(APART_USD),
    ),
    Metric("usage.seconds", "usage", "seconds_us", "ms", "Billed by duration."),
)
