"""Pure. A question about many calls as SQL: any metrics, by any dimension, over time.

All rows of an answer are about the calls that a filter leaves, whichever table a metric is
of: what belongs to a call is joined with it, so that a turn's wait can be had by the call's
user. A bucket of time holds the calls that were opened in it, and what belongs to them.

Percentiles are of the rows themselves. Every metric comes with `n`, the number of rows that
have it; `p99` is missing where there are fewer than a hundred, since it would be the slowest
one and nothing more.
"""

# ruff: noqa: S608 (what is put into SQL here are constants of this package)

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from trunkline.errors import TrunklineError
from trunkline.store.facts.catalogue import METRIC_OF, PROPERTY
from trunkline.store.facts.conditions import whole
from trunkline.store.facts.dimensions import DIMENSION_OF, Dimension
from trunkline.store.facts.in_calls import BILLED, IN_CALLS, ROWS_OF, InCalls
from trunkline.store.facts.metric import PERCENTILES, Metric
from trunkline.store.facts.queries_calls import CallFilters, hours, where

Bucket = Literal["minute", "hour", "day", "week", "month"]

MAX_MEASURES: Final = 20
MAX_GROUPS: Final = 3
MAX_LIMIT: Final = 1000
MAX_ROWS: Final = 10_000
"""Of an answer, buckets of time included."""
MAX_SECONDS: Final = 10
MAX_MEMORY_BYTES: Final = 1 << 30
FEW: Final = 100
"""With fewer rows than this there is no p99."""

BUCKET_SECONDS: Final[dict[Bucket, int]] = {
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 28 * 86_400,
}
"""At least so long is each of them."""

_LIMITS: Final = (
    f" SETTINGS max_execution_time = {MAX_SECONDS}, max_memory_usage = {MAX_MEMORY_BYTES}"
)
_STARTS: Final = {
    "minute": "toStartOfMinute",
    "hour": "toStartOfHour",
    "day": "toStartOfDay",
    "week": "toMonday",
    "month": "toStartOfMonth",
}


class BadQuestion(TrunklineError):
    """A question that cannot be asked. The message says what can."""


class Measure(msgspec.Struct, frozen=True):
    """One metric, and what to make of its rows."""

    metric: Metric
    aggregates: tuple[str, ...]


class Order(msgspec.Struct, frozen=True):
    """By what groups are sorted: a number of a measure, or their names."""

    measure: int = 0
    aggregate: str = ""
    """Empty: the measure's first."""
    descending: bool = True
    by_name: bool = False


class Together(msgspec.Struct, frozen=True):
    """Names of properties that are always of the same calls, so that one stands for all."""

    names: tuple[str, ...]
    by: tuple[str, ...]
    """Which of them stands for each."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    measures: tuple[Measure, ...]
    group_by: tuple[str, ...] = ()
    """Ids of dimensions, or `property:<name>`."""
    bucket: Bucket | None = None
    filters: CallFilters = CallFilters()
    order: Order = Order()
    limit: int = 100
    """Of groups; each has all its buckets."""
    offset: int = 0
    named: bool = False
    """Leave out the group whose first dimension is empty."""
    totals: bool = False
    """All buckets together too, in the same pass over the rows: a row without a time."""
    together: Together | None = None
    """Of what is grouped by `NAMES`, if it is known: see `names_statement`."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A group, in one bucket of time if there are such."""

    group: tuple[str, ...]
    at_us: int | None = None
    """Beginning of the bucket, wall time."""
    numbers: tuple[Mapping[str, Any], ...]
    """For each measure `n`, and each aggregate by its name; None where nothing has it."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """SQL for the measures of one table."""

    sql: str
    parameters: dict[str, Any]
    measures: tuple[int, ...]
    """Which of the question's."""


def measure(metric: str, *aggregates: str) -> Measure:
    """Return a measure by the metric's id.

    Raises:
        BadQuestion: there is no such metric, or it has no such aggregate.
    """
    found = METRIC_OF.get(metric)
    if found is None:
        raise BadQuestion(f"{metric[:100]!r} is no metric; GET /v1/metrics has them all")
    for aggregate in aggregates:
        if aggregate not in found.aggregates:
            raise BadQuestion(f"{metric}: use one of {', '.join(found.aggregates)}")
    return Measure(found, aggregates or found.aggregates[:1])


def check(question: Question) -> None:
    """Raise `BadQuestion` for what cannot be answered, or not within limits."""
    if not 1 <= len(question.measures) <= MAX_MEASURES:
        raise BadQuestion(f"ask for 1 to {MAX_MEASURES} metrics")
    if len(question.group_by) > MAX_GROUPS:
        raise BadQuestion(f"group by {MAX_GROUPS} dimensions at most")
    if not 0 <= question.order.measure < len(question.measures):
        raise BadQuestion("sort by one of the metrics that are asked for")
    for name in question.group_by:
        table = _dimension(name).table
        if table != "calls":
            _check_same_table(question, name, table)
    if question.bucket:
        _check_buckets(question, question.bucket)
    if question.totals and (question.group_by or not question.bucket):
        raise BadQuestion("totals are of buckets of time, without groups")


def _check_same_table(question: Question, name: str, table: str) -> None:
    for asked in question.measures:
        if asked.metric.table != table:
            raise BadQuestion(f"{asked.metric.id} cannot be grouped by {name}")


def _check_buckets(question: Question, bucket: Bucket) -> None:
    filters = question.filters
    if filters.from_us is None or filters.to_us is None:
        raise BadQuestion("buckets of time need a beginning and an end, `from` and `to`")
    seconds = max(0, filters.to_us - filters.from_us) // 1_000_000
    groups = question.limit if question.group_by else 1
    if (seconds // BUCKET_SECONDS[bucket] + 2) * groups > MAX_ROWS:
        raise BadQuestion(
            f"that would be more than {MAX_ROWS:,} rows: take longer buckets, a shorter time,"
            " or a smaller limit"
        )


def groups_statement(question: Question) -> Statement:
    """Return the statement that finds the groups: the ordering measure alone, without time."""
    order = question.order
    only = msgspec.structs.replace(
        question,
        measures=(question.measures[order.measure],),
        order=msgspec.structs.replace(order, measure=0),
        bucket=None,
    )
    (statement,) = statements(only)
    return statement


def statements(question: Question, groups: Sequence[tuple[str, ...]] = ()) -> list[Statement]:
    """Return a statement for each table that is read for one of the measures.

    With `groups` only they are asked about; without, the first ones of the order.
    """
    which = _by_home(question).items()
    return [_statement(question, table, numbers, groups) for table, numbers in which]


def samples(question: Question, most: int) -> list[Statement]:
    """Return statements for the rows themselves, without groups or time: one row of arrays, in
    the units of the table. What a row has not is null.

    `all_of_call` says whose each row is; `all_v<number>` and `all_o<number>` are a measure's.
    Where calls have what is asked of their parts, there is one row for each call: its values are
    an array, `all_e<number>`, of the first `kept_<table>` calls. A ratio has sums.

    Where there are more than `most`, they are those of calls drawn by a hash of their ids: the
    same ones each time.
    """
    found: list[Statement] = []
    for table, which in _by_home(question).items():
        predicates, parameters = where(question.filters)
        asked = {number: question.measures[number] for number in which}
        columns = [column for number in which for column in _columns(number, asked[number], table)]
        parts = sorted({one.metric.table for one in asked.values()} - {table})
        columns += [f"{_whole_bills(ROWS_OF[part])} AS s_{part}" for part in parts]
        source = _source(table, columns, [(_CALL, "calls")], predicates, question)
        names = [column.rpartition(" AS ")[2] for column in columns]
        order = "of_call" if table == "calls" else ", ".join(("of_call", *names))
        rows = f"SELECT * FROM ({source}) ORDER BY {order} LIMIT {most:d}"
        sql = f"SELECT {_arrays(asked, table, parts, most)} FROM ({_running(rows, parts)})"
        found.append(Statement(sql=sql + _LIMITS, parameters=parameters, measures=tuple(which)))
    return found


def _running(rows: str, parts: list[str]) -> str:
    """Return `rows` with how many rows of each table of parts the calls before have."""
    before = "OVER (ORDER BY of_call ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    sums = "".join(f", sum(s_{part}) {before} AS before_{part}" for part in parts)
    return f"SELECT *{sums} FROM ({rows})" if sums else rows


def _arrays(asked: Mapping[int, Measure], table: str, parts: list[str], most: int) -> str:
    columns = ["groupArray(of_call) AS all_of_call"]
    columns += [f"countIf(before_{part} < {most:d}) AS kept_{part}" for part in parts]
    for number, one in asked.items():
        if _in_calls(one, table) and not one.metric.over:
            kept = f"if(before_{one.metric.table} < {most:d}, e{number}, [])"
            columns.append(f"groupArray(arrayMap(one -> toFloat64(one), {kept})) AS all_e{number}")
            continue
        # An array leaves out what is NULL, so that it becomes "not a number".
        names = [f"v{number}", *([f"o{number}"] if one.metric.over else [])]
        columns += [f"groupArray(ifNull(toFloat64({name}), nan)) AS all_{name}" for name in names]
    return ", ".join(columns)


def _by_home(question: Question) -> dict[str, list[int]]:
    """Return the numbers of the question's measures, by the tables that are read for them."""
    tables: dict[str, list[int]] = {}
    for number, asked in enumerate(question.measures):
        tables.setdefault(_home(question, asked), []).append(number)
    return tables


def _home(question: Question, asked: Measure) -> str:
    """Return the table that is read for a measure: `calls` where its rows have what is asked of
    the parts, and nothing else is asked of them."""
    table, gathered = asked.metric.table, IN_CALLS.get(asked.metric.id)
    if gathered is None or not (gathered.each or set(asked.aggregates) <= {"sum", "ratio"}):
        return table
    of_parts = {name for name in question.group_by if _dimension(name).table != "calls"}
    return table if of_parts - BILLED.keys() else "calls"


def _in_calls(asked: Measure, table: str) -> InCalls | None:
    """Return how a measure of parts is had of rows of calls, if `table` is what is read."""
    return IN_CALLS[asked.metric.id] if asked.metric.table != table == "calls" else None


def one_statement(question: Question) -> bool:
    """Return whether it is answered at once, or its groups are to be found first."""
    return len(_by_home(question)) == 1 and not question.bucket and not _many_to_leave(question)


def names_statement(question: Question) -> Statement:
    """Return the statement that finds which names of properties calls have: a row for each set."""
    predicates, parameters = where(question.filters)
    sql = (
        f"SELECT properties.keys AS names FROM calls FINAL WHERE {predicates}"
        f" GROUP BY names LIMIT {MAX_SETS + 1:d}"
    )
    return Statement(sql=sql + _LIMITS, parameters=parameters, measures=())


def together(sets: Sequence[Sequence[str]]) -> Together | None:
    """Return which names are always together in `sets`; None: none are, or there are too many."""
    places: dict[str, list[int]] = {}
    for place, names in enumerate(sets):
        for name in names:
            places.setdefault(name, []).append(place)
    stand: dict[tuple[int, ...], str] = {}
    by = tuple(stand.setdefault(tuple(found), name) for name, found in places.items())
    if len(sets) > MAX_SETS or len(stand) == len(places):
        return None
    return Together(tuple(places), by)


NAMES: Final = "property_name"
MAX_SETS: Final = 1000
_MANY: Final = frozenset(("user", "session"))
"""Dimensions by which there may be thousands of groups."""


def _many_to_leave(question: Question) -> bool:
    """Return whether it is cheaper to find the groups first: percentiles, which are most of the
    work, are then made of those that are shown, and not of thousands that are not."""
    order = question.order
    ordering = order.aggregate or question.measures[order.measure].aggregates[0]
    cheap = order.by_name or ordering not in PERCENTILES
    dear = any(PERCENTILES.keys() & asked.aggregates for asked in question.measures)
    return cheap and dear and not _MANY.isdisjoint(question.group_by)


def _statement(
    question: Question, table: str, which: list[int], groups: Sequence[tuple[str, ...]]
) -> Statement:
    predicates, parameters = where(question.filters)
    dimensions = [_dimension(name) for name in question.group_by]
    values = [
        column for number in which for column in _columns(number, question.measures[number], table)
    ]
    names = [f"g{place}" for place in range(len(dimensions))]
    if question.together:
        parameters |= {"names": list(question.together.names), "by": list(question.together.by)}
        dimensions = [msgspec.structs.replace(dimensions[0], value=_STANDING)]
    picked = [
        (f"toString({_sql(at, place, parameters, table)}) AS g{place}", at.table)
        for place, at in enumerate(dimensions)
    ]
    if question.bucket:
        picked.append((f"{_start(question.bucket)} AS at", "calls"))
    if any("{zone:" in sql for sql, _ in picked):
        parameters["zone"] = question.filters.zone
    source = _source(table, values, picked, predicates, question)
    having: list[str] = []
    if groups:
        parameters["groups"] = ["\x1f".join(group) for group in groups]
        having.append(f"{_joined(names)} IN {{groups:Array(String)}}")
    elif question.named and names:
        having.append("g0 != ''")
    numbers = [
        f"{_answers(number, question.measures[number], table)} AS m{number}" for number in which
    ]
    keys = [*names, *(["at"] if question.bucket else [])]
    sql = f"SELECT {', '.join([*keys, *numbers])} FROM ({source})"
    sql += f" WHERE {having[0]}" if having else ""
    sql += f" GROUP BY {', '.join(keys)}{' WITH ROLLUP' if question.totals else ''}" if keys else ""
    if question.together:
        sql = _each_name(sql, which)
    sql += _order(question, names, limited=not groups)
    return Statement(sql=sql + _LIMITS, parameters=parameters, measures=tuple(which))


_STANDING: Final = "arrayJoin(arrayFilter(name -> has({by:Array(String)}, name), properties.keys))"


def _each_name(sql: str, which: list[int]) -> str:
    """Return SQL that gives each row of `sql` to all the names that it stands for."""
    numbers = ", ".join(f"m{number}" for number in which)
    return (
        f"SELECT name AS g0, {numbers} FROM (SELECT g0 AS one, {numbers} FROM ({sql})) ARRAY JOIN"
        " arrayFilter((name, by) -> by = one, {names:Array(String)}, {by:Array(String)}) AS name"
    )


_CALL: Final = "cityHash64(call_id) AS of_call"
"""By what parts are joined with calls: a number costs a third less than the text it is of.
Two of a million calls share one once in thirty million times."""


def _source(
    table: str,
    values: list[str],
    picked: list[tuple[str, str]],
    predicates: str,
    question: Question,
) -> str:
    of_call = [sql for sql, home in picked if home == "calls"]
    of_part = [sql for sql, home in picked if home != "calls"]
    if table == "calls":
        calls = f"FROM calls FINAL WHERE {predicates}"
        if of_part:
            return _each_bill([*values, *of_part], of_call, calls)
        return f"SELECT {_whole_bills(', '.join([*values, *of_call]))} {calls}"
    parts = (
        f"SELECT {_CALL}, {', '.join([*values, *of_part])} FROM {table} FINAL"
        f" WHERE org_id = {{org_id:String}} AND {hours(question.filters)}"
    )
    made = ", ".join([_CALL, "opened_at_us AS opened", *(sql for sql in of_call if sql != _CALL)])
    return (
        f"SELECT * FROM ({parts}) AS parts INNER JOIN"
        f" (SELECT {made} FROM calls FINAL WHERE {predicates}) AS made USING (of_call)"
    )


_BILL: Final = re.compile(r"\bbill\.([a-z_]+(?:\.[a-z_]+)?)")


def _whole_bills(sql: str) -> str:
    """Return SQL over a call's bills, as sums of all of them."""
    return _BILL.sub(r"arraySum(gathered.bills.\1)", sql)


def _each_bill(of_bill: list[str], of_call: list[str], calls: str) -> str:
    """Return SQL with a row for each bill of each call."""
    fields = sorted({field for sql in of_bill for field in _BILL.findall(sql)})
    arrays = {field: "bill_" + field.replace(".", "_") for field in fields}
    inner = [*of_call, *(f"gathered.bills.{field} AS {name}" for field, name in arrays.items())]
    outer = [_BILL.sub(lambda found: arrays[found[1]], sql) for sql in of_bill]
    outer += [sql.rpartition(" AS ")[2] for sql in of_call]
    return (
        f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} {calls})"
        f" ARRAY JOIN {', '.join(arrays.values())}"
    )


def _columns(number: int, asked: Measure, table: str) -> list[str]:
    """Return the columns that a measure needs of each row of `table`."""
    metric, gathered = asked.metric, _in_calls(asked, table)
    if gathered is not None:
        columns = {"n": gathered.count, "v": gathered.total, "e": gathered.each, "o": gathered.over}
        return [f"({sql}) AS {name}{number}" for name, sql in columns.items() if sql]
    value = metric.value
    if metric.weights:
        return [f"{value} AS v{number}", f"{metric.weights} AS w{number}"]
    if metric.unit in ("count", "share") and not metric.distinct:
        value = f"toInt64({value})"
    over = [f"({metric.over}) AS o{number}"] if metric.over else []
    return [f"({value}) AS v{number}", *over]


def _answers(number: int, asked: Measure, table: str) -> str:
    """Return what is made of a metric's rows, as one tuple: `n`, then the aggregates."""
    metric, column, each = asked.metric, f"v{number}", ""
    if metric.unit == "at" and metric.table != "calls":
        column = f"(opened + {column})"
    n = f"count({column})"
    if gathered := _in_calls(asked, table):
        n = f"sum(n{number})"
        if gathered.each:
            column, each = f"e{number}", "Array"
        elif not metric.over:
            return f"tuple({n}, if({n} = 0, NULL, sum({column})))"
    parts = [n]
    if metric.weights:
        return _of_histograms(number, asked)
    if metric.over:
        above = f"toFloat64(sumOrNull({column}))" + (f" * {metric.per}" if metric.per > 1 else "")
        parts.append(f"{above} / nullIf(toFloat64(sum(o{number})), 0)")
        return f"tuple({', '.join(parts)})"
    plain = [name for name in asked.aggregates if name not in PERCENTILES]
    parts += [f"{_PLAIN[name]}{each}({column})" for name in plain]
    levels = [name for name in asked.aggregates if name in PERCENTILES]
    if levels:
        wanted = ", ".join(str(PERCENTILES[name]) for name in levels)
        parts.append(f"quantilesExact{each}({wanted})({column})")
    return f"tuple({', '.join(parts)})"


def _of_histograms(number: int, asked: Measure) -> str:
    """Return what is made of a metric whose rows have histograms: `n`, then the aggregates."""
    values, weights = f"v{number}", f"w{number}"
    n = f"sum(arraySum({weights}))"
    total = f"sum(arraySum((value, times) -> value * times, {values}, {weights}))"
    made = {
        "mean": f"{total} / nullIf({n}, 0)",
        "min": f"minOrNullArray({values})",
        "max": f"maxOrNullArray({values})",
    }
    parts = [n, *(made[name] for name in asked.aggregates if name in made)]
    if levels := [name for name in asked.aggregates if name in PERCENTILES]:
        wanted = ", ".join(str(PERCENTILES[name]) for name in levels)
        counts = f"CAST({weights}, 'Array(UInt64)')"
        parts.append(f"quantilesExactWeightedArray({wanted})({values}, {counts})")
    return f"tuple({', '.join(parts)})"


_PLAIN: Final = {
    "sum": "sumOrNull",
    "mean": "avgOrNull",
    "min": "minOrNull",
    "max": "maxOrNull",
    # Always the same one, whichever thread of the engine is done first.
    "any": "minOrNull",
    "distinct": "uniqExact",
}


def _order(question: Question, names: list[str], *, limited: bool) -> str:
    if question.bucket or not names:
        return f" ORDER BY {', '.join(['at', *names])}" if question.bucket else ""
    if not limited:
        return ""
    order = question.order
    way = "DESC" if order.descending else "ASC"
    keys = [f"{name} {way if order.by_name else 'ASC'}" for name in names]
    if not order.by_name:
        keys.insert(0, f"{_ordering(question)} {way} NULLS LAST")
    # One more than is shown says whether there is more.
    return f" ORDER BY {', '.join(keys)} LIMIT {question.limit + 1:d} OFFSET {question.offset:d}"


def _ordering(question: Question) -> str:
    order = question.order
    asked = question.measures[order.measure]
    name = order.aggregate or asked.aggregates[0]
    if name == "n":
        return f"m{order.measure}.1"
    if name not in asked.aggregates:
        raise BadQuestion(f"sort {asked.metric.id} by one of n, {', '.join(asked.aggregates)}")
    plain = [one for one in asked.aggregates if one not in PERCENTILES]
    if name in plain:
        return f"m{order.measure}.{plain.index(name) + 2}"
    levels = [one for one in asked.aggregates if one in PERCENTILES]
    sorts = f"m{order.measure}.{len(plain) + 2}[{levels.index(name) + 1}]"
    return f"if(m{order.measure}.1 = 0, NULL, {sorts})"


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"arrayStringConcat([{', '.join(names)}], char(31))"


def _dimension(name: str) -> Dimension:
    if name.startswith(PROPERTY) and len(name) > len(PROPERTY):
        return Dimension(name, "calls", "", "A property.")
    if name not in DIMENSION_OF:
        raise BadQuestion(
            f"{name[:100]!r} is nothing to group by; GET /v1/metrics has them all,"
            f" and {PROPERTY}<name> groups by a property"
        )
    return DIMENSION_OF[name]


def _sql(dimension: Dimension, place: int, parameters: dict[str, Any], table: str) -> str:
    if table == "calls" and dimension.id in BILLED:
        return BILLED[dimension.id]
    if dimension.value:
        return dimension.value
    parameters[f"dimension_{place}"] = whole(dimension.id.removeprefix(PROPERTY))
    return f"properties[{{dimension_{place}:String}}]"


def _start(bucket: Bucket) -> str:
    moment = "toDateTime(intDiv(opened_at_us, 1000000), {zone:String})"
    return f"toUnixTimestamp(toDateTime({_STARTS[bucket]}({moment}), {{zone:String}}))"


def read_row(
    question: Question, statement: Statement, answer: Mapping[str, Any]
) -> tuple[tuple[str, ...], int | None, dict[int, dict[str, Any]]]:
    """Return group, bucket and numbers of one row of an answer to `statement`."""
    group = tuple(str(answer[f"g{place}"]) for place in range(len(question.group_by)))
    numbers = {
        number: _numbers(question.measures[number], answer[f"m{number}"])
        for number in statement.measures
    }
    # The engine's row of totals begins at zero.
    return group, answer.get("at", 0) * 1_000_000 or None, numbers


def nothing(asked: Measure) -> dict[str, Any]:
    """Return the numbers of a measure of which there are no rows."""
    return {"n": 0, **dict.fromkeys(asked.aggregates)}


def _numbers(asked: Measure, answer: Any) -> dict[str, Any]:
    # The engine writes a tuple without names as an array, or as an object of places.
    parts = list(answer.values()) if isinstance(answer, dict) else list(answer)
    n = int(parts[0])
    if asked.metric.over:
        return {"n": n, "ratio": _unit(asked.metric, parts[1])}
    plain = [name for name in asked.aggregates if name not in PERCENTILES]
    found = dict(zip(plain, parts[1:], strict=False))
    levels = [name for name in asked.aggregates if name in PERCENTILES]
    if levels:
        values = parts[-1] if n else [None] * len(levels)
        found |= dict(zip(levels, values, strict=True))
    if n < FEW and "p99" in found:
        found["p99"] = None
    return {"n": n, **{name: _unit(asked.metric, found[name]) for name in asked.aggregates}}


def _unit(metric: Metric, value: Any) -> Any:
    if value is None or metric.unit in ("text", "at"):
        return value
    if metric.unit == "ms":
        return float(value) / 1000
    return Decimal(str(value)).quantize(_NANO) if metric.unit == "usd" else value


_NANO: Final = Decimal("0.000000001")
