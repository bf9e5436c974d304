"""I/O. `/v1/calls/{id}/cost`: what a call cost, by what, by turn, and why."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, Field

from trunkline.store.facts import queries_call as one
from trunkline.store.facts import ratios
from trunkline.store.facts.flame import TurnCost, flame, input_usd
from trunkline.store.facts.rows import TurnRow, UsageRow
from trunkline.web.api import models, shape
from trunkline.web.api.calls import CallId, WhoReads, find_call
from trunkline.web.api.money import CostParts, Usd
from trunkline.web.auth import Deps

router = APIRouter(tags=["Calls"])


class ModelCost(BaseModel):
    """What one model cost in one call."""

    kind: str = Field(description="response, transcription or session.")
    model: str
    cost_usd: Usd | None = Field(description="null: none of it could be priced.")
    parts_usd: CostParts
    price_versions: list[str] = Field(description="Ends with +call: the call's own headers.")
    estimated: bool


class CostLayer(BaseModel):
    """Input of one turn that comes from one turn."""

    origin: int = Field(description="The turn that brought it; 0: instructions and tools.")
    tokens: int
    cached_tokens: int = Field(description="Of `tokens`.")
    cost_usd: Usd | None


class TurnCosts(BaseModel):
    """What one turn cost."""

    turn: int
    cost_usd: Usd | None = Field(description="Of its responses.")
    unheard_usd: Usd | None
    new_tokens: int = Field(description="Input that it brought itself.")
    again_tokens: int = Field(description="Input that was there before, and was billed again.")
    input: list[CostLayer]


class CallCost(BaseModel):
    """What a call cost."""

    cost_usd: Usd | None
    per_minute_usd: Usd | None = Field(description="By the call's duration; null while live.")
    transcription_usd: Usd | None
    unheard_usd: Usd | None
    new_usd: Usd | None = Field(description="Of input, what its turn brought itself.")
    again_usd: Usd | None = Field(description="Of input, what was there before, billed again.")
    unpriced: list[str]
    models: list[ModelCost]
    turns: list[TurnCosts]
    usage: list[models.Usage] = Field(description="All that was billed, in order.")


@router.get("/v1/calls/{call_id}/cost")
async def get_cost(reader: WhoReads, deps: Deps, call_id: CallId) -> CallCost:
    """What a call cost: by model and kind of token, by turn, and how much was billed again."""
    call = await find_call(deps, reader, call_id)
    where = reader.org_id, call_id
    usage = await one.usage_of_call(deps.facts, *where)
    turns = await one.turns_of_call(deps.facts, *where)
    responses = await one.responses_of_call(deps.facts, *where)
    flames = {cost.turn: cost for cost in flame(turns, responses, usage)}
    return CallCost(
        cost_usd=call.cost_usd,
        per_minute_usd=ratios.usd_per_minute(call),
        transcription_usd=_total([row for row in usage if row.kind == "transcription"]),
        unheard_usd=call.unheard_usd,
        **_apart(usage),
        unpriced=list(call.unpriced),
        models=_models(usage),
        turns=[_turn(turn, flames.get(turn.turn, TurnCost(turn.turn, ()))) for turn in turns],
        usage=[shape.shaped(models.Usage, row) for row in usage],
    )


def _apart(usage: list[UsageRow]) -> dict[str, Decimal | None]:
    """Return what input cost that is new, and that is billed again; None: of none it is known."""
    known = [(input_usd(row.parts), row.again_usd) for row in usage if row.again_usd is not None]
    if not known:
        return {"new_usd": None, "again_usd": None}
    again = sum((usd for _, usd in known), Decimal(0))
    return {"new_usd": sum((usd for usd, _ in known), -again), "again_usd": again}


def _models(usage: list[UsageRow]) -> list[ModelCost]:
    groups: dict[tuple[str, str], list[UsageRow]] = {}
    for row in usage:
        groups.setdefault((row.kind, row.model), []).append(row)
    return [
        ModelCost(
            kind=kind,
            model=model,
            cost_usd=_total(rows),
            parts_usd=_parts(rows),
            price_versions=sorted({row.price_version for row in rows if row.price_version}),
            estimated=any(row.estimated for row in rows),
        )
        for (kind, model), rows in groups.items()
    ]


def _parts(rows: list[UsageRow]) -> CostParts:
    parts = [msgspec.structs.asdict(row.parts) for row in rows]
    return CostParts(
        **{name: sum((part[name] for part in parts), Decimal(0)) for name in CostParts.model_fields}
    )


def _total(rows: list[UsageRow]) -> Decimal | None:
    priced = [row.cost_usd for row in rows if row.cost_usd is not None]
    return sum(priced, Decimal(0)) if priced else None


def _turn(turn: TurnRow, cost: TurnCost) -> TurnCosts:
    return TurnCosts(
        turn=turn.turn,
        cost_usd=turn.cost_usd,
        unheard_usd=turn.unheard_usd,
        new_tokens=cost.new_tokens,
        again_tokens=cost.again_tokens,
        input=[
            CostLayer(
                origin=layer.origin,
                tokens=layer.tokens,
                cached_tokens=layer.cached_tokens,
                cost_usd=layer.usd,
            )
            for layer in cost.layers
        ],
    )
