"""The facts store keeps rows, and answers questions about one organisation at a time."""

import asyncio
from decimal import Decimal

import msgspec
import pytest
from tests.support.facts import (
    NOON_US,
    SECOND_US,
    a_call,
    fresh_call,
    fresh_org,
    parts_of,
    whole,
)

from trunkline.store.facts import queries_call as one
from trunkline.store.facts import queries_calls as many
from trunkline.store.facts import queries_sessions as sessions
from trunkline.store.facts.engine import THREADS
from trunkline.store.facts.queries_overview import overview
from trunkline.store.facts.query import Query
from trunkline.store.facts.rows import CallRow, Gathered, ItemRow, Relayed, TurnRow
from trunkline.store.facts.store import FactsStore

NASTY = [
    "' OR 1=1 --",
    "\\",
    "\\'",
    "a\tb\nc\rd\0e",
    "{org_id:String}",
    "%s $1 ? ; DROP TABLE calls",
    "naïve — 日本語 🎧",
    "`\"'",
]


async def test_a_call_comes_back_as_it_went_in(facts: FactsStore) -> None:
    call = a_call(fresh_org(), unpriced=("m-1", "m-2"), expires_at_us=0, has_audio=True)
    await facts.insert([call])
    assert await one.call_by_id(facts, call.org_id, call.call_id) == call


async def test_a_list_shows_a_call_as_it_went_in(facts: FactsStore) -> None:
    """All but what is there for sums; of two rows the later, and nothing of what is deleted."""
    org = fresh_org()
    first, other = a_call(org, unpriced=("m-1", "m-2"), has_audio=True), a_call(org)
    times = Relayed(times_ns=(70_000,), frames=(40,))
    await facts.insert(whole([*parts_of(first), first, other]))
    later = msgspec.structs.replace(first, version=50, end_reason=NASTY[3], user_id=NASTY[6])
    await facts.insert(whole([*parts_of(first), msgspec.structs.replace(later, relayed=times)]))
    page = await many.calls_page(facts, org, many.CallFilters())
    assert page.calls == sorted([later, other], key=lambda call: call.call_id, reverse=True)
    await facts.delete_call(org, other.call_id)
    assert (await many.calls_page(facts, org, many.CallFilters())).calls == [later]


async def test_each_part_of_a_call_comes_back_as_it_went_in(facts: FactsStore) -> None:
    call = a_call(fresh_org())
    parts = parts_of(call)
    await facts.insert([*parts, call])
    found = [
        row
        for question in (
            one.turns_of_call,
            one.responses_of_call,
            one.items_of_call,
            one.tool_calls_of_call,
            one.errors_of_call,
            one.usage_of_call,
            one.findings_of_call,
            one.marks_of_call,
            one.events_of_call,
        )
        for row in await question(facts, call.org_id, call.call_id)
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, parts))


async def test_the_transcript_is_in_the_order_of_the_conversation(facts: FactsStore) -> None:
    call = a_call(fresh_org())
    await facts.insert(parts_of(call))
    items = await one.items_of_call(facts, call.org_id, call.call_id)
    assert [item.text for item in items] == ["Hello?", "Hi."]


async def test_rows_delivered_again_are_there_once(facts: FactsStore) -> None:
    call = a_call(fresh_org())
    rows = [*parts_of(call), call]
    for _ in range(3):
        await facts.insert(rows)
    assert len((await many.calls_page(facts, call.org_id, many.CallFilters())).calls) == 1
    assert len(await one.items_of_call(facts, call.org_id, call.call_id)) == 2
    assert len(await one.events_of_call(facts, call.org_id, call.call_id)) == 5
    assert (await overview(facts, call.org_id, many.CallFilters())).cost_usd == call.cost_usd


@pytest.mark.parametrize("order", [(1, 2), (2, 1)], ids=["in order", "late"])
async def test_of_two_versions_the_later_is_the_truth(
    facts: FactsStore, order: tuple[int, int]
) -> None:
    live = a_call(fresh_org(), version=1, status="live", ended_at_us=None, duration_us=None)
    by_version = {1: live, 2: msgspec.structs.replace(live, version=2, status="completed")}
    for version in order:
        await facts.insert([by_version[version]])
    assert await one.call_by_id(facts, live.org_id, live.call_id) == by_version[2]
    finished = many.CallFilters(status=("live",))
    assert not (await many.calls_page(facts, live.org_id, finished)).calls


async def test_another_organisation_sees_nothing(facts: FactsStore) -> None:
    call, stranger = a_call(fresh_org()), fresh_org()
    await facts.insert([*parts_of(call), call])
    assert await one.call_by_id(facts, stranger, call.call_id) is None
    assert await one.items_of_call(facts, stranger, call.call_id) == []
    assert await one.events_of_call(facts, stranger, call.call_id) == []
    assert (await many.calls_page(facts, stranger, many.CallFilters())).calls == []
    assert await sessions.session_by_id(facts, stranger, call.session_id) is None
    assert await sessions.calls_of_session(facts, stranger, call.session_id) == []
    assert (await overview(facts, stranger, many.CallFilters())).calls == 0


async def test_pages_follow_each_other_without_gap_or_overlap(facts: FactsStore) -> None:
    org = fresh_org()
    # Three calls per moment: the id decides between them.
    calls = [a_call(org, NOON_US + n // 3 * SECOND_US) for n in range(10)]
    await facts.insert(calls)
    seen: list[str] = []
    cursor = None
    while True:
        page = await many.calls_page(facts, org, many.CallFilters(), limit=4, before=cursor)
        seen += [call.call_id for call in page.calls]
        cursor = page.next_cursor
        if cursor is None:
            break
    latest_first = sorted(calls, key=lambda call: (call.opened_at_us, call.call_id), reverse=True)
    assert seen == [call.call_id for call in latest_first]


FILTERS = {
    "status": many.CallFilters(status=("failed",)),
    "kind": many.CallFilters(kind=("translation",)),
    "way of its sound": many.CallFilters(kind=("sip",)),
    "one of two kinds": many.CallFilters(kind=("live", "sip")),
    "one of two statuses": many.CallFilters(status=("failed", "live")),
    "model asked": many.CallFilters(model="gpt-old"),
    "model used": many.CallFilters(model="gpt-new"),
    "user": many.CallFilters(user_id="ada"),
    "session": many.CallFilters(session_id="s-9"),
    "key": many.CallFilters(key_id="key_9"),
    "provider": many.CallFilters(provider="azure"),
    "property": many.CallFilters(properties={"Tier": "gold", "Region": "eu"}),
    "from": many.CallFilters(from_us=NOON_US),
    "to": many.CallFilters(from_us=NOON_US, to_us=NOON_US + 1),
}


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
async def test_filters_find_what_they_name(facts: FactsStore, filters: many.CallFilters) -> None:
    org = fresh_org()
    wanted = a_call(
        org,
        NOON_US,
        status="failed",
        model_asked="gpt-old",
        model_used="gpt-new",
        user_id="ada",
        session_id="s-9",
        key_id="key_9",
        provider="azure",
        kind="translation",
        transport="sip",
        properties={"Tier": "gold", "Region": "eu"},
    )
    other = a_call(org, NOON_US - SECOND_US, properties={"Tier": "gold"})
    await facts.insert([wanted, other])
    page = await many.calls_page(facts, org, filters)
    assert [call.call_id for call in page.calls] == [wanted.call_id]


@pytest.mark.parametrize("text", NASTY)
async def test_any_text_is_a_value_and_never_sql(facts: FactsStore, text: str) -> None:
    org = fresh_org()
    call = a_call(org, user_id=text, session_id=text, session_name=text, properties={text: text})
    await facts.insert([call, a_call(org), a_call(fresh_org())])
    for filters in (
        many.CallFilters(user_id=text),
        many.CallFilters(session_id=text),
        many.CallFilters(properties={text: text}),
    ):
        assert (await many.calls_page(facts, org, filters)).calls == [call]
    assert [row.call_id for row in await sessions.calls_of_session(facts, org, text)] == [
        call.call_id
    ]
    found = await sessions.sessions_page(facts, org, sessions.SessionFilters(name=text))
    assert [session.session_id for session in found.sessions] == [text]
    nothing = many.CallFilters(status=(text,), model=text)
    assert (await many.calls_page(facts, org, nothing)).calls == []


@pytest.mark.parametrize("amount", ["1E-9", "0.000000001", "999999999.999999999", "-1.5", "0"])
async def test_money_is_kept_to_the_last_digit(facts: FactsStore, amount: str) -> None:
    call = a_call(fresh_org(), cost_usd=Decimal(amount))
    await facts.insert([call])
    kept = await one.call_by_id(facts, call.org_id, call.call_id)
    assert kept is not None
    assert kept.cost_usd == Decimal(amount)


async def test_half_a_surrogate_pair_does_not_stop_the_rows_behind_it(facts: FactsStore) -> None:
    call = a_call(fresh_org())
    item = ItemRow(
        org_id=call.org_id,
        call_id=call.call_id,
        version=1,
        item_id="i",
        position=0,
        kind="message",
        text="a\ud800b",
    )
    await facts.insert([item, msgspec.structs.replace(call, properties={"k\udfff": "v"})])
    assert (await one.items_of_call(facts, call.org_id, call.call_id))[0].text == "a?b"
    assert await one.call_by_id(facts, call.org_id, call.call_id) is not None


async def test_events_are_paged_and_filtered(facts: FactsStore) -> None:
    call = a_call(fresh_org())
    await facts.insert(parts_of(call))

    async def seqs(**how: object) -> list[int]:
        events = await one.events_of_call(facts, call.org_id, call.call_id, **how)  # pyright: ignore[reportArgumentType]
        return [event.seq for event in events]

    assert await seqs(limit=2) == [1, 2]
    assert await seqs(after=2, limit=2) == [3, 4]
    assert await seqs(leg="provider") == [2, 4]
    assert await seqs(types=["input_audio_buffer.append"]) == [1, 3, 5]
    assert await seqs(types=["no.such.type"]) == []
    # Number n is at millisecond n.
    assert await seqs(from_us=3_000) == [3, 4, 5]
    assert await seqs(from_us=2_001, after=3) == [4, 5]
    assert await seqs(from_us=5_001) == []


async def test_a_session_is_the_sum_of_its_calls(facts: FactsStore) -> None:
    org = fresh_org()
    waits = Gathered(waits_us=(640_000, 900_000, 700_000))
    first = a_call(org, NOON_US, cost_usd=Decimal("0.1"), user_id="ada", gathered=waits)
    second = a_call(
        org,
        NOON_US + 600 * SECOND_US,
        status="failed",
        cost_usd=None,
        unpriced=("m",),
        user_id="bob",
        session_name="Renamed",
        ended_at_us=NOON_US + 610 * SECOND_US,
        duration_us=10 * SECOND_US,
        wait_p50_us=None,
    )
    await facts.insert([first, second, a_call(org, session_id="")])
    session = await sessions.session_by_id(facts, org, "session-1")
    assert session == sessions.SessionRow(
        session_id="session-1",
        name="Renamed",
        first_at_us=NOON_US,
        last_at_us=NOON_US + 610 * SECOND_US,
        duration_us=610 * SECOND_US,
        talk_us=71 * SECOND_US,
        calls=2,
        live=0,
        failed=1,
        turns=2,
        cost_usd=Decimal("0.1"),
        unpriced=["m"],
        input_tokens=300,
        output_tokens=80,
        users=["ada", "bob"],
        models=["gpt-realtime-2.1"],
        waits=3,
        wait_p50_us=700_000,
        latency_us=640_000,
    )
    page = await sessions.sessions_page(facts, org, sessions.SessionFilters())
    assert page.sessions == [session]
    assert page.next_cursor is None


async def test_sessions_are_paged_and_searched(facts: FactsStore) -> None:
    org = fresh_org()
    await facts.insert(
        a_call(org, NOON_US + n * SECOND_US, session_id=f"s-{n}", session_name=f"Name {n}")
        for n in range(5)
    )
    first = await sessions.sessions_page(facts, org, sessions.SessionFilters(), limit=3)
    rest = await sessions.sessions_page(
        facts, org, sessions.SessionFilters(), limit=3, before=first.next_cursor
    )
    ids = [session.session_id for session in (*first.sessions, *rest.sessions)]
    assert ids == ["s-4", "s-3", "s-2", "s-1", "s-0"]
    for filters in (
        sessions.SessionFilters(search="NAME 3"),
        sessions.SessionFilters(search="s-3"),
        sessions.SessionFilters(name="Name 3"),
        sessions.SessionFilters(
            calls=many.CallFilters(from_us=NOON_US + 3 * SECOND_US, to_us=NOON_US + 4 * SECOND_US)
        ),
    ):
        found = await sessions.sessions_page(facts, org, filters)
        assert [session.session_id for session in found.sessions] == ["s-3"]


async def test_sessions_whose_calls_lie_far_apart_have_their_place(facts: FactsStore) -> None:
    """The latest days are looked at first, and say nothing about what ended before them."""
    org, day_us = fresh_org(), 86_400 * SECOND_US
    ages = {"a": (0, 200), "b": (1, 1.5), "c": (3.9,), "d": (4.1, 30), "e": (15,), "f": (70, 71)}
    calls = [
        a_call(org, NOON_US - int(days * day_us), session_id=name)
        for name, all_days in ages.items()
        for days in all_days
    ]
    # Opened before all of them but "f", it ended after "b" did.
    calls.append(
        a_call(org, NOON_US - 3 * day_us, session_id="long", ended_at_us=NOON_US - day_us // 2)
    )
    await facts.insert(calls)
    wanted = ["a", "long", "b", "c", "d", "e", "f"]
    for limit in (1, 2, 6, 50):
        found: list[sessions.SessionRow] = []
        before = None
        while True:
            page = await sessions.sessions_page(
                facts, org, sessions.SessionFilters(), limit=limit, before=before
            )
            found += page.sessions
            before = page.next_cursor
            if before is None:
                break
        assert [session.session_id for session in found] == wanted, limit
        assert [session.calls for session in found] == [2, 1, 2, 1, 2, 1, 2]
    for filters, names in (
        (
            sessions.SessionFilters(calls=many.CallFilters(to_us=NOON_US - 20 * day_us)),
            ["a", "d", "f"],
        ),
        (
            sessions.SessionFilters(calls=many.CallFilters(from_us=NOON_US - 10 * day_us)),
            ["a", "long", "b", "c", "d"],
        ),
    ):
        page = await sessions.sessions_page(facts, org, filters, limit=5)
        assert [session.session_id for session in page.sessions] == names


async def test_the_overview_is_about_the_calls_that_fit(facts: FactsStore) -> None:
    org = fresh_org()
    old = a_call(org, NOON_US - 3600 * SECOND_US, status="live", ended_at_us=None, duration_us=None)
    priced = a_call(org, NOON_US)
    unpriced = a_call(org, NOON_US, status="refused", cost_usd=None, unpriced=("m",))
    turns = [
        TurnRow(
            org_id=org,
            call_id=priced.call_id,
            version=1,
            turn=n,
            kind="speech",
            status="completed",
            wait_us=n * 100_000,
        )
        for n in range(1, 6)
    ]
    await facts.insert(whole([old, priced, unpriced, *turns]))
    numbers = await overview(facts, org, many.CallFilters(from_us=NOON_US))
    assert (numbers.calls, numbers.live, numbers.failed) == (2, 0, 1)
    assert (numbers.cost_usd, numbers.unpriced_calls) == (priced.cost_usd, 1)
    assert (numbers.turns, numbers.wait_p50_us, numbers.wait_p95_us) == (5, 300_000, 500_000)
    assert numbers.usd_per_minute == round(Decimal("0.012345678") * 60 / 61, 8)
    numbers = await overview(facts, org, many.CallFilters(status=("live", "refused")))
    assert (numbers.calls, numbers.live, numbers.turns) == (2, 1, 0)


async def test_a_slow_question_does_not_hold_up_what_is_stored_or_asked(facts: FactsStore) -> None:
    org = fresh_org()
    call = a_call(org)
    # Three seconds, row after row, of an organisation that has one.
    slow = Query(
        "SELECT toInt64(sum(sleepEachRow(1))) AS slept FROM calls FINAL"
        " WHERE org_id = {org_id:String} SETTINGS max_block_size = 1",
        dict[str, int],
    )
    await facts.insert([a_call(org) for _ in range(3)])
    answered = asyncio.create_task(facts.ask(slow, org))
    await asyncio.sleep(0)
    await facts.insert([*parts_of(call), call])
    assert await one.call_by_id(facts, org, call.call_id) == call
    assert not answered.done()
    assert await answered == [{"slept": 0}]


async def test_an_empty_organisation_has_no_cost_rather_than_none_at_all(facts: FactsStore) -> None:
    numbers = await overview(facts, fresh_org(), many.CallFilters())
    assert (numbers.calls, numbers.cost_usd, numbers.wait_p50_us) == (0, None, None)
    values = await many.filter_values(facts, fresh_org())
    assert values.models == []


async def test_filter_values_are_those_that_occur(facts: FactsStore) -> None:
    org = fresh_org()
    await facts.insert([a_call(org), a_call(org, user_id="ada", key_id="", model_used="")])
    values = await many.filter_values(facts, org)
    assert values.models == ["gpt-realtime-2.1"]
    assert values.users == ["ada", "user-1"]
    assert values.keys == [("key_1", "Test key")]
    assert values.properties == ["Environment"]
    assert (await many.key_use(facts, org))["key_1"].last_used_at_us == NOON_US


async def test_a_deleted_call_is_gone_with_all_its_parts(facts: FactsStore) -> None:
    call = a_call(fresh_org())
    other = a_call(call.org_id)
    await facts.insert([*parts_of(call), call, *parts_of(other), other])
    await facts.delete_call(call.org_id, call.call_id)
    assert await one.call_by_id(facts, call.org_id, call.call_id) is None
    while await facts.deletions():
        await asyncio.sleep(0.01)
    assert await one.events_of_call(facts, call.org_id, call.call_id) == []
    assert await one.items_of_call(facts, call.org_id, call.call_id) == []
    assert await one.call_by_id(facts, call.org_id, other.call_id) == other
    assert len(await one.items_of_call(facts, call.org_id, other.call_id)) == 2


async def test_counts_leave_out_what_was_delivered_twice(facts: FactsStore) -> None:
    while await facts.deletions():  # Of other tests.
        await asyncio.sleep(0.01)
    before = await facts.counts()
    call = a_call(fresh_org())
    for _ in range(2):
        await facts.insert([*parts_of(call), call])
    after = await facts.counts()
    assert {name: after[name] - before[name] for name in after} == {
        "calls": 1,
        "listed": 1,
        "turns": 1,
        "responses": 1,
        "items": 2,
        "tool_calls": 1,
        "errors": 1,
        "usage": 1,
        "findings": 1,
        "marks": 1,
        "events": 5,
    }
    assert facts.damage == ""
    assert await facts.ping()


async def test_a_call_of_any_ulid_can_be_stored(facts: FactsStore) -> None:
    """Ids come from sixteen bytes: also from clocks that are far off."""
    org = fresh_org()
    moments_ms = [0, 1, *(2**n + 3 for n in range(5, 48, 5)), 32**7 * 31 + 999, 2**48 - 1]
    for at_us in (at_ms * 1000 for at_ms in moments_ms):
        call: CallRow = a_call(org, call_id=fresh_call(at_us))
        await facts.insert([*parts_of(call), call])
        assert len(await one.events_of_call(facts, org, call.call_id)) == 5


async def test_what_reads_much_is_read_with_two_threads(facts: FactsStore) -> None:
    """However little memory the engine is given: its own rule would leave one."""
    much = "EXPLAIN PIPELINE SELECT sum(number) FROM numbers_mt(1000000000)"
    assert f"× {THREADS}" in str(await facts._run(facts._writes.client.command, much))
