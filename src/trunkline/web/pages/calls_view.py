"""Pure. The table of calls: its rows, for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trunkline.store.facts.rows import CallRow
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web.pages import text


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


def rows(calls: Sequence[CallRow], *, now_us: int, own: Thresholds = DEFAULT) -> tuple[Row, ...]:
    """Return the table's rows. `now_us` is wall time: the age of live calls."""
    return tuple(_row(call, now_us, own) for call in calls)


def _row(call: CallRow, now_us: int, own: Thresholds) -> Row:
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
        properties=_pairs(
            # Helicone counts its own headers among them; they have columns already.
            {name: value for name, value in call.properties.items() if not _helicones(name)}
        ),
        tags=call.tags,
        feedback="" if call.feedback is None else "up" if call.feedback else "down",
        scores=_pairs({name: f"{number:g}" for name, number in call.scores.items()}),
        session=call.session_id,
        session_name=call.session_name or call.session_id,
        length=text.clock(age_us if call.duration_us is None else call.duration_us),
        turns=text.count(call.turns) if call.kind == "realtime" else text.UNKNOWN,
        wait=text.wait(call.wait_p50_us),
        wait_tone=text.wait_tone(call.wait_p50_us, own),
        barge_ins=text.count(call.barge_ins) if call.barge_ins else "",
        tool_calls=text.count(call.tool_calls) if call.tool_calls else "",
        errors=text.count(call.errors) if call.errors else "",
        cost=_cost(call),
        priced=not call.unpriced,
    )


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(values.items()))


def _helicones(name: str) -> bool:
    return name.startswith("Helicone-")


def _cost(call: CallRow) -> str:
    if call.cost_usd is None and not call.unpriced:
        return text.UNKNOWN
    return text.money(call.cost_usd) + ("+" if call.unpriced and call.cost_usd is not None else "")
