"""Pure. What every number on a page means: the same definitions as the API's.

Shown behind each label. docs/reference/metrics says the same at length.
"""

from __future__ import annotations

DEFINITIONS = {
    "duration": "From the opening of the call to its close, on the gateway’s clock.",
    "wait_p50": (
        "Median over the call’s turns of: true end of the caller’s speech (or the request, for"
        " text) to the first audio handed to the caller. Includes the time in which the provider"
        " waits to be sure that the caller has finished."
    ),
    "wait_p50_all": (
        "Median over all turns of these calls that have a wait: true end of the caller’s speech"
        " (or the request, for text) to the first audio handed to the caller."
    ),
    "attention": (
        "Calls that give a reason to look at them: failed, not all recorded, thumbs down, errors,"
        " no answer, slow answer, silent tools, dead air, talked over, much unheard, unpriced."
    ),
    "loudest": "The loudest moment of what was said; 0 dB is full scale.",
    "wait_max": "The longest of the turns’ waits, from the true end of the caller’s speech.",
    "wait": (
        "True end of the caller’s speech (or the request, for text) to the first audio handed to"
        " the caller: what the caller felt."
    ),
    "wait_from_stopped": (
        "The provider’s speech_stopped to first audio: what most tools call latency. Leaves out"
        " the silence that the provider waits for, so it flatters."
    ),
    "barge_ins": "Times the caller began to speak while assistant audio was still being heard.",
    "stop": "From the caller’s first sound to the last assistant audio that was heard.",
    "unheard": (
        "Assistant audio that was generated, and paid for, but never played: the caller spoke or"
        " the call ended first."
    ),
    "cost": (
        "Sum of all priced usage by the provider’s list prices of that day, cached tokens at their"
        " own price. A model without a price is unpriced, never zero."
    ),
    "month": (
        "US dollars: what the calls of all keys have used in this calendar month, UTC, live ones"
        " included, as their budget counts it. Filters change nothing here."
    ),
    "forecast": (
        "What was spent in this month so far, divided by the share of the month (UTC) that is"
        " over: what it comes to if it goes on at that pace. Not shown in its first two days."
    ),
    "flame": (
        "Every response is billed for all of the conversation before it. New: what the turn"
        " brought itself. Again: what earlier turns, or the instructions, had brought, by how the"
        " input grew from response to response. Cached tokens are taken for the oldest."
    ),
    "again": (
        "Of the cost of responses’ input, what was billed for what earlier turns or the"
        " instructions had brought: the same as “Input billed again” on each call’s page. Only of"
        " responses of which that is known; `trunkline reindex` finds it out for older calls."
    ),
    "trace": (
        "The trace that the call is in: the caller’s own, where it opened the call with a"
        " traceparent, else one of the call’s own id. The file has the call, its turns, responses"
        " and tool calls as spans, and nothing of what was said."
    ),
    "cached": "Share of the input tokens that the provider served from its cache.",
    "gateway": (
        "Time that a frame spends in the gateway, from received on one leg to handed to the other:"
        " median over all frames of the call, both directions."
    ),
    "gateway_share": (
        "Of the wait, what the gateway made: the time in which a frame that the answer waited for"
        " was in it, from received to handed. Drawn as a line of its own, because the other parts"
        " of the wait contain it."
    ),
    "heard": (
        "What was played of the turn’s answer, and hatched what was not. All turns’ answers are"
        " on one scale, which is not that of the waits: answers are many times longer."
    ),
    "connect": "From dialling the provider to its session.created.",
    "endpoint": (
        "Endpointing: true end of the caller’s speech to the provider’s speech_stopped. The"
        " silence window of the voice activity detection, mostly. Where the application commits by"
        " hand: to its commit."
    ),
    "traffic": (
        "What came in each slice of time: from the caller above the line, from the provider below."
        " As tall as the square root of its bytes, for sound dwarfs all else."
    ),
    "vad": (
        "Voice activity detection: from the provider’s speech_started to its speech_stopped, as"
        " they came. Later than the caller’s own voice above, by what the detection takes."
    ),
    "vad_lag": (
        "From the sound by which the provider noticed the end, the last of the silence window, to"
        " its speech_stopped: network and processing. Median."
    ),
    "gap": (
        "True end of the caller’s speech to the first audio of the answer. Negative where the"
        " answer began before the caller was done. Median."
    ),
    "caller_gap": (
        "The last audio that was heard to the caller’s first sound. Negative where the caller spoke"
        " over it. Median."
    ),
    "sideband_gap": "How long the sideband was away: of that time nothing is recorded.",
    "dispatch": "Commit (or the request, where it came later) to response.created.",
    "talk_ratio": (
        "The assistant’s part of all talking. The caller’s speech counts from its true start to"
        " its true end, the assistant’s as far as it was heard."
    ),
    "overlap": "How long both were heard at once.",
    "silence": "From session.created to the end, less all time in which anybody was heard.",
    "dead_air": (
        "The largest gap in which nobody was heard, after the first sound. The end of the call"
        " closes the last one."
    ),
    "monologue": "The longest stretch that one side spoke before the other began to.",
    "pace": (
        "Words of the transcripts by the minutes of sound that they were spoken in. Missing in"
        " scripts that do not set words apart."
    ),
    "false_barge_ins": (
        "Barge-ins that were none: the caller’s sound has an empty transcript, or none and is"
        " shorter than 300 ms (noise), or says no more than “mm-hm” (backchannel), or is the"
        " assistant’s own voice, back through the caller’s microphone (echo; known when the call"
        " is over)."
    ),
    "caller_stop": (
        "From the gateway’s handing on of speech_started to the first response.cancel,"
        " conversation.item.truncate or output_audio_buffer.clear of the application. Median."
    ),
    "provider_stop": (
        "From the provider’s speech_started to its response.done with status cancelled. Median."
    ),
    "cut_ins": (
        "Answers that began while the caller spoke, or less than half a second before the caller"
        " went on."
    ),
    "silent_responses": (
        "Responses that are completed, were to be heard, called no tool, and have no sound."
    ),
    "abandoned": (
        "The caller hung up before any response, or within 5 s of a silence of more than 3 s that"
        " followed what the caller had said."
    ),
    "tool_round_trip": (
        "From a tool’s arguments to the first sound of the response that goes on with its output."
        " Median."
    ),
    "missed_truncates": (
        "Answers cut by a barge-in of which the application did not say where, before the next"
        " one began: the model believes that all of it was heard."
    ),
    "premature": (
        "Times the caller spoke again within 500 ms of speech_stopped, and the answer was"
        " cancelled before its first sound."
    ),
    "late_audio": "Assistant audio that came when the caller had already begun to speak over it.",
    "time_to_first_audio": "session.created to the first assistant audio of the call.",
    "to_first_text": (
        "response.created to the first text or transcript, handed to the caller. Without"
        " answers to tools."
    ),
    "to_first_audio": (
        "response.created to the first audio, handed to the caller. Without answers to tools."
    ),
    "real_time_factor": (
        "First audio to last, by how long it plays. Above 1 it comes slower than it is played."
    ),
    "stalls": (
        "How long a player without a buffer would have waited for audio in the middle of an item."
    ),
    "context_drops": (
        "Responses whose input shrank although nothing was deleted, truncated or updated: the"
        " provider has cut the conversation’s beginning."
    ),
    "tool_dead_air": "Of the time in which tools ran, how long neither side was heard.",
    "tool_failed": (
        "MCP calls that the provider calls failed, and functions whose output is an object with"
        " an error in it."
    ),
    "transcription": "The provider’s commit of the caller’s speech to its transcript. Median.",
    "transcription_from_speech": (
        "The true end of the caller’s speech to its transcript: with what it took to notice the"
        " end. Median."
    ),
    "input_jitter": (
        "Mean difference between the time from one append to the next and the length of its"
        " sound. Missing for sound that came faster than real time."
    ),
    "input_drift": (
        "By how much the caller’s sample clock is faster than the gateway’s, gaps left out."
    ),
    "input_gaps": (
        "Times the caller’s sound was more than 60 ms late: a muted microphone looks the same as"
        " a bad network."
    ),
    "configure": "The last session.update to its session.updated.",
    "rate_limit_left": "The least that rate_limits.updated said was left of any limit.",
    "unheard_cost": (
        "What the tokens of assistant audio cost that was never heard: those of a response are"
        " shared out evenly over its sound. US dollars; n: calls of which it is known."
    ),
    "model": "response.created to first audio, without tools.",
    "tool": "Arguments complete, handed to the caller, to the caller’s output. Runs in your code.",
    "turns": "Caller input (speech, text, tool output) up to the end of the answer to it.",
    "failed": "Calls that were cut off, refused, or ended by an error.",
    "barge_in_rate": "Barge-ins per turn.",
    "calls": "Every attempt counts, refused ones too.",
    "sessions": "Calls that share a Helicone-Session-Id.",
    "live_calls": "Calls that run now, in all gateways.",
    "relay": (
        "From a frame’s arrival on one leg to its being handed to the other: all frames of the"
        " last minute, both directions, from a histogram whose buckets double."
    ),
    "unrecorded": (
        "Frames that were relayed but could not be recorded, since the gateways were started."
        " Counted exactly, never guessed."
    ),
    "journal_lag": "What the gateways have taken for their journals and not yet written.",
    "recorder_lag": (
        "How far the recorder is behind the journals. Calls never wait for it; the dashboard does."
    ),
    "difference": (
        "Frames by the manifests of the archives, compared call by call with the rows that the"
        " facts have of them. What only one of both has is counted here."
    ),
    "disk": "Free on the file system of the data directory.",
    "loop_lag": "The latest that the process came to a timer in the last minute.",
    "caller_audio": "Sound that the caller sent, silence included.",
    "assistant_audio": "Sound that the provider sent.",
    "lost": "Frames that were relayed but could not be recorded. Counted exactly, never guessed.",
}
"""Metric name to its definition, one or two sentences for a reader in a hurry."""


def define(metric: str) -> str:
    """Return the definition behind `metric`. Raises `KeyError` for one that has none."""
    return DEFINITIONS[metric]
