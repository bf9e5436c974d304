"""Golden conversations are told by the API as they were folded, and frame by frame."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.recorder.folding import run
from tests.support import golden
from tests.support.web import Site

from trunkline.journal.record import Kind
from trunkline.store.facts import rows
from trunkline.store.facts.rows import CallRow, Row

PARTS = {
    "TurnRow": ("turns", "turn"),
    "ResponseRow": ("responses", "response_id"),
    "ItemRow": ("transcript", "item_id"),
    "ToolCallRow": ("tool_calls", "tool_call_id"),
    "ErrorRow": ("errors", "seq"),
    "UsageRow": ("usage", "seq"),
}
"""Where the API has the rows of a kind, and by what they are told apart."""


def folded(name: str, org_id: str) -> list[Row]:
    """Return the rows that the golden call must give, as those of an organisation."""
    expected = golden.expected(name)
    kinds = ["CallRow", *PARTS]
    return [
        msgspec.convert({**fields, "org_id": org_id}, getattr(rows, kind), strict=False)
        for kind in kinds
        for fields in expected[kind]
    ]


def ms(us: int | None) -> float | None:
    return None if us is None else us / 1000


@pytest.mark.parametrize("name", golden.names())
async def test_a_golden_call_is_told_as_it_was_folded(site: Site, name: str) -> None:
    member = await site.join()
    facts = folded(name, member.org_id)
    await site.facts.insert(facts)
    (call,) = (row for row in facts if isinstance(row, CallRow))
    answer = await site.client.get(f"/v1/calls/{call.call_id}", headers=member.bearer)
    assert answer.status_code == 200, answer.text
    told = json.loads(answer.text, parse_float=Decimal)
    assert (told["status"], told["end_reason"]) == (call.status, call.end_reason)
    assert (told["model_used"], told["http_status"]) == (call.model_used, call.http_status)
    cost = told["cost_usd"]
    assert (None if cost is None else Decimal(cost)) == call.cost_usd
    for kind, (field, key) in PARTS.items():
        kept = [row for row in facts if type(row).__name__ == kind]
        by_key = {getattr(row, key): row for row in kept}
        assert {part[key] for part in told[field]} == set(by_key), field
        for part in told[field]:
            check_part(part, by_key[part[key]])


UNTOLD = ("org_id", "call_id", "version", "position", "tokens", "parts", "seconds_us")
"""Fields that the API has elsewhere, or by another name."""


def check_part(part: dict[str, Any], row: Row) -> None:
    """Every field of the row is there, in the API's unit."""
    for field in msgspec.structs.fields(type(row)):
        value = getattr(row, field.name)
        if field.name in (
            "org_id",
            "call_id",
            "version",
            "position",
            "tokens",
            "parts",
            "seconds_us",
        ):
            continue
        if field.name.endswith("_us"):
            told = part[field.name.removesuffix("_us") + "_ms"]
            assert (None if told is None else float(told)) == ms(value), field.name
        elif field.name.endswith("_usd"):
            told = part[field.name]
            assert (None if told is None else Decimal(told)) == value, field.name
        else:
            assert part[field.name] == value, field.name


@pytest.mark.parametrize("name", golden.names())
async def test_a_golden_calls_frames_are_told_as_they_were_sent(site: Site, name: str) -> None:
    member = await site.join()
    facts = folded(name, member.org_id)
    await site.facts.insert(facts)
    (call,) = (row for row in facts if isinstance(row, CallRow))
    records = golden.records(name)
    await site.seal(call, list(records))
    answer = await site.client.get(
        f"/v1/calls/{call.call_id}/events", params={"limit": 10_000}, headers=member.bearer
    )
    told = [json.loads(line) for line in answer.text.splitlines()]
    frames = [record for record in records if record.kind in (Kind.FRAME, Kind.BRIDGED)]
    assert [line["text"] for line in told if line["record"] != "gap"] == [
        frame.payload.decode() for frame in frames
    ]
    offsets = [line["received_ms"] for line in told]
    assert offsets == sorted(offsets)
    assert all(offset >= 0 for offset in offsets)


async def test_all_golden_calls_are_in_the_list_and_its_sums(site: Site) -> None:
    member = await site.join()
    calls: list[CallRow] = []
    for name in golden.names():
        facts = folded(name, member.org_id)
        await site.facts.insert(facts)
        calls += [row for row in facts if isinstance(row, CallRow)]
    page = (await site.client.get("/v1/calls?limit=200", headers=member.bearer)).json()
    assert {told["id"] for told in page["data"]} == {call.call_id for call in calls}
    assert len(page["data"]) == len(calls)


@pytest.mark.parametrize("name", golden.names())
async def test_what_a_golden_call_cost_adds_up(site: Site, name: str) -> None:
    """Models to the call, kinds of token to the model, origins to the turn's input."""
    member = await site.join()
    facts = folded(name, member.org_id)
    await site.facts.insert(facts)
    (call,) = (row for row in facts if isinstance(row, CallRow))
    answer = await site.client.get(f"/v1/calls/{call.call_id}/cost", headers=member.bearer)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    models = [Decimal(model["cost_usd"]) for model in told["models"] if model["cost_usd"]]
    assert (sum(models) if models else None) == call.cost_usd
    for model in told["models"]:
        parts = sum(map(Decimal, model["parts_usd"].values()))
        if model["kind"] == "response" and model["cost_usd"]:
            assert parts == Decimal(model["cost_usd"])
    answered = [row for row in facts if isinstance(row, rows.UsageRow) and row.turn]
    for turn in told["turns"]:
        own = [r.tokens for r in answered if r.turn == turn["turn"] and r.kind == "response"]
        billed = sum(t.input_text + t.input_audio + t.input_image for t in own)
        assert turn["new_tokens"] + turn["again_tokens"] == billed
        assert sum(layer["tokens"] for layer in turn["input"]) == billed
    check_again(told)


def check_again(told: dict[str, Any]) -> None:
    """What facts keep of each response is what the flame makes of all of them."""
    responses = [one for one in told["usage"] if one["kind"] == "response"]
    of_flame, input_usd = Decimal(0), Decimal(0)
    for turn in told["turns"]:
        own = [one for one in responses if one["turn"] == turn["turn"]]
        assert sum(one["again_tokens"] for one in own) == turn["again_tokens"]
        again = [layer for layer in turn["input"] if layer["origin"] != turn["turn"]]
        if all(layer["cost_usd"] for layer in again):
            of_flame += sum(Decimal(layer["cost_usd"]) for layer in again)
    for one in responses:
        parts = {name: Decimal(usd) for name, usd in one["parts"].items()}
        input_usd += sum(usd for name, usd in parts.items() if not name.startswith("output"))
    if told["again_usd"] is not None:
        assert abs(Decimal(told["again_usd"]) - of_flame) < Decimal("1e-8")
        assert Decimal(told["again_usd"]) + Decimal(told["new_usd"]) == input_usd


async def test_a_long_call_is_billed_again_for_what_was_said(site: Site) -> None:
    """The second turn of the barge-in: all that the first had, and 44 more spoken tokens."""
    member = await site.join()
    facts = folded("barge_in", member.org_id)
    await site.facts.insert(facts)
    (call,) = (row for row in facts if isinstance(row, CallRow))
    answer = await site.client.get(f"/v1/calls/{call.call_id}/cost", headers=member.bearer)
    told = answer.json()
    assert told["unheard_usd"] == "0.00148864"
    first, *later = told["turns"]
    assert first["again_tokens"] == 0
    assert all(turn["again_tokens"] > 0 for turn in later)


async def test_the_lint_of_a_golden_call_leads_to_its_frames(site: Site) -> None:
    """What the recorder found, and what the waveform says: nothing, without a recording."""
    member = await site.join()
    name = "barge_in"
    facts = folded(name, member.org_id)
    found = golden.expected(name)["FindingRow"]
    facts += [msgspec.convert({**row, "org_id": member.org_id}, rows.FindingRow) for row in found]
    records = list(golden.records(name))
    await site.facts.insert([*facts, *events(name, member.org_id)])
    (call,) = (row for row in facts if isinstance(row, CallRow))
    answer = await site.client.get(f"/v1/calls/{call.call_id}/lint", headers=member.bearer)
    assert answer.status_code == 200, answer.text
    told = answer.json()["data"]
    assert [(one["code"], one["severity"]) for one in told] == [("late_audio", "note")]
    (late,) = told
    assert json.loads(records[late["seq"]].payload)["type"] == "response.output_audio.delta"
    assert late["what"]
    assert late["advice"]
    assert late["at_ms"] == (records[late["seq"]].received_ns - golden.OPENED_NS) // 1000 / 1000


def events(name: str, org_id: str) -> list[Row]:
    """Return the index of the frames of the golden call, as an organisation's."""
    made = [row for row in run(golden.records(name)).rows if isinstance(row, rows.EventRow)]
    return [msgspec.structs.replace(row, org_id=org_id) for row in made]


async def test_another_organisations_lint_is_not_told(site: Site) -> None:
    mine, other = await site.join(), await site.join()
    facts = folded("barge_in", mine.org_id)
    await site.facts.insert(facts)
    (call,) = (row for row in facts if isinstance(row, CallRow))
    for part in ("lint", "cost"):
        path = f"/v1/calls/{call.call_id}/{part}"
        assert (await site.client.get(path, headers=other.bearer)).status_code == 404
