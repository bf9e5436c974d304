"""Pure. What can be measured of calls: data for `catalogue`."""

from __future__ import annotations

from typing import Final

from trunkline.store.facts.attention import FAILED, NEEDED, REASONS
from trunkline.store.facts.metric import MINUTE_US, Metric

# What several questions ask for, as SQL over a row of `calls`.
INPUT: Final = "(tokens.input_text + tokens.input_audio + tokens.input_image)"
CACHED: Final = "(tokens.cached_text + tokens.cached_audio + tokens.cached_image)"
OUTPUT: Final = "(tokens.output_text + tokens.output_audio)"

OF_CALLS: Final[tuple[Metric, ...]] = (
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
        "number",
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
        "number",
        "How much too fast or slow it came, ppm.",
    ),
    Metric("input.gaps", "calls", "input_gaps", "count", "Gaps in the caller's sound."),
    Metric("input.gap", "calls", "input_gap_us", "ms", "Of a call, all of them."),
    Metric(
        "input.loss_share",
        "calls",
        "input_gap_us",
        "share",
        "Gaps in the caller's sound, of its time.",
        "if(isNull(input_gap_us), NULL, caller_audio_us + input_gap_us)",
    ),
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
)
