"""Any metric over many calls: right numbers, its own organisation's, within limits."""

from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call, fresh_org, parts_of, whole

from trunkline.store.facts import measure as measuring
from trunkline.store.facts.amounts import Money, Tokens
from trunkline.store.facts.catalogue import METRIC_OF, METRICS
from trunkline.store.facts.conditions import (
    MAX_CONDITIONS,
    AllOf,
    AnyOf,
    BadCondition,
    Condition,
    Is,
    compile_condition,
)
from trunkline.store.facts.dimensions import DIMENSION_OF, DIMENSIONS
from trunkline.store.facts.in_calls import IN_CALLS
from trunkline.store.facts.measure import (
    MAX_SETS,
    NAMES,
    BadQuestion,
    Order,
    Question,
    Row,
    check,
    measure,
    one_statement,
    statements,
    together,
)
from trunkline.store.facts.medians import median
from trunkline.store.facts.queries_calls import CallFilters, calls_page
from trunkline.store.facts.queries_measure import Answer, measured
from trunkline.store.facts.rows import (
    CallRow,
    ErrorRow,
    Relayed,
    ResponseRow,
    ToolCallRow,
    TurnRow,
    UsageRow,
)
from trunkline.store.facts.store import FactsStore

DAY = CallFilters(from_us=NOON_US - 86_400 * SECOND_US, to_us=NOON_US + 86_400 * SECOND_US)


def batched(things: list[Any], size: int) -> list[tuple[Any, ...]]:
    return [tuple(things[at : at + size]) for at in range(0, len(things), size)]


def turns_of(call: CallRow, *waits_ms: int | None) -> list[TurnRow]:
    return [
        TurnRow(
            org_id=call.org_id,
            call_id=call.call_id,
            version=1,
            turn=number,
            kind="speech",
            status="completed",
            wait_us=None if wait is None else wait * 1000,
            barge_in=number % 2 == 0,
        )
        for number, wait in enumerate(waits_ms, 1)
    ]


async def ask(facts: FactsStore, org_id: str, *metrics: Any, **question: Any) -> Answer:
    measures = tuple(
        measure(one) if isinstance(one, str) else measure(one[0], *one[1:]) for one in metrics
    )
    question = {"filters": DAY, **question}
    return await measured(facts, org_id, Question(measures=measures, **question))


def by_group(answer: Answer, place: int = 0) -> dict[tuple[str, ...], dict[str, Any]]:
    return {row.group: dict(row.numbers[place]) for row in answer.rows}


@pytest.fixture
async def org(facts: FactsStore) -> str:
    """Ada waits longer than Bob, who has one call more; Eve is of another organisation."""
    org_id, other = fresh_org(), fresh_org()
    ada = a_call(org_id, user_id="ada", cost_usd=Decimal("0.10"), properties={"Tier": "gold"})
    bobs = [
        a_call(org_id, NOON_US + n, user_id="bob", cost_usd=Decimal("0.02"), properties={})
        for n in range(2)
    ]
    eve = a_call(other, user_id="eve")
    rows: list[Any] = [*turns_of(ada, 1000, 3000, None), *turns_of(bobs[0], 500)]
    await facts.insert(whole([*rows, *turns_of(eve, 9000), ada, *bobs, eve]))
    return org_id


@pytest.mark.parametrize("table", sorted({metric.table for metric in METRICS}))
async def test_every_metric_can_be_asked_by_all_that_fits_it(facts: FactsStore, table: str) -> None:
    org_id = fresh_org()
    call = a_call(org_id)
    await facts.insert(whole([*parts_of(call), call]))
    fitting = [at.id for at in DIMENSIONS if at.table in ("calls", table)]
    for metrics in batched([metric for metric in METRICS if metric.table == table], 15):
        everything = [(metric.id, *metric.aggregates) for metric in metrics]
        (all_of_them,) = (await ask(facts, org_id, *everything)).rows
        for number, (_, *aggregates) in enumerate(everything):
            assert all_of_them.numbers[number].keys() == {"n", *aggregates}
        for group_by in batched(fitting, 3):
            answer = await ask(facts, org_id, *everything, group_by=group_by, bucket="day")
            assert [row.numbers for row in answer.rows] == [all_of_them.numbers]


async def test_percentiles_are_of_the_rows_and_carry_their_number(
    facts: FactsStore, org: str
) -> None:
    answer = await ask(facts, org, ("turn.wait", "p50", "p95", "p99", "mean", "max"))
    assert answer.rows == [
        Row(
            group=(),
            numbers=({"n": 3, "p50": 1000, "p95": 3000, "p99": None, "mean": 1500, "max": 3000},),
        )
    ]


@pytest.mark.parametrize("waits_ms", [(), (5,), (9, 1), (9, 1, 4), (9, None, 1, 4, 7)])
async def test_a_calls_own_median_is_what_a_question_about_it_says(
    facts: FactsStore, waits_ms: tuple[int | None, ...]
) -> None:
    org_id = fresh_org()
    call = a_call(org_id)
    await facts.insert(whole([*turns_of(call, *waits_ms), call]))
    (row,) = (await ask(facts, org_id, "turn.wait")).rows
    assert row.numbers[0]["p50"] == median(waits_ms)


async def test_frames_of_many_calls_have_percentiles_of_their_own(facts: FactsStore) -> None:
    """Of 10,000 frames 150 took 8 ms, all of them in one of ten calls: the calls' own p99 are
    0.02 ms, but for one."""
    org_id = fresh_org()
    quick = Relayed(times_ns=(20_000,), frames=(1_000,))
    slow = Relayed(times_ns=(20_000, 8_000_000), frames=(850, 150))
    calls = [a_call(org_id, relayed=quick) for _ in range(9)]
    await facts.insert([*calls, a_call(org_id, relayed=slow), a_call(org_id)])
    wanted = measure("frame.relay", "p50", "p95", "p99", "mean", "min", "max")
    (row,) = (await measured(facts, org_id, Question(measures=(wanted,), filters=DAY))).rows
    mean = (9_850 * 0.02 + 150 * 8) / 10_000
    assert row.numbers[0] == {
        "n": 10_000, "p50": 0.02, "p95": 0.02, "p99": 8.0, "mean": pytest.approx(mean),
        "min": 0.02, "max": 8.0,
    }  # fmt: skip
    nobody = await measured(facts, fresh_org(), Question(measures=(wanted,), filters=DAY))
    assert nobody.rows[0].numbers[0]["p99"] is None
    by_model = await ask(facts, org_id, "frame.relay", group_by=("model",))
    assert [of.numbers[0]["n"] for of in by_model.rows] == [10_000]


async def test_the_slowest_of_a_hundred_are_shown_from_a_hundred_on(facts: FactsStore) -> None:
    for many, shown in ((99, None), (100, 100)):
        org_id = fresh_org()
        call = a_call(org_id)
        await facts.insert(whole([*turns_of(call, *range(1, many + 1)), call]))
        (row,) = (await ask(facts, org_id, ("turn.wait", "p99"))).rows
        assert row.numbers[0] == {"n": many, "p99": shown}


async def test_metrics_of_several_tables_meet_in_their_groups(facts: FactsStore, org: str) -> None:
    answer = await ask(facts, org, "calls", "turn.wait", "call.cost", group_by=("user",))
    assert [row.group for row in answer.rows] == [("bob",), ("ada",)]
    assert by_group(answer)[("bob",)] == {"n": 2, "sum": 2}
    assert by_group(answer, 1) == {("ada",): {"n": 2, "p50": 3000}, ("bob",): {"n": 1, "p50": 500}}
    assert by_group(answer, 2)[("bob",)]["sum"] == Decimal("0.04")


async def test_a_group_without_rows_of_a_metric_says_so(facts: FactsStore, org: str) -> None:
    answer = await ask(facts, org, "calls", "tools", "tool.latency", group_by=("user",))
    assert answer.rows[0].numbers[1:] == ({"n": 0, "sum": None}, {"n": 0, "p50": None})


async def test_arguments_are_counted_by_what_they_are(facts: FactsStore) -> None:
    """Of how many each number is: arguments that nobody judged, or held against a schema, are not
    among those that fit."""
    org = fresh_org()
    call = a_call(org)
    are = {
        "book": ("valid", "misfit", "misfit", "no_json", "json"),
        "look_up": ("misfit", "json"),
        "old": ("", ""),
    }
    wrong = {"misfit": '$: lacks "day"', "no_json": "not JSON", "json": "not checked: it is long"}
    asked = [
        ToolCallRow(
            org_id=org, call_id=call.call_id, version=1, tool_call_id=f"{name}_{n}", turn=1,
            name=name, called_us=n, arguments_are=one, arguments_error=wrong.get(one, ""),
        )
        for name, these in are.items()
        for n, one in enumerate(these)
    ]  # fmt: skip
    await facts.insert(whole([call, *asked]))
    metrics = ("tool.no_json", "tool.no_json_share", "tool.misfits", "tool.misfit_share")
    answer = await ask(facts, org, *metrics, group_by=("tool",))
    assert {
        row.group[0]: [(one["n"], *one.values())[1:] for one in row.numbers] for row in answer.rows
    } == {
        "book": [(5, 1), (5, 0.2), (3, 2), (3, pytest.approx(2 / 3))],
        "look_up": [(2, 0), (2, 0), (1, 1), (1, 1)],
        "old": [(0, None), (0, None), (0, None), (0, None)],
    }
    answer = await ask(facts, org, "tools", "tool.name", group_by=("argument_error",))
    found = {row.group[0]: (row.numbers[0]["sum"], row.numbers[1]["any"]) for row in answer.rows}
    assert found.pop("")[0] == 5
    assert found == {
        'book $: lacks "day"': (2, "book"),
        'look_up $: lacks "day"': (1, "look_up"),
        "book not JSON": (1, "book"),
    }


async def test_groups_are_sorted_and_go_on(facts: FactsStore, org: str) -> None:
    slowest = Order(0, "p50")
    first = await ask(facts, org, "turn.wait", "calls", group_by=("user",), order=slowest, limit=1)
    assert [row.group for row in first.rows] == [("ada",)]
    assert first.more
    rest = await ask(
        facts, org, "turn.wait", "calls", group_by=("user",), order=slowest, limit=1, offset=1
    )
    assert [row.group for row in rest.rows] == [("bob",)]
    assert not rest.more
    names = Order(by_name=True, descending=True)
    answer = await ask(facts, org, "calls", group_by=("user",), order=names)
    assert [row.group for row in answer.rows] == [("bob",), ("ada",)]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("by_name", [True, False])
async def test_percentiles_of_the_groups_that_are_shown_are_those_of_all(
    facts: FactsStore, descending: bool, by_name: bool
) -> None:
    """Of users there may be thousands: those that are shown are found first."""
    org, measures = fresh_org(), (measure("calls", "sum"), measure("turn.wait", "p50", "p95"))
    for number in range(7):
        calls = [a_call(org, user_id=f"user-{number}") for _ in range(1 + number % 4)]
        for place, call in enumerate(calls):
            await facts.insert(whole([*turns_of(call, 100 * number, 10 + place), call]))
    order = Order(by_name=by_name, descending=descending)
    question = Question(measures=measures, group_by=("user",), filters=DAY, order=order, limit=100)
    first, shown = (msgspec.structs.replace(question, limit=3, offset=at) for at in (0, 2))
    assert not one_statement(question)
    whole_answer = (await measured(facts, org, question)).rows
    assert len(whole_answer) == 7
    for part in (first, shown):
        answer = await measured(facts, org, part)
        assert answer.rows == whole_answer[part.offset : part.offset + 3]
        assert answer.more
    # Sorted by a percentile, they are all asked for at once.
    by_wait = msgspec.structs.replace(question, order=Order(measure=1))
    assert one_statement(by_wait)
    rows = (await measured(facts, org, by_wait)).rows
    assert sorted(rows, key=lambda row: row.group) == sorted(
        whole_answer, key=lambda row: row.group
    )


def test_names_that_are_always_together_have_one_that_stands_for_all() -> None:
    found = together([["a", "b", "c"], ["a", "b"], [], ["d", "e"]])
    assert found is not None
    stands = dict(zip(found.names, found.by, strict=True))
    assert stands == {"a": "a", "b": "a", "c": "c", "d": "d", "e": "d"}
    assert together([["a", "b"], ["a"]]) is None
    assert together([]) is None
    assert together([["a", "b"]] * (MAX_SETS + 1)) is None


@pytest.mark.parametrize("order", [Order(), Order(by_name=True), Order(1, "p50", descending=False)])
async def test_each_propertys_numbers_are_those_of_the_calls_that_have_it(
    facts: FactsStore, order: Order
) -> None:
    """Also of names that are always together, of which the engine is asked about one."""
    org = fresh_org()
    sets = (("Tier", "Où", "'"), ("Tier", "Où", "'", "Campaign"), ("Campaign",), (), ("\\", "?"))
    calls_with: dict[str, list[int]] = {}
    for number, names in enumerate(sets, 1):
        for wait_ms in (100 * number, 100 * number + 50):
            call = a_call(org, properties=dict.fromkeys(names, "x"))
            await facts.insert(whole([*turns_of(call, wait_ms), call]))
            for name in names:
                calls_with.setdefault(name, []).append(wait_ms)
    measures = (measure("calls", "sum"), measure("turn.wait", "p50"))
    question = Question(measures=measures, group_by=(NAMES,), filters=DAY, order=order)
    rows = (await measured(facts, org, question)).rows
    expected = [
        (name, len(waits), sorted(waits)[len(waits) // 2]) for name, waits in calls_with.items()
    ]
    expected.sort(key=lambda one: one[0].encode(), reverse=order.by_name)
    if not order.by_name:
        expected.sort(key=lambda one: one[2] if order.measure else -one[1])
    found = [(row.group[0], row.numbers[0]["sum"], row.numbers[1]["p50"]) for row in rows]
    assert found == expected
    behind = msgspec.structs.replace(question, limit=2, offset=1)
    answer = await measured(facts, org, behind)
    assert answer.rows == rows[1:3]
    assert answer.more


async def test_properties_are_dimensions(facts: FactsStore, org: str) -> None:
    answer = await ask(facts, org, "calls", group_by=("property:Tier",))
    assert by_group(answer) == {("",): {"n": 2, "sum": 2}, ("gold",): {"n": 1, "sum": 1}}
    named = await ask(facts, org, "calls", group_by=("property:Tier",), named=True)
    assert [row.group for row in named.rows] == [("gold",)]
    names = await ask(facts, org, "calls", group_by=("property_name",))
    assert by_group(names) == {("Tier",): {"n": 1, "sum": 1}}


async def test_a_bucket_begins_where_its_day_does(facts: FactsStore) -> None:
    org_id = fresh_org()
    midnight_us = NOON_US - 12 * 3600 * SECOND_US
    late = a_call(org_id, midnight_us - 1800 * SECOND_US)
    await facts.insert([late, a_call(org_id)])
    days = {}
    for zone in ("UTC", "Europe/Berlin"):
        filters = msgspec.structs.replace(DAY, zone=zone)
        answer = await ask(facts, org_id, "calls", bucket="day", filters=filters)
        days[zone] = [(row.at_us, row.numbers[0]["sum"]) for row in answer.rows]
    assert days == {
        "UTC": [(midnight_us - 86_400 * SECOND_US, 1), (midnight_us, 1)],
        "Europe/Berlin": [(midnight_us - 3600 * SECOND_US, 2)],
    }


async def test_only_the_groups_at_the_top_have_their_buckets(facts: FactsStore, org: str) -> None:
    answer = await ask(facts, org, "calls", "turn.wait", group_by=("user",), bucket="day", limit=1)
    assert [(row.group, row.numbers[0]["sum"]) for row in answer.rows] == [(("bob",), 2)]
    assert answer.more


async def test_shares_divide_sums(facts: FactsStore, org: str) -> None:
    answer = await ask(facts, org, "turn.barge_in_share", "call.cost_per_minute")
    shares, rates = answer.rows[0].numbers
    assert shares == {"n": 4, "ratio": 0.25}
    assert float(rates["ratio"]) == pytest.approx(0.14 / (3 * 61 / 60))


def parts_of_many(org_id: str) -> list[Any]:
    """Return thirty calls, of all kinds: some wait, some use tools, some have nothing."""
    random = Random(7)
    rows: list[Any] = []
    for number in range(30):
        call = a_call(
            org_id, NOON_US + number * SECOND_US, user_id=random.choice(("ada", "bob")),
            properties={"Tier": random.choice(("gold", "free")), "Campaign": "x"},
        )  # fmt: skip
        shared: dict[str, Any] = {"org_id": org_id, "call_id": call.call_id, "version": 1}
        for n in range(1, random.randrange(6)):
            wait_us, stop_us = random.choice((None, n * 1000, n * 7777)), random.choice((None, n))
            rows += [
                TurnRow(
                    **shared, turn=n, kind="speech", status="completed", wait_us=wait_us,
                    endpoint_us=n, stop_us=stop_us, barge_in=n % 2 == 0,
                ),
                ResponseRow(
                    **shared, response_id=f"r{n}", turn=n, status="completed", created_us=n,
                    first_audio_us=random.choice((None, 10 * n)),
                ),
                ToolCallRow(
                    **shared, tool_call_id=f"t{n}", turn=n, name="book", called_us=n,
                    latency_us=random.choice((None, n * 100)),
                ),
                UsageRow(
                    **shared, seq=n, at_us=n, at_day=f"2026-11-{18 + n % 2}", model=f"m{n % 3}",
                    kind=random.choice(("response", "transcription")), seconds_us=n * 1000,
                    tokens=Tokens(input_text=n, cached_audio=2 * n, output_audio=3),
                    cost_usd=random.choice((None, Decimal("0.01") * n)),
                    parts=Money(input_text=Decimal("0.007") * n, cached_audio=Decimal("0.001")),
                    again_tokens=random.choice((None, n, 0)),
                    again_usd=random.choice((None, Decimal("0.003") * n)),
                ),
            ]  # fmt: skip
        rows.append(call)
    return whole(rows)


GROUPS = ((), ("user",), ("property_name",), ("property:Tier", "model"))
BILLS = ((), ("billed_model",), ("billed_day", "user"), ("billed_kind", "property_name"))


@pytest.mark.parametrize("of", ["parts", "usage"])
async def test_what_calls_gather_is_what_their_parts_say(
    facts: FactsStore, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    """Asked of the calls alone and asked of the parts, joined: the same."""
    org_id = fresh_org()
    await facts.insert(parts_of_many(org_id))
    metrics = [METRIC_OF[name] for name in IN_CALLS]
    chosen = [metric for metric in metrics if (metric.table == "usage") is (of == "usage")]
    everything = [
        (metric.id, *(metric.aggregates if IN_CALLS[metric.id].each or metric.over else ("sum",)))
        for metric in chosen
    ]
    for group_by in BILLS if of == "usage" else GROUPS:
        for bucket in (None, "day"):
            asked = {"group_by": group_by, "bucket": bucket, "order": Order(by_name=True)}
            gathered = await ask(facts, org_id, *everything, **asked)
            with monkeypatch.context() as patch:
                patch.setattr(measuring, "IN_CALLS", {})
                joined = await ask(facts, org_id, *everything, **asked)
            assert gathered == joined
            assert gathered.rows


async def test_errors_that_differ_in_ids_and_numbers_are_one(facts: FactsStore) -> None:
    org_id = fresh_org()
    call = a_call(org_id)
    messages = (
        "Item 'item_1' of call_01ABC not found after 300 ms",
        "Item 'item_2' of call_01XYZ not found after 7 ms",
        "Something else",
    )
    rows = [
        ErrorRow(
            org_id=org_id,
            call_id=call.call_id,
            version=1,
            seq=seq,
            at_us=seq * SECOND_US,
            source="provider",
            code="item_missing",
            message=message,
        )
        for seq, message in enumerate(messages, 1)
    ]
    await facts.insert([*rows, call])
    answer = await ask(facts, org_id, "errors", ("error.at", "min", "max"), group_by=("error",))
    assert [row.numbers[0]["sum"] for row in answer.rows] == [2, 1]
    assert answer.rows[0].numbers[1]["max"] == NOON_US + 2 * SECOND_US


async def test_what_was_used_has_a_model_of_its_own(facts: FactsStore) -> None:
    org_id = fresh_org()
    call = a_call(org_id)
    shared: dict[str, Any] = {
        "org_id": org_id,
        "call_id": call.call_id,
        "version": 1,
        "at_us": 1,
        "at_day": "2026-11-18",
    }
    await facts.insert(
        whole(
            [
                UsageRow(**shared, seq=1, kind="response", model="a", cost_usd=Decimal("0.1")),
                UsageRow(**shared, seq=2, kind="response", model="a", cost_usd=Decimal("0.2")),
                UsageRow(**shared, seq=3, kind="transcription", model="b", cost_usd=None),
                call,
            ]
        )
    )
    answer = await ask(facts, org_id, "usage.cost", "usage.unpriced", group_by=("billed_model",))
    assert by_group(answer) == {
        ("a",): {"n": 2, "sum": Decimal("0.3")},
        ("b",): {"n": 0, "sum": None},
    }
    assert by_group(answer, 1)[("b",)] == {"n": 1, "sum": 1}


CONDITIONS: dict[str, tuple[Condition, set[str]]] = {
    "all of nothing": (AllOf(), {"ada", "bob"}),
    "one of nothing": (AnyOf(()), set()),
    "text is": (Is("user", "equals", "ada"), {"ada"}),
    "text is not": (Is("user", "not-equals", "ada"), {"bob"}),
    "text is like": (Is("user", "like", "a%"), {"ada"}),
    "case matters": (Is("user", "like", "A%"), set()),
    "case does not matter": (Is("user", "ilike", "A%"), {"ada"}),
    "text holds": (Is("user", "contains", "D"), {"ada"}),
    "text does not hold": (Is("user", "not-contains", "D"), {"bob"}),
    "text is one of": (Is("user", "in", ("ada", "eve")), {"ada"}),
    "number above": (Is("call.cost", "gt", 0.05), {"ada"}),
    "number up to": (Is("call.cost", "lte", 0.05), {"bob"}),
    "milliseconds": (Is("call.duration", "gte", 61_000), {"ada", "bob"}),
    "more milliseconds": (Is("call.duration", "gt", 61_000), set()),
    "time": (Is("opened_at", "lt", NOON_US + 1), {"ada", "bob"}),
    "truth": (Is("live", "equals", True), set()),
    "property": (Is("property:Tier", "equals", "gold"), {"ada"}),
    "a missing property": (Is("property:None", "equals", "gold"), set()),
    "both": (AllOf((Is("user", "equals", "ada"), Is("call.cost", "lt", 0.05))), set()),
    "either": (
        AnyOf((Is("user", "equals", "ada"), Is("call.cost", "lt", 0.05))),
        {"ada", "bob"},
    ),
}


@pytest.mark.parametrize("case", CONDITIONS)
async def test_a_condition_chooses_calls(facts: FactsStore, org: str, case: str) -> None:
    condition, users = CONDITIONS[case]
    page = await calls_page(facts, org, CallFilters(condition=condition))
    assert {call.user_id for call in page.calls} == users


WICKED = ("'", "\\", "\\'", "') OR 1=1 --", "{org_id:String}", "%", "\x00", "\n\t", "\ud800", "é😀")


@pytest.mark.parametrize("text", WICKED)
async def test_no_text_is_sql(facts: FactsStore, org: str, text: str) -> None:
    for operator in ("equals", "contains"):
        condition = AnyOf((Is("user", operator, text), Is(f"property:{text}", operator, text)))
        assert (await calls_page(facts, org, CallFilters(condition=condition))).calls == []
    answer = await ask(facts, org, "calls", "turns", group_by=(f"property:{text}",))
    assert by_group(answer) == {("",): {"n": 3, "sum": 3}}


async def test_a_group_of_any_name_is_found_again(facts: FactsStore) -> None:
    org_id = fresh_org()
    names = [text.encode("utf-8", "replace").decode() for text in WICKED]
    for name in names:
        call = a_call(org_id, user_id=name)
        await facts.insert(whole([*turns_of(call, 100), call]))
    answer = await ask(facts, org_id, "calls", "turn.wait", group_by=("user", "model"))
    assert {row.group[0] for row in answer.rows} == set(names)
    assert all(row.numbers[1] == {"n": 1, "p50": 100} for row in answer.rows)


BAD_CONDITIONS: dict[str, Condition] = {
    "no field": Is("colour", "equals", "blue"),
    "SQL for a field": Is("user_id) OR (1", "equals", "x"),
    "no operator": Is("user", "gt", "x"),
    "a number for text": Is("user", "equals", 1),
    "text for a number": Is("call.cost", "gt", "1"),
    "truth for a number": Is("call.cost", "gt", True),
    "no number": Is("call.cost", "gt", float("nan")),
    "infinity": Is("call.cost", "gt", float("inf")),
    "too large a number": Is("opened_at", "gt", 2**63),
    "half an escape": Is("user", "like", "a\\"),
    "one for a list": Is("user", "in", "ada"),
    "too many": AllOf((Is("user", "equals", "x"),) * (2 * MAX_CONDITIONS + 1)),
}


@pytest.mark.parametrize("case", BAD_CONDITIONS)
def test_a_condition_that_means_nothing_is_refused(case: str) -> None:
    with pytest.raises(BadCondition):
        compile_condition(BAD_CONDITIONS[case])


def test_a_condition_of_any_depth_is_answered() -> None:
    condition: Condition = Is("user", "equals", "x")
    for _ in range(200):
        condition = AllOf((condition,))
    with pytest.raises(BadCondition, match="deep"):
        compile_condition(condition)


def asked(**question: Any) -> Question:
    return Question(measures=(measure("calls"),), filters=DAY, **question)


BAD_QUESTIONS: dict[str, Any] = {
    "no metric": lambda: measure("happiness"),
    "no such aggregate": lambda: measure("turn.wait", "median"),
    "nothing to measure": lambda: check(Question(measures=())),
    "too much to measure": lambda: check(Question(measures=(measure("calls"),) * 21)),
    "no dimension": lambda: check(asked(group_by=("colour",))),
    "a property without a name": lambda: check(asked(group_by=("property:",))),
    "a dimension of another table": lambda: check(asked(group_by=("tool",))),
    "too many dimensions": lambda: check(asked(group_by=("user", "model", "key", "vad"))),
    "too many buckets": lambda: check(asked(group_by=("user",), bucket="minute")),
    "buckets without end": lambda: check(
        Question(measures=(measure("calls"),), bucket="day", filters=CallFilters())
    ),
    "an order by nothing": lambda: check(asked(order=Order(3))),
    "an order by what is not asked": lambda: statements(
        asked(group_by=("user",), order=Order(0, "p50"))
    ),
}


@pytest.mark.parametrize("case", BAD_QUESTIONS)
def test_a_question_that_cannot_be_asked_is_refused(case: str) -> None:
    with pytest.raises(BadQuestion):
        BAD_QUESTIONS[case]()


def test_dimensions_have_a_name_each() -> None:
    assert len(DIMENSION_OF) == len(DIMENSIONS)
    assert len({metric.id for metric in METRICS}) == len(METRICS)
