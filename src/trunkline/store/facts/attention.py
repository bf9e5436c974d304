"""Pure. Why a call should be looked at: reasons that its row alone tells, as SQL.

The Overview lists calls by them, lists and reports filter by them and count them: one
definition, so that a number leads to just the calls that it counts. From where on something is
too much, each organisation says itself: the SQL names its `thresholds`. docs/reference/metrics
has the reasons as a table.
"""

from __future__ import annotations

from typing import Final

import msgspec

from trunkline.store.thresholds import DEFAULT, Thresholds, in_words

FAILED: Final = "status IN ('failed', 'refused', 'recovered')"


class Reason(msgspec.Struct, frozen=True):
    """One reason."""

    id: str
    predicate: str
    """SQL over a row of `calls`; NULL where the row does not tell."""
    words: str
    """On a page."""
    tells: str
    """What it means, with the names of thresholds in braces."""
    grave: bool = False

    @property
    def means(self) -> str:
        """Return what it means where no organisation says otherwise."""
        return self.told(DEFAULT)

    def told(self, own: Thresholds) -> str:
        """Return what it means for an organisation with these thresholds."""
        return self.tells.format_map(in_words(own))


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
        "wait_max_us > {long_wait_us:Threshold}",
        "slow answer",
        "A turn's wait was longer than {long_wait_us}.",
    ),
    Reason(
        "tool_dead_air",
        "tool_dead_us > {tool_dead_air_us:Threshold}",
        "silent tools",
        "Nobody was heard for more than {tool_dead_air_us} while tools ran.",
    ),
    Reason(
        "dead_air",
        "longest_silence_us > {long_dead_air_us:Threshold}",
        "dead air",
        "Nobody was heard for more than {long_dead_air_us} at a stretch.",
    ),
    Reason(
        "talked_over",
        "barge_ins >= {many_barge_ins:Threshold} AND 2 * barge_ins > turns",
        "talked over",
        "{many_barge_ins} barge-ins or more, in more than half of the turns.",
    ),
    Reason(
        "unheard",
        "assistant_audio_us - heard_audio_us > {much_unheard_share:Threshold} * assistant_audio_us",
        "much unheard",
        "More than {much_unheard_percent} of the assistant's sound was never heard.",
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


def means(metric: str, default: str, own: Thresholds) -> str:
    """Return what a metric means to an organisation; `default` unless it counts a reason."""
    reason = REASON_OF.get(metric.removeprefix("attention."))
    return reason.told(own) if reason and metric.startswith("attention.") else default
