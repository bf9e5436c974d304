"""Usage becomes rows and money."""

from decimal import Decimal
from typing import Any

from tests.recorder.folding import run
from tests.recorder.script import begin, done, provider, records, rows_of, session
from tests.support.golden import WALL_NS

from trunkline.journal.record import Kind
from trunkline.recorder.cost import day_of
from trunkline.recorder.summary import call_row
from trunkline.store.facts.rows import UsageRow

USAGE = {
    "input_tokens": 1000,
    "output_tokens": 200,
    "input_token_details": {
        "text_tokens": 400,
        "audio_tokens": 600,
        "cached_tokens": 500,
        "cached_tokens_details": {"text_tokens": 300, "audio_tokens": 200},
    },
    "output_token_details": {"text_tokens": 50, "audio_tokens": 150},
}


def billed(
    usage: dict[str, Any], model: str = "gpt-realtime-2.1", status: str = "completed"
) -> Any:
    told = provider(0, "session.created", session={"id": "s", "model": model})
    (row,) = rows_of(UsageRow, told, begin(10, "r1"), done(20, "r1", status, usage=usage))
    return row


def test_a_response_costs_its_tokens_at_the_price_of_their_modality() -> None:
    """100 × 4 + 300 × 0.40 + 400 × 32 + 200 × 0.40 + 50 × 24 + 150 × 64, per million."""
    assert at_2026(USAGE).cost_usd == Decimal("0.0242")


def at_2026(usage: dict[str, Any]) -> Any:
    """Of a call of 2026-11-20, as all that are told are."""
    return billed(usage)


def test_prices_are_those_of_the_day() -> None:
    row = at_2026(USAGE)
    assert (row.at_day, row.price_version != "") == ("2026-11-20", True)
    before = in_1970(USAGE)
    assert (before.at_day, before.cost_usd) == ("1970-01-01", None)


def in_1970(usage: dict[str, Any]) -> Any:
    """Fold a call from before there were prices."""
    told = provider(0, "session.created", session={"id": "s", "model": "gpt-realtime-2.1"})
    first, *rest = records([told, begin(10, "r1"), done(20, "r1", usage=usage)])
    payload = first.payload.replace(b'"wall_ns": %d' % WALL_NS, b'"wall_ns": 0')
    opened = type(first)(Kind.OPENED, first.call, 0, received_ns=first.received_ns, payload=payload)
    (row,) = [row for row in run([opened, *rest]).rows if isinstance(row, UsageRow)]
    return row


def test_a_model_without_a_price_is_unpriced_and_not_free() -> None:
    told = provider(0, "session.created", session={"id": "s", "model": "voice-of-tomorrow"})
    call = call_row(run(records([told, begin(10, "r1"), done(20, "r1", usage=USAGE)])).state)
    assert call.cost_usd is None
    assert call.unpriced == ("voice-of-tomorrow",)


def test_a_cancelled_response_is_billed_too() -> None:
    assert billed(USAGE, status="cancelled").tokens.output_audio == 150


def test_a_response_without_usage_gives_no_row() -> None:
    assert rows_of(UsageRow, session(), begin(10, "r1"), done(20, "r1")) == []


def test_tokens_whose_split_is_missing_are_text_and_marked() -> None:
    row = at_2026({"input_tokens": 100, "input_token_details": {"cached_tokens": 50}})
    assert (row.tokens.input_text, row.tokens.cached_text, row.estimated) == (100, 50, True)
    assert row.cost_usd == Decimal("0.00022")


def test_what_a_wild_provider_counts_can_be_stored() -> None:
    row = at_2026({"input_tokens": 10**30, "output_tokens": -5})
    assert row.tokens.input_text <= 10**12
    assert row.tokens.output_text == 0


def test_a_transcription_is_billed_beside_the_turn() -> None:
    usage = {"type": "tokens", "input_tokens": 100, "output_tokens": 20}
    told = provider(
        5, "conversation.item.input_audio_transcription.completed", item_id="u1", transcript="Hi",
        usage=usage,
    )  # fmt: skip
    (row,) = rows_of(UsageRow, session(), told)
    assert (row.kind, row.item_id, row.tokens.output_text) == ("transcription", "u1", 20)
    call = call_row(run(records([session(), told])).state)
    assert (call.transcription_input_tokens, call.transcription_output_tokens) == (100, 20)
    assert call.tokens.input_text == 0


def test_the_day_is_that_of_the_world() -> None:
    assert day_of(1_795_168_800_000_000) == "2026-11-20"
