"""Pure. What can be measured: data for `measure`.

A new metric is one line here. Its SQL is an expression over the columns of one row of its
table; what is missing there is NULL, and counts nowhere. Its unit is that of its answer:
times are stored in microseconds and answered in milliseconds.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from trunkline.store.facts.attention import FAILED, NEEDED, REASONS

Unit = Literal["ms", "usd", "count", "number", "share", "at", "text"]

PERCENTILES: Final = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}
NUMBERS: Final = ("sum", "mean", "min", "max", *PERCENTILES)
_AGGREGATES: Final[dict[str, tuple[str, ...]]] = {
    "ms": ("p50", "sum", *NUMBERS[1:4], *tuple(PERCENTILES)[1:]),
    "number": ("mean", "sum", *NUMBERS[2:]),
    "at": ("max", "min"),
    "text": ("any",),
}


_OF_HISTOGRAMS: Final = ("p50", "mean", "min", "max", *tuple(PERCENTILES)[1:])


class Metric(msgspec.Struct, frozen=True):
    """One number per row of a table."""

    id: str
    table: str
    value: str
    """SQL over the columns of one row."""
    unit: Unit
    means: str
    """For whoever reads the number."""
    over: str = ""
    """For shares and rates: what the sum of `value` is divided by the sum of. Whole numbers, whose
    sum is the same in any order."""
    per: int = 1
    """How many of `over` a rate is for."""
    distinct: bool = False
    """Different values are counted, not rows."""
    weights: str = ""
    """For histograms: SQL for how often there is each of `value`, both of them arrays."""

    @property
    def aggregates(self) -> tuple[str, ...]:
        """Return what can be made of many rows. The first one is what is meant by default."""
        if self.over:
            return ("ratio",)
        if self.weights:
            return _OF_HISTOGRAMS
        return ("distinct",) if self.distinct else _AGGREGATES.get(self.unit, NUMBERS)


SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US

# What several questions ask for, as SQL over a row of `calls`.
INPUT: Final = "(tokens.input_text + tokens.input_audio + tokens.input_image)"
CACHED: Final = "(tokens.cached_text + tokens.cached_audio + tokens.cached_image)"
OUTPUT: Final = "(tokens.output_text + tokens.output_audio)"
FEEDBACK: Final = "(kind = 'feedback' AND NOT gone)"
SCORE: Final = "(kind = 'score' AND NOT gone)"
NO_JSON: Final = "if(arguments_are = '', NULL, arguments_are = 'no_json')"
JUDGED: Final = "if(arguments_are = '', NULL, 1)"
MISFIT: Final = "if(arguments_are IN ('valid', 'misfit'), arguments_are = 'misfit', NULL)"
HELD: Final = "if(arguments_are IN ('valid', 'misfit'), 1, NULL)"
"""Which arguments were held against a schema."""

METRICS: Final[tuple[Metric, ...]] = (
    Metric("calls", "calls", "1", "count", "Calls, every attempt."),
    Metric("calls.live", "calls", "status = 'live'", "count", "Calls that run now."),
    Metric("calls.failed", "calls", FAILED, "count", "Failed, refused, or cut off."),
    Metric("calls.failed_share", "calls", FAILED, "share", "Failed calls of all.", "1"),
    Metric("calls.attention", "calls", NEEDED, "count", "Calls that should be looked at."),
    Metric("calls.attention_share", "calls", NEEDED, "share", "Of all calls.", "1"),
    *(Metric(f"attention.{one.id}", "calls", one.predicate, "count", one.means) for one in REASONS),
    Metric("calls.opened_at", "calls", "opened_at_us", "at", "When a call was opened."),
    Metric("call.duration", "calls", "duration_us", "ms", "Opened to closed."),
    Metric("call.connect", "calls", "connect_us", "ms", "Dial to `session.created`."),
    Metric("call.cost", "calls", "cost_usd", "usd", "Cost of a call, of what is priced."),
    Metric("call.unpriced", "calls", "notEmpty(unpriced)", "count", "Calls with unpriced use."),
    Metric(
        "call.cost_per_minute",
        "calls",
        "if(duration_us > 0, cost_usd, NULL)",
        "usd",
        "Cost of calls that are over, by their minutes.",
        "if(isNull(cost_usd), NULL, duration_us)",
        per=MINUTE_US,
    ),
    Metric("call.turns", "calls", "turns", "count", "Turns of a call."),
    Metric("call.barge_ins", "calls", "barge_ins", "count", "Barge-ins of a call."),
    Metric("call.tool_calls", "calls", "tool_calls", "count", "Tool calls of a call."),
    Metric("call.errors", "calls", "errors", "count", "Errors of a call."),
    Metric("call.lost_frames", "calls", "lost_frames", "count", "Relayed but not recorded."),
    Metric(
        "call.first_audio",
        "calls",
        "time_to_first_audio_us",
        "ms",
        "`session.created` to the first sound.",
    ),
    Metric(
        "call.configure", "calls", "configure_us", "ms", "`session.update` to `session.updated`."
    ),
    Metric(
        "call.relay_p50",
        "calls",
        "relay_p50_us",
        "ms",
        "In the gateway, per frame: a call's median.",
    ),
    Metric(
        "call.relay_p99", "calls", "relay_p99_us", "ms", "In the gateway, per frame: a call's p99."
    ),
    Metric(
        "frame.relay",
        "calls",
        "arrayMap(ns -> ns / 1000, relayed.times_ns)",
        "ms",
        "In the gateway, per frame: of all frames of calls that are over, within 6.3 %.",
        weights="relayed.frames",
    ),
    Metric(
        "call.sideband_gap",
        "calls",
        "sideband_gap_us",
        "ms",
        "How long the sideband of a call was away, and nothing was heard.",
    ),
    Metric(
        "call.false_barge_ins",
        "calls",
        "false_barge_ins",
        "count",
        "Barge-ins that were noise, backchannel or echo.",
    ),
    Metric("call.cut_ins", "calls", "cut_ins", "count", "The assistant cut in on the caller."),
    Metric("call.silent_responses", "calls", "silent_responses", "count", "Without their sound."),
    Metric(
        "calls.abandoned_share",
        "calls",
        "abandoned",
        "share",
        "The caller gave up waiting, of all conversations that ended.",
        "if(isNull(abandoned), NULL, 1)",
    ),
    Metric(
        "call.missed_truncates",
        "calls",
        "missed_truncates",
        "count",
        "Cut answers that nobody truncated.",
    ),
    Metric(
        "call.premature_endpoints",
        "calls",
        "premature_endpoints",
        "count",
        "Callers taken for done too early.",
    ),
    Metric(
        "call.unanswered_turns", "calls", "unanswered_turns", "count", "Turns without an answer."
    ),
    Metric("call.failed_responses", "calls", "failed_responses", "count", "Responses that failed."),
    Metric(
        "call.context_drops",
        "calls",
        "context_drops",
        "count",
        "Inputs that shrank with nothing removed.",
    ),
    Metric("call.unheard_cost", "calls", "unheard_usd", "usd", "Paid for sound nobody heard."),
    Metric("call.tools", "calls", "tool_us", "ms", "How long tools ran; parallel ones count once."),
    Metric(
        "call.tool_dead_air", "calls", "tool_dead_us", "ms", "Of that, how long nobody was heard."
    ),
    Metric(
        "call.rate_limit_left",
        "calls",
        "left_permille",
        "count",
        "The least left of a rate limit, per mille.",
    ),
    Metric("talk.caller", "calls", "caller_talk_us", "ms", "The caller was heard."),
    Metric("talk.assistant", "calls", "assistant_talk_us", "ms", "The assistant was heard."),
    Metric(
        "talk.ratio",
        "calls",
        "assistant_talk_us",
        "share",
        "The assistant's part of all talking.",
        "assistant_talk_us + caller_talk_us",
    ),
    *(
        Metric(
            f"talk.{side}_share",
            "calls",
            f"{side}_talk_us",
            "share",
            f"The {side} was heard, of the calls' time.",
            f"if(isNull({side}_talk_us), NULL, duration_us)",
        )
        for side in ("caller", "assistant")
    ),
    Metric("talk.overlap", "calls", "overlap_us", "ms", "Both were heard."),
    Metric("talk.silence", "calls", "silence_us", "ms", "Nobody was heard."),
    Metric(
        "talk.overlap_share",
        "calls",
        "overlap_us",
        "share",
        "Both were heard, of the calls' time.",
        "if(isNull(overlap_us), NULL, duration_us)",
    ),
    Metric(
        "talk.silence_share",
        "calls",
        "silence_us",
        "share",
        "Nobody was heard, of the calls' time.",
        "if(isNull(silence_us), NULL, duration_us)",
    ),
    Metric(
        "talk.longest_silence", "calls", "longest_silence_us", "ms", "Longest dead air of a call."
    ),
    Metric(
        "talk.longest_monologue",
        "calls",
        "longest_monologue_us",
        "ms",
        "Longest that one side went on.",
    ),
    Metric(
        "talk.caller_words_per_minute",
        "calls",
        "caller_words",
        "count",
        "Of transcripts of known length.",
        "caller_worded_us",
        per=MINUTE_US,
    ),
    Metric(
        "talk.assistant_words_per_minute",
        "calls",
        "assistant_words",
        "count",
        "Of transcripts of known length.",
        "assistant_worded_us",
        per=MINUTE_US,
    ),
    Metric("audio.stalls", "calls", "stalls_us", "ms", "The caller's player had run dry."),
    Metric(
        "audio.late", "calls", "late_audio_us", "ms", "Came when the caller spoke over it already."
    ),
    Metric(
        "input.jitter", "calls", "input_jitter_us", "ms", "How unevenly the caller's sound came."
    ),
    Metric(
        "input.drift",
        "calls",
        "input_drift_ppm",
        "count",
        "How much too fast or slow it came, ppm.",
    ),
    Metric("input.gaps", "calls", "input_gaps", "count", "Gaps in the caller's sound."),
    Metric("input.gap", "calls", "input_gap_us", "ms", "Of a call, all of them."),
    Metric("audio.caller", "calls", "caller_audio_us", "ms", "Sent by the caller."),
    Metric("audio.assistant", "calls", "assistant_audio_us", "ms", "Generated."),
    Metric("audio.heard", "calls", "heard_audio_us", "ms", "Generated, and played."),
    Metric(
        "audio.unheard",
        "calls",
        "assistant_audio_us - heard_audio_us",
        "ms",
        "Generated, and never played.",
    ),
    Metric(
        "audio.unheard_share",
        "calls",
        "assistant_audio_us - heard_audio_us",
        "share",
        "Of what was generated, what was never played.",
        "assistant_audio_us",
    ),
    Metric("tokens.input", "calls", INPUT, "count", "Input tokens, cached ones included."),
    Metric("tokens.cached", "calls", CACHED, "count", "Of the input, what was cached."),
    Metric("tokens.output", "calls", OUTPUT, "count", "Output tokens."),
    Metric("tokens.cached_share", "calls", CACHED, "share", "Cached input of all.", INPUT),
    Metric(
        "users",
        "calls",
        "if(user_id = '', NULL, user_id)",
        "count",
        "Different users.",
        distinct=True,
    ),
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
        "response.unheard_tokens",
        "responses",
        "unheard_tokens",
        "count",
        "Of sound that nobody heard.",
    ),
    Metric("transcription.delay", "items", "transcription_us", "ms", "Commit to transcript."),
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
    Metric("usage.seconds", "usage", "seconds_us", "ms", "Billed by duration."),
)

PROPERTY: Final = "property:"
"""What the name of a property follows, as a dimension: `property:Environment`."""
SCORED: Final = "score:"
"""What the name of a score follows, as a field: `score:accuracy`."""

METRIC_OF: Final = {metric.id: metric for metric in METRICS}
