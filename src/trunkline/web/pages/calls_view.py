"""Pure. The table of calls: filters out of the address, and rows for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode

from trunkline.store.facts.attention import ANY, REASON_OF
from trunkline.store.facts.conditions import BadCondition
from trunkline.store.facts.queries_calls import Feedback
from trunkline.store.facts.rows import CallRow
from trunkline.web.pages import columns, heads, text
from trunkline.web.scores import read_score

STATUSES = ("live", "completed", "failed", "refused", "recovered")
FEEDBACK: Final[dict[str, Feedback]] = {"up": "up", "down": "down", "none": "none"}
CUSTOM = "custom"
"""In the form's place of a span: the time has ends of its own, `from` and `to`."""
ANY_TIME = "any"
SPANS = {"1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days"}
KINDS = {
    "realtime": "conversation",
    "transcription": "transcription",
    "translation": "translation",
    "live": "GPT-Live",
    "webrtc": "by WebRTC",
    "sip": "by telephone",
}
"""What calls can be, by the words of the address."""
_SPAN_OF = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for. Empty: any."""

    status: str = ""
    kind: str = ""
    """One of `KINDS`."""
    model: str = ""
    user: str = ""
    session: str = ""
    property: str = ""
    """`name=value`."""
    provider: str = ""
    key: str = ""
    """A key's id."""
    said: str = ""
    """Part of what anybody said."""
    tool: str = ""
    """Name of a tool that was called."""
    error: str = ""
    """Fingerprint of an error that occurred."""
    tag: str = ""
    feedback: str = ""
    """One of `FEEDBACK`."""
    attention: str = ""
    """A reason to look at the call, or `any`."""
    score: str = ""
    """`accuracy<0.5`, as `read_score` takes it."""
    span: str = ""
    """One of `SPANS`; empty when `since` or `until` is given, or for any time."""
    since: str = ""
    """ISO 8601, as in the address."""
    until: str = ""

    def narrow(self) -> bool:
        """Return whether anything is left out of the table."""
        return bool(self.address())

    def pairs(self) -> dict[str, str]:
        """Return the filters by their names in an address, without empty ones."""
        pairs = {name: getattr(self, field) for name, field in _FIELDS.items()}
        return {name: value for name, value in pairs.items() if value}

    def address(self, **more: str | Sequence[str]) -> str:
        """Return these filters as a query string, with `more` in it. Empty ones are left out."""
        wanted = {name: value for name, value in more.items() if value}
        return urlencode(self.pairs() | wanted, doseq=True)

    def unseen(self) -> dict[str, str]:
        """Return the filters that have no field of their own above the table, by their names."""
        pairs = {name: getattr(self, name) for name in _UNSEEN}
        return {name: value for name, value in pairs.items() if value}

    def properties(self) -> dict[str, str]:
        """Return the property asked for."""
        name, sign, value = self.property.partition("=")
        return {name.strip(): value.strip()} if sign and name.strip() else {}

    def from_us(self, now_us: int) -> int | None:
        """Return the wall time from which calls are shown."""
        if self.span:
            return now_us - int(_SPAN_OF[self.span].total_seconds()) * 1_000_000
        return _parse_time(self.since)

    def to_us(self) -> int | None:
        """Return the wall time before which calls are shown."""
        return _parse_time(self.until)

    def custom(self) -> bool:
        """Return whether the time was chosen by its ends."""
        return bool(self.since or self.until)

    def backwards(self) -> bool:
        """Return whether the time ends before it begins, so that nothing can fit."""
        ends = _parse_time(self.since), _parse_time(self.until)
        return ends[0] is not None and ends[1] is not None and ends[0] >= ends[1]

    def ends(self) -> tuple[str, str]:
        """Return the ends of a custom time, UTC, as `datetime-local` fields write them."""
        return _field_time(self.since), _field_time(self.until)

    def covers(self) -> str:
        """Return what the numbers above the table are about, see `summarised`."""
        if not self.narrow():
            return "the last 7 days"
        others = not self.only_timed()
        time = SPANS.get(self.span, "time chosen" if self.custom() else "")
        if not time:
            return "all calls that fit"
        return f"calls that fit, the {time}" if others else f"the {time}"

    def timed(self, span: str) -> Filters:
        """Return these filters, about `span` unless they have a time of their own."""
        return self if self.span or self.custom() else replace(self, span=span)

    def spanned(self, span: str) -> Filters:
        """Return these filters, about `span` instead of their own time."""
        return replace(self, span=span, since="", until="")

    def only_timed(self) -> bool:
        """Return whether nothing but a time is asked for."""
        return not self.spanned("").narrow()

    def between(self, from_us: int, to_us: int) -> Filters:
        """Return these filters, about the time between."""
        return replace(self, span="", since=text.iso(from_us), until=text.iso(to_us))

    def summarised(self) -> Filters:
        """Return the filters of the numbers above the table.

        They are these; but without any, the numbers of years would say little about now.
        """
        return self if self.narrow() else Filters(span="7d")


_UNSEEN = ("provider", "key", "tool", "error", "attention")
_FIELDS = {
    "status": "status",
    "kind": "kind",
    "model": "model",
    "user": "user",
    "session": "session",
    "property": "property",
    "provider": "provider",
    "key": "key",
    "said": "said",
    "tool": "tool",
    "error": "error",
    "tag": "tag",
    "feedback": "feedback",
    "attention": "attention",
    "score": "score",
    "span": "span",
    "from": "since",
    "to": "until",
}
"""Names in the address, which are the API's, and the fields that hold them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    call_id: str
    opened_at_iso: str
    opened_at: str
    live: bool
    status: str
    status_tone: str
    end_reason: str
    kind: str
    """Empty for conversations that pass the gateway, which most are."""
    model: str
    provider: str
    key: str
    voice: str
    user: str
    properties: str
    tags: tuple[str, ...]
    feedback: str
    """`up`, `down`, or empty."""
    scores: str
    session: str
    session_name: str
    length: str
    turns: str
    wait: str
    wait_tone: str
    barge_ins: str
    tool_calls: str
    errors: str
    cost: str
    priced: bool


def read_filters(query: Mapping[str, str]) -> Filters:
    """Return the filters in a query string. What makes no sense is left out, not an error."""
    found = {field: query.get(name, "").strip()[:300] for name, field in _FIELDS.items()}
    if found["status"] not in STATUSES:
        found["status"] = ""
    if found["kind"] not in KINDS:
        found["kind"] = ""
    if found["attention"] not in (ANY, *REASON_OF):
        found["attention"] = ""
    if found["feedback"] not in FEEDBACK:
        found["feedback"] = ""
    try:
        read_score(found["score"])
    except BadCondition:
        found["score"] = ""
    if found["span"] not in ("", CUSTOM):
        # Without scripts a form sends its hidden fields too: what was chosen goes first.
        found["since"] = found["until"] = ""
    if found["span"] not in SPANS:
        found["span"] = ""
    for name in ("since", "until"):
        if _parse_time(found[name]) is None:
            found[name] = ""
    if "=" not in found["property"]:
        found["property"] = ""
    return Filters(**found)


def clean_query(query: str) -> str:
    """Return what a query string asks of the table: its filters, columns and order, as `address`
    writes them. Anything else in it is left out."""
    pairs = parse_qsl(query.lstrip("?")[:_MOST_CHARS])
    names = [value for name, value in pairs if name == "column"]
    order = heads.in_address(heads.read_sorting(dict(pairs)))
    return read_filters(dict(pairs)).address(column=columns.asked(names), **order)


_MOST_CHARS = 4000


def rows(calls: Sequence[CallRow], *, now_us: int) -> tuple[Row, ...]:
    """Return the table's rows. `now_us` is wall time: the age of live calls."""
    return tuple(_row(call, now_us) for call in calls)


def _row(call: CallRow, now_us: int) -> Row:
    age_us = max(0, now_us - call.opened_at_us)
    return Row(
        call_id=call.call_id,
        opened_at_iso=text.iso(call.opened_at_us),
        opened_at=text.when(call.opened_at_us),
        live=call.status == "live",
        status=text.status(call.status),
        status_tone=text.status_tone(call.status),
        end_reason=text.end_reason(call.end_reason).removeprefix(f"{text.status(call.status)} "),
        kind=", ".join(filter(None, (text.kind(call.kind), text.transport(call.transport)))),
        model=call.model_used or call.model_asked,
        provider=text.provider(call.provider),
        key=call.key_name,
        voice=call.voice,
        user=call.user_id,
        properties=_pairs(call.properties),
        tags=call.tags,
        feedback="" if call.feedback is None else "up" if call.feedback else "down",
        scores=_pairs({name: f"{number:g}" for name, number in call.scores.items()}),
        session=call.session_id,
        session_name=call.session_name or call.session_id,
        length=text.clock(age_us if call.duration_us is None else call.duration_us),
        turns=text.count(call.turns) if call.kind == "realtime" else text.UNKNOWN,
        wait=text.wait(call.wait_p50_us),
        wait_tone=text.wait_tone(call.wait_p50_us),
        barge_ins=text.count(call.barge_ins) if call.barge_ins else "",
        tool_calls=text.count(call.tool_calls) if call.tool_calls else "",
        errors=text.count(call.errors) if call.errors else "",
        cost=_cost(call),
        priced=not call.unpriced,
    )


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(values.items()))


def _cost(call: CallRow) -> str:
    if call.cost_usd is None and not call.unpriced:
        return text.UNKNOWN
    return text.money(call.cost_usd) + ("+" if call.unpriced and call.cost_usd is not None else "")


def _parse_time(value: str) -> int | None:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (at - _EPOCH) // timedelta(microseconds=1)


def _field_time(value: str) -> str:
    at_us = _parse_time(value)
    if at_us is None:
        return ""
    try:
        at = _EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        # The first or last hours of the calendar, in a zone that lies beyond them.
        return ""
    return at.replace(tzinfo=None).isoformat(
        timespec="milliseconds" if at.microsecond else "seconds" if at.second else "minutes"
    )
