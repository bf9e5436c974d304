"""Pure. Why a call should be looked at: reasons that its row alone tells, as SQL.

The Overview lists calls by them, lists and reports filter by them and count them: one
definition, so that a number leads to just the calls that it counts. docs/reference/metrics
has them as a table.
"""

from __future__ import annotations

from typing import Final

import msgspec

LONG_WAIT_US: Final = 3_500_000
"""Above it a wait is bad: product.md 1b, p95 of `turn.response_latency`."""
DEAD_AIR_US: Final = 3_000_000
"""Above it the call's page warns; most calls have such a pause."""
LONG_DEAD_AIR_US: Final = 10_000_000
"""Nobody waits so long without a reason."""
TOOL_DEAD_AIR_US: Final = 2_000_000
MUCH_UNHEARD: Final = 0.2
"""Of what was generated."""
MANY_BARGE_INS: Final = 3

FAILED: Final = "status IN ('failed', 'refused', 'recovered')"


class Reason(msgspec.Struct, frozen=True):
    """One reason."""

    id: str
    predicate: str
    """SQL over a row of `calls`; NULL where the row does not tell."""
    words: str
    """On a page."""
    means: str
    grave: bool = False


REASONS: Final = (
    Reason("failed", FAILED, "failed", "Failed, refused, or cut off.", grave=True),
    Reason(
        "lost",
        "lost_frames > 0 OR damaged_records > 0",
        "not all recorded",
        "Frames were relayed but not recorded, or records are damaged.",
        grave=True,
    ),
    Reason("thumbs_down", "NOT feedback", "thumbs down", "Somebody said so.", grave=True),
    Reason(
        "errors", "errors > 0", "errors", "An error event, of the provider or ours.", grave=True
    ),
    Reason(
        "unanswered",
        "unanswered_turns > 0",
        "no answer",
        "A turn of the caller that nobody answered.",
        grave=True,
    ),
    Reason(
        "slow",
        f"wait_max_us > {LONG_WAIT_US}",
        "slow answer",
        f"A turn's wait was longer than {LONG_WAIT_US / 1e6:g} s.",
    ),
    Reason(
        "tool_dead_air",
        f"tool_dead_us > {TOOL_DEAD_AIR_US}",
        "silent tools",
        f"Nobody was heard for more than {TOOL_DEAD_AIR_US / 1e6:g} s while tools ran.",
    ),
    Reason(
        "dead_air",
        f"longest_silence_us > {LONG_DEAD_AIR_US}",
        "dead air",
        f"Nobody was heard for more than {LONG_DEAD_AIR_US / 1e6:g} s at a stretch.",
    ),
    Reason(
        "talked_over",
        f"barge_ins >= {MANY_BARGE_INS} AND 2 * barge_ins > turns",
        "talked over",
        f"{MANY_BARGE_INS} barge-ins or more, in more than half of the turns.",
    ),
    Reason(
        "unheard",
        f"assistant_audio_us - heard_audio_us > {MUCH_UNHEARD} * assistant_audio_us",
        "much unheard",
        f"More than {MUCH_UNHEARD:.0%} of the assistant's sound was never heard.",
    ),
    Reason("unpriced", "notEmpty(unpriced)", "unpriced", "A model without a price was used."),
)
"""The gravest first."""

REASON_OF: Final = {reason.id: reason for reason in REASONS}

ANY: Final = "any"
"""In a filter: whatever the reason."""

NEEDED: Final = " OR ".join(f"ifNull({one.predicate}, 0)" for one in REASONS)
"""Whether a call has any, as SQL."""

MASK: Final = " + ".join(
    f"{1 << place} * toInt64(ifNull({one.predicate}, 0))"
    for place, one in enumerate(reversed(REASONS))
)
"""A call's reasons as one number: of two calls the one with the graver reason has the larger."""


def predicate(reason: str) -> str:
    """Return the predicate for a reason's id, or for `any`; of anything else there is no call."""
    if reason == ANY:
        return f"({NEEDED})"
    return f"ifNull({REASON_OF[reason].predicate}, 0)" if reason in REASON_OF else "0"


def given(mask: int) -> tuple[str, ...]:
    """Return the ids of the reasons in `MASK`, the gravest first."""
    last = len(REASONS) - 1
    return tuple(one.id for place, one in enumerate(REASONS) if mask >> (last - place) & 1)
