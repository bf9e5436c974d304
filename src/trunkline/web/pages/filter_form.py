"""Pure. The form of filters above a page of calls, and what of it is in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from trunkline.store.facts.attention import ANY, REASONS
from trunkline.store.facts.queries_calls import FilterValues
from trunkline.web.narrowing import CHOICES, EXACT
from trunkline.web.pages import text
from trunkline.web.pages.filters import ANY_TIME, CUSTOM, KINDS, SPANS, STATUSES, Filters

_SEEN: Final = frozenset(
    {
        "end_reason",
        "language",
        "voice",
        "spoken",
        "gateway",
        "prompt",
        "trace_id",
        "weekday",
        "hour",
    }
)
UNSEEN: Final = tuple(name for name in EXACT if name not in _SEEN)
"""Filters that nobody types: reports lead to them."""
COMMON_ZONES: Final = (
    "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Chicago",
    "America/Los_Angeles", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo",
    "Australia/Sydney",
)  # fmt: skip
_LABELS: Final = {
    "status": "Status",
    "kind": "Kind",
    "model": "Model",
    "user": "User",
    "session": "Session",
    "property": "Property",
    "tag": "Tag",
    "feedback": "Feedback",
    "score": "Score",
    "said": "Said",
    "key": "Key",
    "session_path": "Session path",
    "provider": "Provider",
    "end_reason": "Ended by",
    "duration_s": "Length, s",
    "wait_max_s": "Longest wait, s",
    "cost_usd": "Cost, $",
    "unheard_usd": "Never heard, $",
    "language": "Translated into",
    "has_audio": "Recording",
    "tool": "Tool called",
    "attention": "Needs a look",
    "voice": "Voice",
    "prompt": "Prompt",
    "spoken": "Caller speaks",
    "gateway": "Gateway process",
    "trace_id": "Trace id",
    "weekday": "Day of the week",
    "hour": "Hour",
    "zone": "Hours and days of",
    "error": "Error",
    **{name: text.dimension(name).capitalize() for name in UNSEEN},
    "from": "From",
    "to": "Until",
}
_REST: Final = tuple(_LABELS)[tuple(_LABELS).index("key") : tuple(_LABELS).index("error")]
"""What the form folds away."""
OF_SESSIONS: Final = _LABELS | {"duration_s": "Talked, s"}
"""What filters are called where they find sessions."""
_FEEDBACK: Final = {"up": "thumbs up", "down": "thumbs down", "none": "none"}
_HOURS: Final = {hour: f"{hour}:00" for hour in CHOICES["hour"]}
_AUDIO: Final = {"true": "can be played", "false": "none"}
_ATTENTION: Final = {ANY: "for any reason", **{one.id: one.words for one in REASONS}}


@dataclass(frozen=True, slots=True)
class InForce:
    """One filter that is in force."""

    name: str
    label: str
    words: str
    without: Filters


def filter_form(
    filters: Filters,
    choices: FilterValues,
    usual: str = "7d",
    labels: Mapping[str, str] = _LABELS,
) -> dict[str, Any]:
    """Return what `parts/filters.html` needs. `usual` is the span of a page that has no other;
    empty: its calls are of any time."""
    any_time = {} if usual else {ANY_TIME: "any time"}
    words = _words(filters, choices)
    return {
        "filters": filters,
        "choices": choices,
        "labels": labels,
        "spans": {**any_time, **SPANS, CUSTOM: "custom …"},
        "span_default": usual,
        "custom": CUSTOM,
        "statuses": {status: status for status in STATUSES},
        "kinds": KINDS,
        "words": words,
        "in_force": _in_force(filters, words, labels),
        "zones": COMMON_ZONES,
        "unseen": ("error", *UNSEEN),
        "rest_open": any(name in _REST for name in filters.pairs())
        or any(one.name in _REST for one in filters.wrong),
    }


def _words(filters: Filters, choices: FilterValues) -> dict[str, Mapping[str, str]]:
    """Return by filter what can be chosen, each value with its words."""
    keys = dict(choices.keys)
    providers = {name: text.provider(name) for name in choices.providers}
    return {
        "kind": KINDS,
        "feedback": _FEEDBACK,
        "key": _with(filters.key, {key: name or key for key, name in keys.items()}),
        "provider": _with(filters.provider, providers),
        "end_reason": text.END_REASONS,
        "has_audio": _AUDIO,
        "attention": _ATTENTION,
        "weekday": text.WEEKDAYS,
        "hour": _HOURS,
    }


def _with(chosen: str, words: dict[str, str]) -> dict[str, str]:
    """Return the choices, and what an address has chosen though no late call has it."""
    return words if not chosen or chosen in words else {**words, chosen: chosen}


def _in_force(
    filters: Filters, words: Mapping[str, Mapping[str, str]], labels: Mapping[str, str]
) -> tuple[InForce, ...]:
    # The time is above the table in any case.
    return tuple(
        InForce(name, labels[name], words.get(name, {}).get(value, value), filters.without(name))
        for name, value in filters.pairs().items()
        if name not in ("span", "from", "to")
    )
