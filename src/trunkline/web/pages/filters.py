"""Pure. What a page of calls is narrowed by: filters out of the address, and back into it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode

from trunkline.store.facts.attention import ANY, REASON_OF
from trunkline.store.facts.catalogue import PROPERTY
from trunkline.store.facts.conditions import BadCondition
from trunkline.store.facts.queries_calls import Feedback
from trunkline.store.facts.sorting import LATEST_FIRST
from trunkline.web.narrowing import BOUNDED, CHOICES, EXACT, NONE, OWN, read_bounds, read_zone
from trunkline.web.pages import columns, heads, text
from trunkline.web.scores import read_score

STATUSES = ("live", "completed", "failed", "refused", "recovered")
FEEDBACK: Final[dict[str, Feedback]] = {"up": "up", "down": "down", "none": "none"}
CUSTOM = "custom"
"""In the form's place of a span: the time has ends of its own, `from` and `to`."""
ANY_TIME = "any"
USUAL_SPAN = "7d"
"""What pages of numbers are about, where no time is asked for."""
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
class Wrong:
    """A filter that means nothing, and so is left out."""

    name: str
    """In the address."""
    value: str
    problem: str
    """What would mean something."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for. Empty: any."""

    status: str = ""
    kind: str = ""
    """One of `KINDS`."""
    model: str = ""
    user: str = ""
    session: str = ""
    session_path: str = ""
    """There, or below it."""
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
    end_reason: str = ""
    duration_s: str = ""
    """`>60 <300`, as `read_bounds` takes it, and so the next three."""
    wait_max_s: str = ""
    cost_usd: str = ""
    unheard_usd: str = ""
    language: str = ""
    """What a translation translates into."""
    has_audio: str = ""
    """`true` or `false`."""
    hour: str = ""
    """`00` to `23`, by the clocks of `zone`."""
    weekday: str = ""
    """`1` is Monday."""
    zone: str = ""
    """Where hours and days begin; empty: UTC."""
    model_is: str = ""
    """What reports count as the model: the one used, or else the one asked for."""
    voice: str = ""
    prompt: str = ""
    """Hash of the instructions."""
    spoken: str = ""
    """A language of the caller."""
    gateway: str = ""
    spoken_by: str = ""
    transport: str = ""
    trace_id: str = ""
    """Of the caller's own trace."""
    workflow: str = ""
    trace_group: str = ""
    dialect: str = ""
    user_agent: str = ""
    vad: str = ""
    key_name: str = ""
    session_name: str = ""
    property_name: str = ""
    turn_kind: str = ""
    turn_status: str = ""
    speech_end_by: str = ""
    barge_in_kind: str = ""
    response_status: str = ""
    after_tool: str = ""
    tool_arguments: str = ""
    argument_error: str = ""
    error_source: str = ""
    error_type: str = ""
    error_code: str = ""
    error_phase: str = ""
    error_close_code: str = ""
    billed_model: str = ""
    billed_kind: str = ""
    billed_day: str = ""
    span: str = ""
    """One of `SPANS`; empty when `since` or `until` is given, or for any time."""
    since: str = ""
    """ISO 8601, as in the address."""
    until: str = ""
    wrong: tuple[Wrong, ...] = ()
    """What the address asks for beside these."""

    def narrow(self) -> bool:
        """Return whether anything is left out of the table."""
        return bool(self.address())

    def pairs(self) -> dict[str, str]:
        """Return the filters by their names in an address, without empty ones."""
        pairs = {name: getattr(self, field) for name, field in _FIELDS.items()}
        if not self.hour and not self.weekday:
            # It would leave nothing out.
            del pairs["zone"]
        return {name: value for name, value in pairs.items() if value}

    def address(self, **more: str | Sequence[str]) -> str:
        """Return these filters as a query string, with `more` in it. Empty ones are left out."""
        wanted = {name: value for name, value in more.items() if value}
        return urlencode(self.pairs() | wanted, doseq=True)

    def without(self, name: str) -> Filters:
        """Return these filters without the one that an address calls `name`."""
        return replace(self, **{_FIELDS[name]: ""})

    def wrong_of(self, name: str) -> Wrong | None:
        """Return what is wrong with the one that an address calls `name`."""
        return next((one for one in self.wrong if one.name == name), None)

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

    def of_group(self, by: str, group: str, zone: str = "UTC") -> Filters | None:
        """Return the filters of the calls of one group by a dimension, or by `property:<name>`;
        `zone` is that of hours and days. None: there are none such."""
        name, value = _GROUPED_AS.get(by, by), group or NONE
        if by.startswith(PROPERTY):
            name, value = "property", f"{by.removeprefix(PROPERTY)}={group}"
        if name not in _FIELDS or (not group and name not in _MAY_BE_NONE):
            return None
        if getattr(self, name) not in ("", value):
            # Of several of one kind, an address has one.
            return None
        clock = {"zone": "" if zone == "UTC" else zone} if by in ("hour", "weekday") else {}
        return replace(self, **{name: value}, **clock)

    def between(self, from_us: int, to_us: int) -> Filters:
        """Return these filters, about the time between."""
        return replace(self, span="", since=text.iso(from_us), until=text.iso(to_us))

    def summarised(self) -> Filters:
        """Return the filters of the numbers above the table.

        They are these; but without any, the numbers of years would say little about now.
        """
        return self if self.narrow() else Filters(span=USUAL_SPAN)


_GROUPED_AS: Final = {"model": "model_is"}
"""Dimensions whose name is, in an address, a filter that finds more than the group."""
_FIELDS = {
    {"since": "from", "until": "to"}.get(field.name, field.name): field.name
    for field in fields(Filters)
    if field.name != "wrong"
}
"""Names in the address, which are the API's, and the fields that hold them."""


def read_filters(query: Mapping[str, str]) -> Filters:
    """Return the filters in a query string. What makes no sense is left out, and told as wrong."""
    found = {field: query.get(name, "").strip()[:300] for name, field in _FIELDS.items()}
    if found["span"] not in ("", CUSTOM):
        # Without scripts a form sends its hidden fields too: what was chosen goes first.
        found["since"] = found["until"] = ""
    if found["span"] not in SPANS:
        found["span"] = ""
    wrong = tuple(
        Wrong(name, found[field], problem)
        for name, field in _FIELDS.items()
        if (problem := _problem(field, found[field]))
    )
    for one in wrong:
        found[_FIELDS[one.name]] = ""
    return Filters(**found, wrong=wrong)


_MAY_BE_NONE: Final = frozenset({*EXACT, *OWN, "property"})
_CHOICES: Final[dict[str, Collection[str]]] = {
    **CHOICES,
    "status": STATUSES,
    "kind": KINDS,
    "attention": (ANY, *REASON_OF),
    "feedback": FEEDBACK,
    "end_reason": text.END_REASONS,
    "has_audio": ("true", "false"),
}


def _problem(field: str, value: str) -> str:
    """Return what is wrong with the value of a filter; empty: nothing."""
    if not value:
        return ""
    if field in _CHOICES:
        return "" if value in _CHOICES[field] else f"choose one of {', '.join(_CHOICES[field])}"
    if field in ("since", "until"):
        return "" if _parse_time(value) is not None else "write a time, like 2026-11-22T14:00"
    if field == "property":
        name, sign, _ = value.partition("=")
        return "" if sign and name.strip() else "write name=value"
    try:
        if field == "score":
            read_score(value)
        elif field in BOUNDED:
            read_bounds(field, value)
        elif field == "zone":
            read_zone(value)
    except BadCondition as exc:
        return str(exc).partition(": ")[2]
    return ""


def clean_query(query: str) -> str:
    """Return what a query string asks of the table: its filters, columns and order, as `address`
    writes them. Anything else in it is left out."""
    pairs = parse_qsl(query.lstrip("?")[:_MOST_CHARS])
    names = [value for name, value in pairs if name == "column"]
    order = heads.in_address(heads.read_sorting(dict(pairs), LATEST_FIRST))
    return read_filters(dict(pairs)).address(column=columns.asked(names), **order)


_MOST_CHARS = 4000


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
