"""Pure. What the API says of how a call went, beside its counts: see docs/reference/metrics.

null: cannot be known from the wire, or the call was recorded before there was this number
(`trunkline reindex` works it out).
"""

from __future__ import annotations

from pydantic import BaseModel, Field

from trunkline.store.facts import ratios
from trunkline.store.facts.rows import CallRow


class Talk(BaseModel):
    """Who spoke, by what was heard."""

    caller_ms: float | None
    assistant_ms: float | None = Field(description="Heard, not generated.")
    ratio: float | None = Field(description="The assistant's part of both.")
    overlap_ms: float | None
    overlap_share: float | None = Field(description="Of the call's duration; null while live.")
    silence_ms: float | None
    silence_share: float | None = Field(description="Of the call's duration; null while live.")
    longest_silence_ms: float | None
    longest_silence_at_ms: float | None
    longest_monologue_ms: float | None
    caller_words_per_minute: float | None
    assistant_words_per_minute: float | None


class Interruptions(BaseModel):
    """What cut answers short, or began them too early."""

    barge_ins: int
    false_barge_ins: int | None = Field(description="Of those: noise, backchannel or echo.")
    missed_truncates: int | None
    cut_ins: int | None = Field(description="The assistant began while the caller spoke.")
    silent_responses: int | None = Field(description="Completed, to be heard, without sound.")
    abandoned: bool | None = Field(description="The caller gave up waiting.")
    premature_endpoints: int | None
    late_audio_ms: float | None


class Delivery(BaseModel):
    """How evenly sound came in, and was played."""

    input_jitter_ms: float | None
    input_drift_ppm: int | None
    input_gaps: int | None
    input_gap_ms: float | None
    stalls_ms: float | None
    rate_limit_left: float | None = Field(description="Least of remaining / limit, 0 to 1.")


def talk(row: CallRow) -> Talk:
    """Return how the time of the call was spent."""
    return Talk(
        caller_ms=_ms(row.caller_talk_us),
        assistant_ms=_ms(row.assistant_talk_us),
        ratio=ratios.talk_ratio(row),
        overlap_ms=_ms(row.overlap_us),
        overlap_share=ratios.overlap_share(row),
        silence_ms=_ms(row.silence_us),
        silence_share=ratios.silence_share(row),
        longest_silence_ms=_ms(row.longest_silence_us),
        longest_silence_at_ms=_ms(row.longest_silence_at_us),
        longest_monologue_ms=_ms(row.longest_monologue_us),
        caller_words_per_minute=ratios.words_per_minute(row.caller_words, row.caller_worded_us),
        assistant_words_per_minute=ratios.words_per_minute(
            row.assistant_words, row.assistant_worded_us
        ),
    )


def interruptions(row: CallRow) -> Interruptions:
    """Return what cut the call's answers short."""
    return Interruptions(
        barge_ins=row.barge_ins,
        false_barge_ins=row.false_barge_ins,
        missed_truncates=row.missed_truncates,
        cut_ins=row.cut_ins,
        silent_responses=row.silent_responses,
        abandoned=row.abandoned,
        premature_endpoints=row.premature_endpoints,
        late_audio_ms=_ms(row.late_audio_us),
    )


def delivery(row: CallRow) -> Delivery:
    """Return how evenly the call's sound went."""
    left = row.left_permille
    return Delivery(
        input_jitter_ms=_ms(row.input_jitter_us),
        input_drift_ppm=row.input_drift_ppm,
        input_gaps=row.input_gaps,
        input_gap_ms=_ms(row.input_gap_us),
        stalls_ms=_ms(row.stalls_us),
        rate_limit_left=None if left is None else left / 1000,
    )


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1000
