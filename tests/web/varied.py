"""Calls of a week that differ in all that pages add up, with their parts."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from msgspec import structs
from tests.support.facts import SECOND_US, a_call, whole
from tests.support.web import Member, Site

from trunkline.store.facts.amounts import Money, Tokens
from trunkline.store.facts.medians import median
from trunkline.store.facts.rows import CallRow, ErrorRow, Row, ToolCallRow, TurnRow, UsageRow

HOUR_US = 3_600 * SECOND_US
USERS = ("ada", "bob", "")
MODELS = ("gpt-realtime-2.1", "acme-voice-3")


async def varied(site: Site, calls: int = 30) -> Member:
    """Return somebody who has had `calls` in the last week, and more in the one before."""
    member, random = await site.join(), Random(7)
    rows: list[Row] = []
    for number in range(calls + 5):
        ago_us = random.randrange(1, 6 * 24) * HOUR_US + (0 if number < calls else 8 * 24 * HOUR_US)
        rows += call_with_parts(member, site.clock.now_us - ago_us, number, random)
    await site.facts.insert(rows)
    return member


def call_with_parts(member: Member, opened_at_us: int, number: int, random: Random) -> list[Row]:
    """Return the `number`-th call: some run, failed, cost nothing, or are unpriced."""
    live, unpriced = number % 10 == 9, number % 7 == 3
    duration_us = random.randrange(20, 400) * SECOND_US
    call = a_call(
        member.org_id,
        opened_at_us,
        status="live" if live else "failed" if number % 6 == 5 else "completed",
        end_reason="" if live else "provider_lost" if number % 6 == 5 else "caller_closed",
        ended_at_us=None if live else opened_at_us + duration_us,
        duration_us=None if live else duration_us,
        user_id=USERS[number % 3],
        session_id=f"visit/{number % 4}",
        session_name=f"Visit {number % 4}" if number % 4 else "",
        session_path=("/front", "/front/booking", "", "/back")[number % 4 if number % 8 else 1],
        properties={"tier": ("gold", "silver")[number % 2]},
        model_used=MODELS[unpriced],
        assistant_audio_us=random.randrange(10, 200) * SECOND_US,
        longest_silence_us=random.randrange(1, 14) * SECOND_US,
    )
    return whole(_with(call, [*_turns(call, number, random), *_others(call, number, random)]))


def _turns(call: CallRow, number: int, random: Random) -> list[Row]:
    shared: dict[str, Any] = {"org_id": call.org_id, "call_id": call.call_id, "version": 40}
    return [
        TurnRow(
            **shared,
            turn=turn,
            kind="speech",
            status="completed",
            wait_us=None if random.random() < 0.1 else random.randrange(200_000, 4_500_000),
            barge_in=random.random() < 0.3,
        )
        for turn in range(1, 1 + number % 6)
    ]


ARGUMENTS: tuple[dict[str, str], ...] = (
    {"arguments": "{}", "arguments_are": "misfit", "arguments_error": '$: lacks "day"'},
    {
        "arguments": '{"day": "Monday',
        "arguments_are": "no_json",
        "arguments_error": "not JSON: it ends too early",
    },
    {"arguments": '{"day": "Monday"}', "arguments_are": "valid"},
    {"arguments": "", "arguments_are": "json"},
)


def _others(call: CallRow, number: int, random: Random) -> list[Row]:
    shared: dict[str, Any] = {"org_id": call.org_id, "call_id": call.call_id, "version": 40}
    found: list[Row] = [
        ToolCallRow(
            **shared,
            tool_call_id=f"call_{tool}",
            turn=1,
            name=("weather", "find_slot")[tool % 2],
            called_us=300,
            answered_us=None if tool == 2 else 900_000,
            latency_us=None if tool == 2 else random.randrange(100_000, 3_000_000),
            dead_air_us=None if tool == 2 else 90_000 * (number + tool),
            **ARGUMENTS[(number // 4 + tool) % 4],
            failed=(number + tool) % 5 == 0,
        )
        for tool in range(number % 4)
    ]
    if number % 5 == 0:
        found.append(
            ErrorRow(
                **shared, seq=12, at_us=400, source="provider", code="bad", message="It is odd"
            )
        )
    tokens = Tokens(
        input_text=random.randrange(100, 900), input_audio=random.randrange(1000), output_audio=77
    )
    priced = call.model_used == MODELS[0]
    paid = Decimal(random.randrange(1, 90_000)) / 1_000_000 if priced else None
    known = number % 5 != 3
    if number % 8 != 6:
        found.append(
            UsageRow(
                **shared,
                seq=30,
                at_us=500,
                at_day="2026-11-18",
                kind="response",
                model=call.model_used,
                tokens=tokens,
                cost_usd=paid,
                parts=Money(input_audio=paid) if paid else Money(),
                again_tokens=tokens.input * 2 // 3 if known else None,
                again_usd=paid / 4 if paid and known else None,
            )
        )
    return found


def _with(call: CallRow, parts: list[Row]) -> list[Row]:
    """Return `parts`, and the call as the recorder sums it up."""
    turns = [part for part in parts if isinstance(part, TurnRow)]
    uses = [part for part in parts if isinstance(part, UsageRow)]
    waits = [turn.wait_us for turn in turns]
    costs = [use.cost_usd for use in uses if use.cost_usd is not None]
    fields: dict[str, Any] = {
        "turns": len(turns),
        "barge_ins": sum(turn.barge_in for turn in turns),
        "wait_p50_us": median(waits),
        "wait_max_us": max((us for us in waits if us is not None), default=None),
        "tool_calls": sum(isinstance(part, ToolCallRow) for part in parts),
        "errors": sum(isinstance(part, ErrorRow) for part in parts),
        "heard_audio_us": call.assistant_audio_us * 3 // 4 if turns else 0,
        "unheard_usd": Decimal("0.0012") if costs else None,
        "tokens": sum((use.tokens for use in uses), Tokens()),
        "cost_usd": sum(costs, Decimal(0)) if costs else None,
        "unpriced": tuple({use.model for use in uses if use.cost_usd is None}),
    }
    return [*parts, structs.replace(call, **fields)]
