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

from trunkline.protocol.cost import (
    Cost,
    cost_of_message,
    cost_of_response,
    cost_of_time,
    cost_of_transcription,
    parts_of,
)
from trunkline.protocol.prices import Price, priced_by_call
from trunkline.protocol.usage import Usage, WireUsage, usage_of
from trunkline.recorder import gathering, turns
from trunkline.recorder.bounds import clamped
from trunkline.recorder.metrics import PLACES
from trunkline.recorder.state import Answer, Line, State, Step
from trunkline.store.facts.amounts import Money, Tokens
from trunkline.store.facts.flame import billed_again
from trunkline.store.facts.rows import UsageRow

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
    row = _told_apart(state, answer, _with_cost(state, step, row, usage))
    state.sums.tokens += row.tokens
    _add(state, row)
    return row


def _told_apart(state: State, answer: Answer, row: UsageRow) -> UsageRow:
    """Return the row, with what of its input is billed again where it is in the conversation."""
    if not answer.turn:
        return row
    turn = turns.turn_of(state, answer.turn)
    spoken = turn is not None and turn.kind == "speech"
    again = billed_again(state.parts.conversation, answer.turn, row, spoken=spoken)
    if again is None:
        return row
    return msgspec.structs.replace(row, again_tokens=again.tokens, again_usd=again.usd)


def charge_transcription(state: State, step: Step, line: Line, wire: WireUsage) -> UsageRow:
    """Return the row of what transcribing `line` used, and add it to the call.

    It is billed beside the turn's responses and comes when it likes, so that no turn's
    cost contains it.
    """
    usage = usage_of(wire)
    row = _row(state, step, "transcription", state.hearing.transcription_model, usage)
    row = msgspec.structs.replace(row, item_id=line.item_id, turn=line.turn)
    row = _with_cost(state, step, row, usage)
    sums, tokens = state.sums, row.tokens
    sums.transcription_input_tokens += tokens.input
    sums.transcription_output_tokens += tokens.output
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
    row = _with_cost(state, step, row, usage)
    state.sums.session_us += row.seconds_us
    _add(state, row)
    return row


def charge_message(state: State, step: Step, item_id: str) -> UsageRow | None:
    """Return the row of a message that the caller wrote, and add it to the call.

    None where messages cost nothing of their own.
    """
    row = _row(state, step, "message", model_of(state), Usage())
    price = _price(state, step, row)
    if price is None or price.per_text_message is None:
        return None
    row = _with_cost(state, step, msgspec.structs.replace(row, item_id=item_id), Usage())
    _add(state, row)
    return row


def is_paid_by_time(state: State, step: Step) -> bool:
    """Return whether the session of a conversation costs its time, in place of tokens."""
    row = _row(state, step, "session", model_of(state), Usage())
    price = _price(state, step, row)
    return price is not None and price.per_minute is not None


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


def _priced(row: UsageRow, usage: Usage, price: Price | None) -> Cost | None:
    if price is None:
        return None
    bounded = _bounded(row, usage)
    if row.kind == "message":
        return cost_of_message(price)
    if row.kind == "session":
        return cost_of_time(bounded.duration_us, price, standby_us=row.standby_us)
    costing = cost_of_response if row.kind == "response" else cost_of_transcription
    return costing(bounded, price)


def _bounded(row: UsageRow, usage: Usage) -> Usage:
    """Return `usage` as the row has it."""
    return Usage(
        **{name: getattr(row.tokens, name) for name in Tokens.__struct_fields__},
        duration_us=row.seconds_us,
        estimated=usage.estimated,
    )


def _price(state: State, step: Step, row: UsageRow) -> Price | None:
    provider = state.opened.provider if state.opened else ""
    price = step.prices.find(row.model, row.at_day, provider, row.org_id)
    given = state.opened.prices if state.opened and row.kind == "response" else {}
    return priced_by_call(price, given, row.model) if given else price


def audio_usd(row: UsageRow) -> Decimal | None:
    """Return what of the cost of a response its sound has; None when it is unpriced."""
    if row.cost_usd is None:
        return None
    return row.parts.output_audio


def _money(row: UsageRow, usage: Usage, price: Price) -> Money:
    parts = parts_of(_bounded(row, usage), price) or {}
    return Money(**{name: usd.quantize(PLACES, ROUND_HALF_EVEN) for name, usd in parts.items()})


def _version(state: State, step: Step, row: UsageRow) -> str:
    """Return which prices were taken: the table's, unless organisation or call have their own."""
    version = step.prices.version
    if state.opened is None:
        return version
    place = row.model, row.at_day, state.opened.provider, row.org_id
    if step.prices.find_own(*place) is not None:
        version += "+own"
    return f"{version}+call" if state.opened.prices and row.kind == "response" else version


def _with_cost(state: State, step: Step, row: UsageRow, usage: Usage) -> UsageRow:
    price = _price(state, step, row)
    cost = _priced(row, usage, price)
    if price is None or cost is None:
        return msgspec.structs.replace(row, estimated=usage.estimated)
    return msgspec.structs.replace(
        row,
        cost_usd=cost.usd.quantize(PLACES, ROUND_HALF_EVEN),
        parts=_money(row, usage, price) if price.per_minute is None else Money(),
        price_version=_version(state, step, row),
        estimated=cost.estimated,
    )


def _add(state: State, row: UsageRow) -> None:
    sums = state.sums
    if row.cost_usd is not None:
        sums.cost_usd = (sums.cost_usd or Decimal(0)) + row.cost_usd
    elif row.model not in sums.unpriced:
        sums.unpriced.append(row.model)
    gathering.billed(state.parts, row)
