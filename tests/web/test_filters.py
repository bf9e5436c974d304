"""What calls are narrowed by: every field of the form means what the API means by its name."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call
from tests.support.web import Member, Site
from tests.web.shown import Shown, api, page
from tests.web.varied import HOUR_US, varied

from trunkline.protocol.call import EndReason
from trunkline.store.facts.conditions import BadCondition
from trunkline.store.facts.dimensions import DIMENSIONS
from trunkline.store.facts.queries_calls import FilterValues
from trunkline.store.facts.rows import CallRow, ErrorRow, ResponseRow, Row, TurnRow, UsageRow
from trunkline.web.api.calls import FilterQuery
from trunkline.web.narrowing import BOUNDED, EXACT, OWN, read_bounds
from trunkline.web.pages.filter_form import UNSEEN, filter_form
from trunkline.web.pages.filters import clean_query, read_filters
from trunkline.web.pages.text import END_REASONS

FIELDS = {
    "status": "failed",
    "kind": "translation",
    "model": "acme-voice-3",
    "user": "ada",
    "session": "visit/1",
    "session_path": "front",
    "property": "tier=gold",
    "key": "key_2",
    "provider": "azure",
    "end_reason": "provider_lost",
    "duration_s": ">60 <=200",
    "wait_max_s": ">=3.5",
    "cost_usd": "<0.05",
    "unheard_usd": ">0.001",
    "language": "es",
    "has_audio": "true",
    "tool": "find_slot",
    "attention": "slow",
    "tag": "vip",
    "feedback": "up",
    "score": "polite>0.5",
    "said": "Guten Tag",
    "model_is": "acme-voice-3",
    "voice": "cedar",
    "prompt": "b221d9dbb083",
    "spoken": "de",
    "spoken_by": "session",
    "gateway": "gateway-2",
    "transport": "webrtc",
    "dialect": "beta",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "workflow": "Support",
    "trace_group": "thread_1",
    "user_agent": "phone/1",
    "vad": "semantic_vad",
    "key_name": "Desk",
    "session_name": "Visit 2",
    "property_name": "region",
    "turn_kind": "manual",
    "turn_status": "unanswered",
    "speech_end_by": "energy",
    "barge_in_kind": "echo",
    "response_status": "cancelled",
    "after_tool": "true",
    "tool_arguments": "find_slot misfit",
    "argument_error": 'find_slot $: lacks "day"',
    "error_source": "provider",
    "error_type": "odd",
    "error_code": "bad",
    "error_phase": "answering",
    "error_close_code": "1011",
    "billed_model": "acme-voice-3",
    "billed_kind": "session",
    "billed_day": "2026-11-17",
}
"""A value for each that some calls have, or that none has: what is said is tested elsewhere."""
EMPTY = {"tag", "feedback", "score", "said"}
OF_CALL = {
    "voice": "cedar", "spoken": ("de", "nds"), "spoken_by": "session", "gateway": "gateway-2",
    "transport": "webrtc", "caller_dialect": "beta", "user_agent": "phone/1",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "tracing_workflow": "Support",
    "tracing_group": "thread_1", "prompt": "b221d9dbb083",
    "vad": "semantic_vad", "key_name": "Desk", "properties": {"region": "north"},
}  # fmt: skip


def parts_to_find(call: CallRow) -> list[Row]:
    """Return parts of `call` that no other call has."""
    of: dict[str, Any] = {"org_id": call.org_id, "call_id": call.call_id, "version": 40}
    return [
        TurnRow(
            **of, turn=9, kind="manual", status="unanswered", speech_end_by="energy",
            barge_in=True, barge_in_kind="echo",
        ),
        ResponseRow(
            **of, response_id="resp_9", turn=9, status="cancelled", created_us=9, after_tool=True
        ),
        ErrorRow(**of, seq=99, at_us=9, source="gateway", type="odd", message="It is odder",
            phase="answering", close_code=1011),
        UsageRow(**of, seq=98, at_us=9, at_day="2026-11-17", kind="session", model="gpt-live"),
    ]  # fmt: skip


@pytest.fixture
async def member(site: Site) -> Member:
    member = await varied(site)
    now_us = site.clock.now_us
    translated = {"kind": "translation", "language": "es", "turns": 0, "wait_max_us": None}
    await site.facts.insert(
        [
            a_call(member.org_id, now_us - 7 * SECOND_US, **translated),
            a_call(member.org_id, now_us - 8 * SECOND_US, provider="azure", key_id="key_2"),
            a_call(member.org_id, now_us - 9 * SECOND_US, has_audio=True, cost_usd=None),
            (special := a_call(member.org_id, now_us - 10 * SECOND_US, **OF_CALL)),
            *parts_to_find(special),
            a_call((await site.join()).org_id, NOON_US, has_audio=True, language="es"),
        ]
    )
    return member


async def test_every_field_leaves_what_the_api_does(site: Site, member: Member) -> None:
    every = len(await _told(site, member, {}))
    for name, value in FIELDS.items():
        told = await _told(site, member, {name: value})
        html = await page(site, member, f"/calls?{read_filters({name: value}).address()}")
        assert re.findall(r'data-key="(call_\w+)"', html) == told, name
        assert len([row for row in Shown(html).tables.get("rows", []) if row]) == len(told)
        assert (0 < len(told) < every) != (name in EMPTY), (name, len(told))
        assert f'data-filter="{name}"' in html
        assert (f'id="f-{name}"' in html) != (name in UNSEEN)
        # The form sends it again, so that one more filter is one more.
        assert re.search(rf'<(input|select)\b[^>]* name="{name}"', html)


async def _told(site: Site, member: Member, query: dict[str, str]) -> list[str]:
    return [call["id"] for call in (await api(site, member, "/v1/calls", **query))["data"]]


def test_there_is_a_field_for_all_that_the_api_filters_by() -> None:
    asked = {field.alias or name for name, field in FilterQuery.model_fields.items()}
    # Times have tests of their own, and nobody types a fingerprint: reports lead to it.
    assert asked - {"from", "to", "error", "hour", "weekday", "zone"} == set(FIELDS)
    assert set(EXACT) <= asked


async def test_hours_and_days_are_those_of_the_zone(site: Site) -> None:
    member = await site.join()
    # A Wednesday, 12:00 UTC; in Kolkata 17:30; in Kiritimati Thursday, 02:00.
    wednesday, later = a_call(member.org_id, NOON_US), a_call(member.org_id, NOON_US + 5 * HOUR_US)
    await site.facts.insert([wednesday, later])
    for query, found in (
        ({"hour": "12"}, [wednesday]),
        ({"hour": "17", "weekday": "3"}, [later]),
        ({"hour": "17", "weekday": "3", "zone": "Asia/Kolkata"}, [wednesday]),
        ({"weekday": "4", "zone": "Pacific/Kiritimati"}, [later, wednesday]),
        ({"weekday": "4"}, []),
    ):
        told = await _told(site, member, query)
        assert told == [call.call_id for call in found], query
        html = await page(site, member, f"/calls?{read_filters(query).address()}")
        assert re.findall(r'data-key="(call_\w+)"', html) == told, query
    tree = {"field": "hour", "operator": "in", "value": ["17", "18"]}
    body = {"metrics": ["calls"], "where": tree, "zone": "Asia/Kolkata", "to": "2027-01-01T00:00Z"}
    body["from"] = "2026-11-01T00:00Z"
    answer = await site.client.post("/v1/metrics/query", json=body, headers=member.bearer)
    assert answer.json()["data"][0]["values"]["calls"]["sum"] == 1


async def test_every_group_has_as_many_calls_as_its_filter_leaves(
    site: Site, member: Member
) -> None:
    # Of calls: how many a group of parts is of is told by a metric of its own.
    of_parts = {at.id for at in DIMENSIONS if at.table != "calls"}
    for name in (*EXACT, *OWN):
        if name in of_parts:
            continue
        by = "model" if name == "model_is" else name
        of_week = {"from": "2026-11-01T00:00Z", "to": "2027-11-01T00:00Z"}
        body = {**of_week, "metrics": ["calls"], "group_by": [by], "zone": "Asia/Kolkata"}
        answer = await site.client.post("/v1/metrics/query", json=body, headers=member.bearer)
        groups = answer.json()["data"]
        assert groups, name
        for row in groups:
            query = {name: row["group"][by] or "(none)", "zone": "Asia/Kolkata", "limit": "200"}
            calls = await _told(site, member, of_week | query)
            assert len(calls) == row["values"]["calls"]["sum"], query


async def test_conditions_on_parts_hold_for_one_part_or_for_none(
    site: Site, member: Member
) -> None:
    of_week = {"from": "2026-11-01T00:00Z", "to": "2027-11-01T00:00Z", "metrics": ["calls"]}

    async def told(operator: str, value: Any) -> int:
        tree = {"field": "error_code", "operator": operator, "value": value}
        body = {**of_week, "where": tree}
        answer = await site.client.post("/v1/metrics/query", json=body, headers=member.bearer)
        return answer.json()["data"][0]["values"]["calls"]["sum"]

    every, bad = len(await _told(site, member, {})), await told("equals", "bad")
    assert 0 < bad < every
    assert await told("not-equals", "bad") == every - bad
    assert await told("in", ["bad", "worse"]) == bad
    assert await told("contains", "BA") == bad


async def test_numbers_of_the_form_are_those_of_the_row(site: Site, member: Member) -> None:
    calls = (await api(site, member, "/v1/calls", status="completed"))["data"]
    call = next(call for call in calls if call["wait_max_ms"] and call["cost_usd"])
    numbers = {
        "duration_s": f"{call['duration_ms'] / 1000:.6f}",
        "wait_max_s": f"{call['wait_max_ms'] / 1000:.6f}",
        "cost_usd": call["cost_usd"],
    }
    for name, number in numbers.items():
        assert call["id"] in await _told(site, member, {name: f">={number} <={number}"})
        assert call["id"] not in await _told(site, member, {name: f">{number}"})


async def test_calls_without_a_number_fit_no_bound(site: Site, member: Member) -> None:
    calls = (await api(site, member, "/v1/calls"))["data"]
    live = {call["id"] for call in calls if call["duration_ms"] is None}
    assert live
    assert not live & {*await _told(site, member, {"duration_s": ">0"})}
    assert not live & {*await _told(site, member, {"duration_s": "!=1"})}


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("", []),
        (">60", [("gt", 60_000)]),
        (" > 60  <=300.5 ", [("gt", 60_000), ("lte", 300_500)]),
        (">60<300", [("gt", 60_000), ("lt", 300_000)]),
        ("=.5 !=1.", [("equals", 500), ("not-equals", 1000)]),
    ],
)
def test_bounds_are_read(text: str, bounds: list[tuple[str, float]]) -> None:
    assert [(one.operator, one.value) for one in read_bounds("duration_s", text)] == bounds


NO_BOUNDS = (
    "60", "long", ">", ">1e9", ">-1", ">0,5", ">60 and", "> 1 2", ">nan", ">1234567890", ">٣",
    ">1>1>1>1>1",
)  # fmt: skip


@pytest.mark.parametrize("text", NO_BOUNDS)
@pytest.mark.parametrize("name", BOUNDED)
async def test_what_is_no_bound_is_told(name: str, text: str) -> None:
    with pytest.raises(BadCondition, match=f"^{name}: write ") as refused:
        read_bounds(name, text)
    filters = read_filters({name: text, "status": "failed"})
    assert filters.address() == "status=failed"
    (wrong,) = filters.wrong
    assert (wrong.name, wrong.value) == (name, text)
    assert f"{name}: {wrong.problem}" == str(refused.value)


WRONG = {
    "status": ("odd", "choose one of live, completed"),
    "kind": ("odd", "choose one of realtime"),
    "attention": ("odd", "choose one of any, failed"),
    "feedback": ("odd", "choose one of up, down, none"),
    "end_reason": ("odd", "choose one of caller_closed"),
    "has_audio": ("maybe", "choose one of true, false"),
    "property": ("=gold", "write name=value"),
    "score": ("polite<much", "write name&lt;0.5"),
    "cost_usd": ("<b>", "write &gt;=0.05 or"),
    "hour": ("24", "choose one of 00, 01"),
    "weekday": ("Monday", "choose one of 1, 2"),
    "zone": ("Middle/Earth", "&#39;Middle/Earth&#39; is none; use a name like Europe/Berlin"),
    "from": ("soon", "write a time, like"),
}


async def test_what_is_left_out_is_told_on_every_page(site: Site, member: Member) -> None:
    query = "&".join(f"{name}={value}" for name, (value, _) in WRONG.items())
    for path in ("/calls", "/tools", "/overview", "/compare"):
        html = await page(site, member, f"{path}?{query}")
        for name, (_, problem) in WRONG.items():
            (told,) = re.findall(rf'<li id="wrong-{name}">(.*?)</li>', html)
            assert f"was left out: {problem}" in told
        assert "<b></q>" not in html
        assert html.count('aria-invalid="true"') == len(WRONG) - 1
    assert clean_query(query) == ""


async def test_the_api_refuses_what_means_nothing(site: Site, member: Member) -> None:
    for name in (*BOUNDED, "score", "has_audio", "hour", "weekday", "zone", "after_tool"):
        value = "x<much"
        answer = await site.client.get("/v1/calls", params={name: value}, headers=member.bearer)
        assert answer.status_code == 400 or (name == "has_audio" and answer.status_code == 422)
        assert name in answer.text


async def test_other_measures_are_narrowed_by_the_same_names(site: Site, member: Member) -> None:
    for name in ("end_reason", "duration_s", "language", "has_audio"):
        told = await _told(site, member, {name: FIELDS[name], "from": "2020-01-01T00:00:00Z"})
        body = {
            "metrics": ["calls"],
            "from": "2020-01-01T00:00:00Z",
            "where": {"field": "status", "operator": "not-equals", "value": "none"},
            name: FIELDS[name],
        }
        answer = await site.client.post("/v1/metrics/query", json=body, headers=member.bearer)
        (row,) = answer.json()["data"]
        assert row["values"]["calls"]["sum"] == len(told)


def test_what_is_in_force_can_be_taken_away_one_by_one() -> None:
    choices = FilterValues(
        models=[], users=[], providers=["openai"], statuses=[], keys=[("key_1", "Desk")],
        properties=[], tags=[], scores=[], languages=[], voices=[],
    )  # fmt: skip
    filters = read_filters({"key": "key_1", "provider": "gone", "has_audio": "false", "span": "1h"})
    form = filter_form(filters, choices)
    shown = [(one.label, one.words, one.without.address()) for one in form["in_force"]]
    assert shown == [
        ("Provider", "gone", "key=key_1&has_audio=false&span=1h"),
        ("Key", "Desk", "provider=gone&has_audio=false&span=1h"),
        ("Recording", "none", "provider=gone&key=key_1&span=1h"),
    ]
    assert form["words"]["provider"] == {"openai": "OpenAI", "gone": "gone"}
    assert form["rest_open"]
    assert not filter_form(read_filters({"user": "ada"}), choices)["rest_open"]


def test_every_end_of_a_call_has_words() -> None:
    assert tuple(END_REASONS) == EndReason.__args__
