"""The arithmetic of published prices and invoices (protocol.md 4), through the whole fold."""

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.recorder import script
from tests.recorder.script import begin, done, mic, provider, rows_of, session, sound, speech
from tests.support import golden
from tests.support.golden import OPENED_NS

from trunkline.journal.record import Kind, Record
from trunkline.recorder.fold import fold
from trunkline.recorder.state import State
from trunkline.store.facts.rows import CallRow, UsageRow

MODEL = "gpt-realtime-2.1"


def using(
    inputs: tuple[int, int] = (0, 0),
    outputs: tuple[int, int] = (0, 0),
    cached: tuple[int, int] | None = None,
    status: str = "completed",
) -> list[Any]:
    """One spoken turn whose response uses so many tokens of text and of sound."""
    given: dict[str, Any] = {"text_tokens": inputs[0], "audio_tokens": inputs[1]}
    if cached is not None:
        details = {"text_tokens": cached[0], "audio_tokens": cached[1]}
        given |= {"cached_tokens": sum(cached), "cached_tokens_details": details}
    made = {"text_tokens": outputs[0], "audio_tokens": outputs[1]}
    usage = {
        "input_tokens": sum(inputs), "output_tokens": sum(outputs),
        "total_tokens": sum(inputs) + sum(outputs),
        "input_token_details": given, "output_token_details": made,
    }  # fmt: skip
    return [
        session(0), mic(0, 4000), speech(1000, 2000, "item_1"), begin(2700, "resp_1"),
        sound(2800, "resp_1", "item_2", 100), done(3000, "resp_1", status, usage=usage),
    ]  # fmt: skip


def using_image(tokens: int, cached: int) -> list[Any]:
    """The same with an image alone."""
    told = using()
    usage = told[-1][2]["response"]["usage"]
    usage |= {"input_tokens": tokens, "total_tokens": tokens}
    usage["input_token_details"] = {
        "text_tokens": 0, "audio_tokens": 0, "image_tokens": tokens, "cached_tokens": cached,
        "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": cached},
    }  # fmt: skip
    return told


def usage_of(told: list[Any], **opened: Any) -> tuple[UsageRow, CallRow]:
    first, *rest = script.records(told)
    about = {**json.loads(first.payload), **opened}
    head = Record(
        Kind.OPENED, bytes(16), 0, received_ns=OPENED_NS, payload=json.dumps(about).encode()
    )
    state, rows = State.new(), []
    for record in (head, *rest):
        state, new = fold(state, record)
        rows += new
    latest = golden.latest(rows)
    (used,) = (row for row in latest if isinstance(row, UsageRow))
    from trunkline.recorder.fold import finish

    (call,) = (row for row in finish(state)[1] if isinstance(row, CallRow))
    return used, call


INVOICES = {
    # protocol.md 4.3, scale check
    "one uncached minute of the caller, 600 tokens": (using((0, 600)), "0.0192"),
    "one minute of the assistant, 1200 tokens": (using(outputs=(0, 1200)), "0.0768"),
    "the same minute of the caller from the cache": (using((0, 600), cached=(0, 600)), "0.00024"),
    # protocol.md 4.2: cached is a part of the input, never beside it
    "a million of each": (
        using((1_000_000, 1_000_000), (1_000_000, 1_000_000)),
        "124.00",  # 4 + 32 + 24 + 64
    ),
    "a million of each, half of the input cached": (
        using((1_000_000, 1_000_000), (0, 0), (500_000, 500_000)),
        "18.40",  # 2 + 16 + 0.2 + 0.2
    ),
    "an image, half of it from the cache": (
        using_image(1_000_000, cached=500_000),
        "2.75",  # 2.5 + 0.25
    ),
    "cancelled, and paid": (using((0, 600), status="cancelled"), "0.0192"),
    "failed, and paid": (using((0, 600), status="failed"), "0.0192"),
}


@pytest.mark.parametrize(("told", "usd"), INVOICES.values(), ids=INVOICES.keys())
def test_a_response_costs_what_the_price_page_says(told: list[Any], usd: str) -> None:
    used, call = usage_of(told)
    assert used.cost_usd == call.cost_usd == Decimal(usd)
    parts = (getattr(used.parts, name) for name in used.parts.__struct_fields__)
    assert sum(parts, Decimal(0)) == used.cost_usd


def test_cached_tokens_without_a_split_are_text_first_and_said_to_be_estimated() -> None:
    told = using((400, 600), cached=(0, 0))
    details = told[-1][2]["response"]["usage"]["input_token_details"]
    details["cached_tokens"] = 500
    del details["cached_tokens_details"]
    used, _ = usage_of(told)
    assert (used.tokens.cached_text, used.tokens.cached_audio, used.estimated) == (400, 100, True)
    # 500 × 32 + 400 × 0.40 + 100 × 0.40
    assert used.cost_usd == Decimal("0.0162")


REASONED = {
    # 20 × 24 + 30 × 64, per million: what was thought is a part of what was written
    "inside the text": ((20, 30), 50, "0.0024"),
    "beside it, in the sum alone": ((20, 30), 60, "0.00264"),
    "nothing was written": ((10, 0), 10, "0.00024"),
}


@pytest.mark.parametrize(("made", "total", "usd"), REASONED.values(), ids=REASONED.keys())
def test_reasoning_is_billed_once(made: tuple[int, int], total: int, usd: str) -> None:
    """10 tokens of it, which some models tell apart."""
    told = using(outputs=made)
    usage = told[-1][2]["response"]["usage"]
    usage["output_tokens"] = total
    usage["output_token_details"]["reasoning_tokens"] = 10
    used, call = usage_of(told)
    assert used.cost_usd == call.cost_usd == Decimal(usd)
    assert used.tokens.output == total


@pytest.mark.parametrize(
    ("model", "usage", "usd"),
    [
        ("whisper-1", {"type": "duration", "seconds": 60}, "0.006"),
        ("gpt-realtime-whisper", {"type": "duration", "seconds": 60}, "0.017"),
        ("gpt-transcribe", {"type": "duration", "seconds": 60}, "0.0045"),
        (
            "gpt-4o-transcribe",
            {"type": "tokens", "input_tokens": 1_000_000, "output_tokens": 1_000_000},
            "12.50",
        ),
        ("nobodys-transcriber", {"type": "duration", "seconds": 60}, None),
    ],
)
def test_a_transcription_is_billed_beside(
    model: str, usage: dict[str, Any], usd: str | None
) -> None:
    configured = session(0)
    configured[2]["session"]["audio"]["input"]["transcription"] = {"model": model}
    name = "conversation.item.input_audio_transcription.completed"
    told = [
        configured, mic(0, 3000), speech(1000, 2000, "item_1"),
        provider(2900, name, item_id="item_1", transcript="Hi", usage=usage),
    ]  # fmt: skip
    (used,) = rows_of(UsageRow, *told)
    assert used.cost_usd == (None if usd is None else Decimal(usd))
    (call,) = rows_of(CallRow, *told)
    assert call.unpriced == ((model,) if usd is None else ())


def test_a_call_brings_its_own_prices() -> None:
    """A tenth of the list price of the caller's sound; all else as in the table."""
    used, call = usage_of(using((0, 600), (0, 1200)), prices={"audio_in": "3.2"})
    assert used.cost_usd == call.cost_usd == Decimal("0.00192") + Decimal("0.0768")
    assert used.price_version.endswith("+call")


def test_a_model_without_a_price_has_the_calls_own() -> None:
    told, prices = using((0, 1_000_000)), {"audio_in": "3"}
    used, call = usage_of(told, model_used="acme-voice-3", prices=prices)
    assert (used.cost_usd, call.unpriced) == (Decimal(3), ())
    used, call = usage_of(told, model_used="acme-voice-3", prices={"audio_in": "much"})
    assert (used.cost_usd, call.unpriced) == (None, ("acme-voice-3",))
