"""Pure. Ratios of what rows hold, for one call or for sums over many.

A ratio of several calls is the ratio of their sums, never the mean of their ratios: so the
rows keep what is above and what is below the line, and nothing else divides them. None
where there is nothing to divide by.
"""

from __future__ import annotations

from decimal import Decimal

from trunkline.store.facts.amounts import Tokens
from trunkline.store.facts.rows import CallRow, ResponseRow


def share(part: int | None, whole: int | None) -> float | None:
    """Return `part / whole`; None where either is missing or there is no whole."""
    return part / whole if part is not None and whole else None


def talk_ratio(row: CallRow) -> float | None:
    """Return the assistant's part of all talking: assistant / (assistant + caller).

    Of heard time, not of generated. Source: protocol.md 6.4.
    """
    if row.caller_talk_us is None or row.assistant_talk_us is None:
        return None
    return share(row.assistant_talk_us, row.assistant_talk_us + row.caller_talk_us)


def usd_per_minute(row: CallRow) -> Decimal | None:
    """Return what a call cost by its minutes, to the millionth of a dollar.

    None while it is live: what it has cost so far is behind what it has lasted. Source:
    protocol.md 6.4.
    """
    if row.cost_usd is None or not row.duration_us:
        return None
    return (row.cost_usd * 60_000_000 / row.duration_us).quantize(Decimal("1e-6"))


def overlap_share(row: CallRow) -> float | None:
    """Return how much of the call both were heard at once. Source: product.md 1b."""
    return share(row.overlap_us, row.duration_us)


def silence_share(row: CallRow) -> float | None:
    """Return how much of the call nobody was heard. Source: product.md 1b."""
    return share(row.silence_us, row.duration_us)


def words_per_minute(words: int | None, spoken_us: int | None) -> float | None:
    """Return `words` by the minutes in which they were spoken. Source: product.md 1b."""
    found = share(words, spoken_us)
    return None if found is None else found * 60_000_000


def real_time_factor(row: ResponseRow) -> float | None:
    """Return `(dl(L) - dl(F)) / D`; below 1 is faster than real time. Source: protocol.md 6.2."""
    return share(row.stream_us, row.audio_us)


def cache_ratio(tokens: Tokens) -> float | None:
    """Return cached input tokens by all input tokens. Source: protocol.md 6.4."""
    return share(tokens.cached, tokens.input)


def unheard_ratio(row: CallRow | ResponseRow) -> float | None:
    """Return generated sound that nobody heard, by all of it. Source: product.md 1b."""
    whole_us = row.assistant_audio_us if isinstance(row, CallRow) else row.audio_us
    heard_us = row.heard_audio_us if isinstance(row, CallRow) else row.heard_us
    return share(max(0, whole_us - heard_us), whole_us)
