"""I/O. Questions about all sessions at once: their names, and how their sizes are distributed."""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

from trunkline.store.facts.conditions import AllOf, Condition, compile_condition
from trunkline.store.facts.queries_calls import CALL_ENDS
from trunkline.store.facts.query import Query
from trunkline.store.facts.store import FactsStore

MAX_NAMES: Final = 200
BARS: Final = 10

Level: TypeAlias = Literal["p50", "p75", "p95", "p99", "p99.9"]
_LEVELS: Final[dict[Level, str]] = {
    "p50": "0.5",
    "p75": "0.75",
    "p95": "0.95",
    "p99": "0.99",
    "p99.9": "0.999",
}


class NamedSessions(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of one name: the latest that any of their calls gave."""

    name: str
    """Empty: they have none."""
    first_at_us: int
    last_at_us: int
    """The latest opening of a call."""
    sessions: int
    wait_us: int | None
    """Mean over their calls of the median wait."""


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """One number of each session: its mean, and a histogram with bars of different width."""

    mean: float | None
    """None: there are no sessions."""
    starts: list[float]
    ends: list[float]
    heights: list[float]


class Distributions(msgspec.Struct, frozen=True, kw_only=True):
    """How large sessions are."""

    calls: Distribution
    seconds: Distribution
    """First opening to last end of a call."""
    usd: Distribution
    """Of what is priced."""


class CallsOf(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls are looked at, and of which sessions."""

    from_us: int | None = None
    """Opened at this wall time or later, µs since 1970 UTC."""
    to_us: int | None = None
    name_contains: str = ""
    """Part of the session's name, upper and lower case alike."""
    condition: Condition = AllOf()


_EVER: Final = 2**62
_SESSIONS: Final = (
    "(SELECT session_id, argMaxIf(session_name, opened_at_us, session_name != '') AS name,"
    " min(opened_at_us) AS first_at_us, max(opened_at_us) AS latest_at_us,"
    f" max({CALL_ENDS}) - first_at_us AS length_us, count() AS calls,"
    " toFloat64(sum(ifNull(cost_usd, 0))) AS usd,"
    " sum(ifNull(wait_p50_us, 0)) AS waits_us, count(wait_p50_us) AS waited"
    " FROM calls FINAL WHERE org_id = {org_id:String} AND session_id != ''"
    " AND opened_at_us >= {from_us:Int64} AND opened_at_us < {to_us:Int64} AND "
)
_NAMED: Final = (
    " GROUP BY session_id) WHERE {part:String} = ''"
    " OR positionCaseInsensitiveUTF8(name, {part:String}) > 0"
)


async def session_names(facts: FactsStore, org_id: str, asked: CallsOf) -> list[NamedSessions]:
    """Return the names of sessions, the latest first, `MAX_NAMES` at most."""
    predicate, parameters = _of(asked)
    query = Query(
        "SELECT name, min(first_at_us) AS first_at_us, max(latest_at_us) AS last_at_us,"
        " count() AS sessions,"
        " toInt64(round(sum(waits_us) / nullIf(sum(waited), 0))) AS wait_us"
        f" FROM {_SESSIONS}{predicate}{_NAMED}"
        f" GROUP BY name ORDER BY last_at_us DESC, name LIMIT {MAX_NAMES}",
        NamedSessions,
    )
    return await facts.ask(query, org_id, **parameters)


async def session_sizes(
    facts: FactsStore, org_id: str, asked: CallsOf, level: Level, *, both_ends: bool
) -> Distributions:
    """Return how many calls, seconds and dollars sessions have.

    Histograms leave out what is above the percentile `level`, and with `both_ends` as large a
    part of the smallest; means leave out nothing.
    """
    predicate, parameters = _of(asked)
    inner = ", ".join(_numbers(name, sql, level, both_ends) for name, sql in _VALUES.items())
    outer = ", ".join(_distribution(name) for name in _VALUES)
    query = Query(
        f"SELECT {outer} FROM (SELECT {inner} FROM {_SESSIONS}{predicate}{_NAMED})", Distributions
    )
    return (await facts.ask(query, org_id, **parameters))[0]


_VALUES: Final = {"calls": "calls", "seconds": "length_us / 1000000", "usd": "usd"}


def _numbers(name: str, value: str, level: Level, both_ends: bool) -> str:
    high = _LEVELS[level]
    lowest = f"quantileExactInclusive(1 - {high})({value})" if both_ends else f"min({value})"
    return (
        f"groupArray(toFloat64({value})) AS all_{name}, {lowest} AS low_{name},"
        f" quantileExactInclusive({high})({value}) AS high_{name},"
        f" avgOrNull(toFloat64({value})) AS mean_{name}"
    )


def _distribution(name: str) -> str:
    kept = f"arrayFilter(one -> one >= low_{name} AND one <= high_{name}, all_{name})"
    bars = f"arrayReduce('histogram({BARS})', {kept})"
    parts = ", ".join(
        (f"mean_{name}", *(f"arrayMap(bar -> bar.{place}, {bars})" for place in (1, 2, 3)))
    )
    return f"CAST(({parts}), '{_DISTRIBUTION}') AS {name}"


_DISTRIBUTION: Final = (
    "Tuple(mean Nullable(Float64), starts Array(Float64), ends Array(Float64),"
    " heights Array(Float64))"
)


def _of(asked: CallsOf) -> tuple[str, dict[str, Any]]:
    predicate, parameters = compile_condition(asked.condition)
    parameters |= {
        "from_us": -_EVER if asked.from_us is None else asked.from_us,
        "to_us": _EVER if asked.to_us is None else asked.to_us,
        "part": asked.name_contains,
    }
    return predicate, parameters
