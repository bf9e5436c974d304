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
    "cached": "Share of the input tokens that the provider served from its cache.",
    "gateway": (
        "Time that a frame spends in the gateway, from received on one leg to handed to the other:"
        " median over all frames of the call, both directions."
    ),
    "connect": "From dialling the provider to its session.created.",
    "endpoint": (
        "Endpointing: true end of the caller’s speech to the provider’s speech_stopped. The"
        " silence window of the voice activity detection, mostly."
    ),
    "dispatch": "speech_stopped (or the request) to response.created.",
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
