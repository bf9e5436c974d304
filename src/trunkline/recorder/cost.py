"""Pure. Usage to rows and to money, at the price of the day.

A model without a price is unpriced, never free: the row's cost is None and the call
names the model. Costs are rounded to 9 places, which is what the store keeps, before
they are added up, so that sums of rows are exact.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import msgspec

from trunkline.protocol.cost import Cost, cost_of_response, cost_of_time, cost_of_transcription
from trunkline.protocol.prices import Price
from trunkline.protocol.usage import Usage, WireUsage, usage_of
from trunkline.recorder.bounds import clamped
from trunkline.recorder.metrics import PLACES
from trunkline.recorder.state import Answer, Line, State, Step
from trunkline.store.facts.rows import Tokens, UsageRow

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def day_of(wall_us: int) -> str:
    """Return the UTC day, `YYYY-MM-DD`, that the wall clock showed at `wall_us`."""
    return (_EPOCH + timedelta(microseconds=wall_us)).date().isoformat()


def tokens_of(usage: Usage) -> Tokens:
    """Return the tokens of `usage`, each within what the store can hold."""
    return Tokens(**{name: clamped(getattr(usage, name)) for name in Tokens.__struct_fields__})


def charge_response(state: State, step: Step, answer: Answer, wire: WireUsage) -> UsageRow:
    """Return the row of what `answer` used, and add it to the call."""
    usage = usage_of(wire)
    row = _row(state, step, "response", model_of(state), usage)
    row = msgspec.structs.replace(row, response_id=answer.response_id, turn=answer.turn)
    row = _with_cost(row, step, _priced(state, step, row, usage), usage)
    state.sums.tokens += row.tokens
    _add(state, row)
    return row


def charge_transcription(state: State, step: Step, line: Line, wire: WireUsage) -> UsageRow:
    """Return the row of what transcribing `line` used, and add it to the call.

    It is billed beside the turn's responses and comes when it likes, so that no turn's
    cost contains it.
    """
    usage = usage_of(wire)
    row = _row(state, step, "transcription", state.hearing.transcription_model, usage)
    row = msgspec.structs.replace(row, item_id=line.item_id, turn=line.turn)
    row = _with_cost(row, step, _priced(state, step, row, usage), usage)
    sums, tokens = state.sums, row.tokens
    sums.transcription_input_tokens += tokens.input_text + tokens.input_audio + tokens.input_image
    sums.transcription_output_tokens += tokens.output_text + tokens.output_audio
    sums.transcription_us += row.seconds_us
    _add(state, row)
    return row


def charge_session(state: State, step: Step, seconds_us: int, standby_us: int) -> UsageRow:
    """Return the row of so much time of a session paid by the second, and add it to the call.

    `standby_us` of it the caller was not listened to.
    """
    usage = Usage(duration_us=seconds_us)
    row = _row(state, step, "session", model_of(state), usage)
    row = msgspec.structs.replace(row, standby_us=clamped(standby_us))
    row = _with_cost(row, step, _priced(state, step, row, usage), usage)
    state.sums.session_us += row.seconds_us
    _add(state, row)
    return row


def model_of(state: State) -> str:
    """Return the model that responses are billed as: what was dialled, else the session's."""
    return (state.opened.model_used if state.opened else "") or state.hearing.model


def _row(state: State, step: Step, kind: str, model: str, usage: Usage) -> UsageRow:
    return UsageRow(
        org_id=state.opened.org_id if state.opened else "",
        call_id=state.call_id,
        version=step.seq,
        seq=step.seq,
        at_us=step.at_us,
        at_day=day_of(state.wall_us + step.at_us),
        kind=kind,
        model=model,
        tokens=tokens_of(usage),
        seconds_us=clamped(usage.duration_us),
    )


def _priced(state: State, step: Step, row: UsageRow, usage: Usage) -> Cost | None:
    price = _price(state, step, row)
    if price is None:
        return None
    bounded = Usage(
        **{name: getattr(row.tokens, name) for name in Tokens.__struct_fields__},
        duration_us=row.seconds_us,
        estimated=usage.estimated,
    )
    if row.kind == "session":
        return cost_of_time(bounded.duration_us, price, standby_us=row.standby_us)
    costing = cost_of_response if row.kind == "response" else cost_of_transcription
    return costing(bounded, price)


def _price(state: State, step: Step, row: UsageRow) -> Price | None:
    provider = state.opened.provider if state.opened else ""
    return step.prices.find(row.model, row.at_day, provider)


def audio_usd(state: State, step: Step, row: UsageRow) -> Decimal | None:
    """Return what of the cost of a response its sound has; None when it is unpriced."""
    if row.cost_usd is None:
        return None
    price = _price(state, step, row)
    rate = price.audio_out if price else None
    return (rate or Decimal(0)) * row.tokens.output_audio / 1_000_000


def _with_cost(row: UsageRow, step: Step, cost: Cost | None, usage: Usage) -> UsageRow:
    return msgspec.structs.replace(
        row,
        cost_usd=cost.usd.quantize(PLACES, ROUND_HALF_EVEN) if cost else None,
        price_version=step.prices.version if cost else "",
        estimated=cost.estimated if cost else usage.estimated,
    )


def _add(state: State, row: UsageRow) -> None:
    sums = state.sums
    if row.cost_usd is not None:
        sums.cost_usd = (sums.cost_usd or Decimal(0)) + row.cost_usd
    elif row.model not in sums.unpriced:
        sums.unpriced.append(row.model)
