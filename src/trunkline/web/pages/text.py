"""Pure. How numbers, times and statuses read on a page.

One function per kind of quantity, each total: whatever the row holds, a reader
gets words. "–" means that the wire did not tell; it is never a zero.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from trunkline.protocol.profiles.catalogue import PROFILES
from trunkline.store.thresholds import DEFAULT, Thresholds

UNKNOWN = "–"
"""Never happened, or cannot be known from the wire."""

UNPRICED = "unpriced"
"""No price is known. Never written as $0: that would be a claim."""


_STATUS_WORDS = {
    "live": "live",
    "completed": "completed",
    "failed": "failed",
    "refused": "refused",
    "recovered": "recovered",
}

END_REASONS = {
    "caller_closed": "caller hung up",
    "provider_closed": "provider closed",
    "caller_lost": "caller’s connection lost",
    "provider_lost": "provider’s connection lost",
    "refused_by_gateway": "refused by the gateway",
    "refused_by_provider": "refused by the provider",
    "rejected": "rejected by the application",
    "not_answered": "nobody answered",
    "provider_unreachable": "provider unreachable",
    "provider_timeout": "provider did not answer in time",
    "key_revoked": "key revoked",
    "key_duration": "as long as its key allows",
    "key_budget": "key’s budget spent",
    "org_budget": "organisation’s budget spent",
    "hung_up": "hung up by your organisation",
    "frame_too_big": "frame too big",
    "caller_too_slow": "caller read too slowly",
    "provider_too_slow": "provider read too slowly",
    "protocol_error": "protocol error",
    "too_many_pings": "too many pings",
    "drained": "gateway was restarted",
    "gateway_died": "gateway died",
    "internal_error": "internal error",
}

WEEKDAYS = {"1": "Mon", "2": "Tue", "3": "Wed", "4": "Thu", "5": "Fri", "6": "Sat", "7": "Sun"}

_DIMENSIONS = {
    "vad": "turn detection",
    "hour": "hour of the day",
    "weekday": "day of the week",
    "user_agent": "caller’s software",
    "after_tool": "after a tool",
    "gateway": "gateway process",
    "spoken": "language of the caller",
    "language": "translated into",
    "trace_group": "group id of the trace",
}

_STATUS_TONES = {
    "live": "live",
    "completed": "good",
    "failed": "bad",
    "refused": "bad",
    "recovered": "warn",
}

_PROVIDER_WORDS = {
    **{profile.name: profile.title for profile in PROFILES.values()},
    "azure": "Azure",
    "simulator": "Simulator",
}


_TRANSPORT_WORDS = {"webrtc": "WebRTC", "sip": "telephone (SIP)"}


def transport(transport: str) -> str:
    """Return how sound got to the provider; empty where it passed the gateway."""
    return _TRANSPORT_WORDS.get(transport, "")


_KIND_WORDS = {"live": "GPT-Live"}


def kind(kind: str) -> str:
    """Return what sort of session it is; empty for a conversation, which most are."""
    return "" if kind == "realtime" else _KIND_WORDS.get(kind, kind)


def clock(us: int | None) -> str:
    """Return a length or an offset on the call's clock as m:ss, or h:mm:ss from an hour on."""
    if us is None:
        return UNKNOWN
    seconds = max(0, us) // 1_000_000
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def length(us: int | None) -> str:
    """Return how long something took, as a short call shows best: `0.4 s`, `48 s`, `1:36`."""
    if us is None:
        return UNKNOWN
    if us < 10_000_000:
        return f"{us / 1e6:.1f} s"
    return f"{us // 1_000_000} s" if us < 60_000_000 else clock(us)


_TURN_KINDS = {"speech": "spoke", "text": "typed", "tool": "tool output", "assistant": "unasked"}


def turn_kind(kind: str) -> str:
    """Return what began a turn, in a word or two."""
    return _TURN_KINDS.get(kind, kind)


def wait(us: int | None) -> str:
    """Return a wait in seconds with two places: `0.82 s`; a gap may be `−0.12 s`."""
    return UNKNOWN if us is None else f"{us / 1e6:.2f} s".replace("-", "−")


def seconds(us: int | None) -> str:
    """Return an amount of sound in seconds with one place: `6.4 s`."""
    return UNKNOWN if us is None else f"{us / 1e6:.1f} s"


def millis(us: int | None) -> str:
    """Return a short time in milliseconds with two places: `0.04 ms`."""
    return UNKNOWN if us is None else f"{us / 1e3:.2f} ms"


def wait_tone(us: float | None, own: Thresholds = DEFAULT) -> str:
    """Return how a wait is coloured for an organisation with these thresholds."""
    if us is None:
        return "none"
    return "good" if us <= own.fair_wait_us else "warn" if us <= own.long_wait_us else "bad"


def money(usd: Decimal | None) -> str:
    """Return dollars: three significant digits below one dollar, cents from there on."""
    if usd is None:
        return UNPRICED
    if usd == 0:
        return "$0.00"
    if abs(usd) >= 1000:
        return f"${usd:,.0f}"
    if abs(usd) >= 1:
        return f"${usd:,.2f}"
    places = min(9, max(2, 2 - usd.adjusted()))
    return f"${usd:.{places}f}"


def count(number: int | None) -> str:
    """Return a whole number with thousands separated."""
    return UNKNOWN if number is None else f"{number:,}"


def plural(number: int, one: str, many: str = "") -> str:
    """Return `1 turn`, `3 turns`; `many` for words that do not just take an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def share(part: float, whole: float) -> str:
    """Return `part` of `whole` as a percentage, `–` when there is no whole."""
    return UNKNOWN if whole <= 0 else f"{100 * part / whole:.0f}%"


def percent(share: float | None) -> str:
    """Return a share of 0 to 1 as a percentage, `–` when it is not known."""
    return UNKNOWN if share is None else f"{100 * share:.0f}%"


def rate(part: float, whole: float) -> str:
    """Return `part` of `whole` as a percentage with one place."""
    return UNKNOWN if whole <= 0 else f"{100 * part / whole:.1f}%"


def size(size_bytes: int) -> str:
    """Return a number of bytes: `812 B`, `3.4 kB`, `1.2 MB`, `80.6 GB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1e3:.1f} kB"
    if size_bytes < 1_000_000_000:
        return f"{size_bytes / 1e6:.1f} MB"
    return f"{size_bytes / 1e9:.1f} GB"


def iso(at_us: int) -> str:
    """Return a wall time as ISO 8601 UTC, to the millisecond."""
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_us // 1000 % 1000:03d}Z"


def when(at_us: int) -> str:
    """Return a wall time for reading, UTC: `22 Nov 2026, 14:03:11`."""
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    return f"{at.day} {at:%b %Y, %H:%M:%S}"


def status(word: str) -> str:
    """Return a call's status as a page says it."""
    return _STATUS_WORDS.get(word, word or "unknown")


def status_tone(word: str) -> str:
    """Return the colour class of a call's status."""
    return _STATUS_TONES.get(word, "none")


def end_reason(reason: str) -> str:
    """Return what ended a call, in words; empty while it is live."""
    return END_REASONS.get(reason, reason.replace("_", " "))


def provider(name: str) -> str:
    """Return a provider's name as it writes it itself."""
    return _PROVIDER_WORDS.get(name, name)


def shorten(text: str, limit: int) -> str:
    """Return `text` on one line, cut to `limit` characters with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def dimension(name: str) -> str:
    """Return what something to group by is called."""
    return _DIMENSIONS.get(name, name.replace("_", " "))
