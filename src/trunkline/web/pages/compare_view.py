"""Pure. What the Compare page asks, and how it shows what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Final

from trunkline.store.facts.catalogue import PROPERTY
from trunkline.web.comparing import Compared, Difference, Number, Side
from trunkline.web.pages import text
from trunkline.web.pages.filters import USUAL_SPAN, Filters, read_filters
from trunkline.web.statistics import MIN_CALLS, Histogram

SIDES: Final = ("a", "b")
_DIMENSIONS: Final = {
    "model": "Model",
    "provider": "Provider",
    "voice": "Voice",
    "prompt": "Prompt",
    "vad": "Turn detection",
    "key_name": "Key",
    "session_name": "Session name",
    "language": "Language",
}
_SIDE_FIELDS: Final = ("from", "to", "model", "status", "user", "property", "tag", "said")
"""Filters that one cohort may have for itself on the page; the API takes all."""
_LABELS: Final = {"from": "From (UTC)", "to": "Until (UTC)"}
_PLACEHOLDERS: Final = {"property": "name=value", "status": "completed"}
_TITLES: Final = {
    "turn.wait": "Wait",
    "turn.endpoint": "Endpointing",
    "response.first_audio": "Model to first audio",
    "turn.barge_in_share": "Turns that interrupt",
    "turn.stop": "Barge-in to silence",
    "audio.unheard_share": "Generated, unheard",
    "tool.latency": "Tool latency",
    "call.duration": "Length of a call",
    "call.turns": "Turns of a call",
    "call.cost": "Cost of a call",
    "call.cost_per_minute": "Cost of a minute",
    "calls.failed_share": "Calls that failed",
    "talk.ratio": "Assistant’s share of talk",
    "talk.longest_silence": "Longest silence",
}
WIDTH: Final = 480
HEIGHT: Final = 120


@dataclass(frozen=True, slots=True)
class Asked:
    """Two cohorts, as the address has them."""

    both: Filters
    by: str
    """A dimension, or nothing: then the sides' filters tell the cohorts apart."""
    values: dict[str, str]
    """Of the dimension, by side."""
    own: dict[str, dict[str, str]]
    """Each side's own filters, as in the address."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin, as SVG and as a row of a table."""

    x: float
    width: float
    a: float
    b: float
    """Heights."""
    span: str
    a_share: str
    b_share: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cohort's numbers of a metric."""

    n: str
    middle: str
    """Median, or ratio."""
    p95: str


@dataclass(frozen=True, slots=True)
class Line:
    """One metric."""

    metric: str
    title: str
    means: str
    a: Cell
    b: Cell
    difference: str
    interval: str
    says: str
    tone: str
    p95: str
    """The same of p95, where there is something to say."""
    superiority: str
    bars: tuple[Bar, ...]
    summary: str
    drawn: str
    """Of how many rows the picture is; empty: of all."""


@dataclass(frozen=True, slots=True)
class Told:
    """What differs."""

    names: dict[str, str]
    lines: tuple[Line, ...]
    missing: str
    """Metrics that no call of either has."""
    few: str
    """Why nothing is said of most; empty: something is."""
    shared: str
    """That both have calls in common; empty: they have none."""


def read(query: Mapping[str, str]) -> Asked:
    """Return what the address asks; by itself, the two models with most calls."""
    own = {
        side: {
            name: value
            for name in _SIDE_FIELDS
            if (value := query.get(f"{side}.{name}", "").strip()[:300])
        }
        for side in SIDES
    }
    by = query.get("by", "" if any(own.values()) else "model").strip()[:300]
    if by not in _DIMENSIONS and not (by.startswith(PROPERTY) and by != PROPERTY):
        by = ""
    values = {side: query.get(side, "").strip()[:300] if by else "" for side in SIDES}
    return Asked(read_filters(query), by, values, own)


def completed(asked: Asked, suggested: Sequence[str]) -> Asked:
    """Return `asked` with values in the place of missing ones: those with most calls."""
    left = [value for value in suggested if value not in asked.values.values()]
    values = dict(asked.values)
    for side in SIDES:
        if not values[side] and left:
            values[side] = left.pop(0)
    return replace(asked, values=values)


def is_whole(asked: Asked) -> bool:
    """Return whether there are two cohorts."""
    return all(asked.values.values()) if asked.by else any(asked.own.values())


def narrowed(asked: Asked, side: str) -> Filters:
    """Return the filters of one side: what it says itself goes before what both say."""
    own = read_filters(asked.own[side])
    said = {field.name: value for field in fields(own) if (value := getattr(own, field.name))}
    if own.custom():
        said |= {"span": "", "since": own.since, "until": own.until}
    return replace(asked.both, **said)


def calls_of(asked: Asked, side: str) -> str:
    """Return where the calls of one side are; empty: an address cannot say them."""
    of_side = narrowed(asked, side).timed(USUAL_SPAN)
    found = of_side.of_group(asked.by, asked.values[side], of_side.zone) if asked.by else of_side
    return f"/calls?{found.address()}" if found else ""


def kept(asked: Asked, **values: str) -> dict[str, str]:
    """Return what else the address says beside the filters of both."""
    pairs = {"by": asked.by, **asked.values, **values}
    pairs |= {f"{side}.{name}": value for side in SIDES for name, value in asked.own[side].items()}
    return {name: value for name, value in pairs.items() if value}


def suggestions(asked: Asked, values: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return other values to compare with the first: name and address."""
    others = [value for value in values if value not in asked.values.values()]
    return tuple((value, asked.both.address(**kept(asked, b=value))) for value in others)


def dimensions(properties: Iterable[str], by: str) -> dict[str, str]:
    """Return what cohorts may be told apart by, with words for it."""
    found = {"": "two sets of filters", **_DIMENSIONS}
    found |= {f"{PROPERTY}{name}": f"Property {name}" for name in properties}
    return found | ({} if by in found else {by: by.removeprefix(PROPERTY)})


def side_fields(asked: Asked) -> dict[str, tuple[tuple[str, str, str, str, str], ...]]:
    """Return the fields of each side's own filters: name, label, value, hint, list."""
    lists = {"model": "models", "user": "users", "property": "properties", "tag": "tags"}
    return {
        side: tuple(
            (
                f"{side}.{name}",
                _LABELS.get(name, name.capitalize()),
                asked.own[side].get(name, ""),
                _PLACEHOLDERS.get(name, "2026-11-01T00:00" if name in _LABELS else "any"),
                lists.get(name, ""),
            )
            for name in _SIDE_FIELDS
        )
        for side in SIDES
    }


# --- what differs


def told(found: Sequence[Compared], asked: Asked) -> Told:
    """Return two cohorts for reading."""
    having = [one for one in found if one.a.n or one.b.n]
    missing = [_TITLES.get(one.metric.id, one.metric.id) for one in found if one not in having]
    calls = [max((getattr(one, side).calls for one in having), default=0) for side in SIDES]
    few = ""
    if min(calls) < MIN_CALLS:
        few = (
            f"There are {calls[0]} calls of A and {calls[1]} of B. Whether they differ can be told"
            f" from {MIN_CALLS} of each on."
        )
    both = max((one.shared_calls for one in having), default=0)
    shared = ""
    if both:
        shared = (
            f"A and B have {text.plural(both, 'call')} in common. The intervals take them for two"
            " groups of their own, so do not rely on them here."
        )
    names = {side: asked.values[side] or _words(asked.own[side]) for side in SIDES}
    return Told(names, tuple(map(_line, having)), ", ".join(missing), few, shared)


def _words(own: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in own.items()) or "all that fit"


def _line(one: Compared) -> Line:
    unit = one.metric.unit
    first, *more = one.differences
    title = _TITLES.get(one.metric.id, one.metric.id)
    return Line(
        metric=one.metric.id,
        title=title,
        means=one.metric.means,
        a=_cell(unit, one.a),
        b=_cell(unit, one.b),
        difference=signed(unit, first.value),
        interval=_interval(unit, first),
        says=_SAYS[first.says],
        tone="apart" if first.says in ("higher", "lower") else "faint",
        p95="".join(_of_p95(unit, other) for other in more),
        superiority="" if one.superiority is None else f"{100 * one.superiority:.0f}%",
        bars=_bars(unit, one.distribution),
        summary=_summary(title, unit, one),
        drawn=_drawn(one),
    )


_SAYS: Final = {
    "higher": "B is higher",
    "lower": "B is lower",
    "not_shown": "no difference shown",
    "too_few": "too few to say",
}


def _cell(unit: str, side: Side) -> Cell:
    numbers = side.numbers
    return Cell(
        n=text.count(side.n),
        middle=amount(unit, numbers.get("p50", numbers.get("ratio"))),
        p95=amount(unit, numbers["p95"]) if "p95" in numbers else "",
    )


def _interval(unit: str, found: Difference) -> str:
    if found.low is None or found.high is None:
        return ""
    return f"{signed(unit, found.low)} to {signed(unit, found.high)}"


def _of_p95(unit: str, found: Difference) -> str:
    interval = _interval(unit, found)
    return f"p95 {signed(unit, found.value)} ({interval}): {_SAYS[found.says]}" if interval else ""


def _summary(title: str, unit: str, one: Compared) -> str:
    a, b = (amount(unit, side.numbers.get("p50")) for side in (one.a, one.b))
    return f"{title}: the median of A is {a}, of B {b}. The table has the shares."


def _drawn(one: Compared) -> str:
    if one.a.whole and one.b.whole:
        return ""
    return f"Drawn from {one.a.rows:,} and {one.b.rows:,} rows."


def _bars(unit: str, spread: Histogram | None) -> tuple[Bar, ...]:
    if spread is None:
        return ()
    most = max(*spread.a, *spread.b, 1e-9)
    width = WIDTH / len(spread.edges)
    ends = [*spread.edges[1:], None]
    return tuple(
        Bar(
            x=round(place * width, 2),
            width=round(width, 2),
            a=round(a / most * HEIGHT, 2),
            b=round(b / most * HEIGHT, 2),
            span=_span(unit, begin, end),
            a_share=f"{100 * a:.1f}%",
            b_share=f"{100 * b:.1f}%",
        )
        for place, (begin, end, a, b) in enumerate(
            zip(spread.edges, ends, spread.a, spread.b, strict=True)
        )
    )


def _span(unit: str, begin: float, end: float | None) -> str:
    if end is None:
        return f"{amount(unit, begin)} and more"
    return f"{amount(unit, begin)} to {amount(unit, end)}"


def amount(unit: str, value: Number) -> str:
    """Return a number with its unit, as short as it can be told from others."""
    if value is None:
        return text.UNKNOWN
    if unit == "usd":
        sign, usd = ("−" if value < 0 else ""), abs(Decimal(str(value)))
        return sign + text.money(usd.quantize(Decimal("0.000001")))
    number = float(value)
    if unit == "share":
        return f"{100 * number:.1f}%"
    if unit == "ms":
        return _time(number)
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def _time(ms: float) -> str:
    if abs(ms) < 1000:
        # What the gateway takes is a fraction of a millisecond.
        return f"{ms:.2f} ms" if 0.005 <= abs(ms) < 1 else f"{ms:.0f} ms"
    if abs(ms) < 60_000:
        return f"{ms / 1000:.2f} s"
    return text.clock(int(ms * 1000)) if ms > 0 else f"-{text.clock(int(-ms * 1000))}"


def signed(unit: str, value: Number) -> str:
    """Return a difference, with its sign."""
    if value is None:
        return text.UNKNOWN
    words = amount(unit, value).replace("-", "−")
    if not any(digit in words for digit in "123456789"):
        return words.removeprefix("−")
    return f"+{words}" if value > 0 else words
