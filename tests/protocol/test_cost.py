"""Amounts that were worked out by hand, from protocol.md 4.2 and 4.3."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.protocol.cost import cost_of_response, cost_of_time, cost_of_transcription
from trunkline.protocol.prices import Price, shipped
from trunkline.protocol.usage import Usage, WireUsage, usage_of


def price(model: str, provider: str = "") -> Price:
    found = shipped().find(model, "2026-11-22", provider)
    assert found is not None
    return found


REALTIME = price("gpt-realtime-2.1")
MINI = price("gpt-realtime-2.1-mini")

RESPONSES = {
    "a minute of uncached caller audio": (REALTIME, Usage(input_audio=600), "0.0192"),
    "a minute of assistant audio": (REALTIME, Usage(output_audio=1200), "0.0768"),
    "nothing": (REALTIME, Usage(), "0"),
    # 55 × 4 + 13 × 32 + 64 × 0.40 + 30 × 24 + 91 × 64 = 7,205.6 millionths
    "every kind at once, cached paid once": (
        REALTIME,
        Usage(input_text=119, input_audio=13, cached_text=64, output_text=30, output_audio=91),
        "0.0072056",
    ),
    # 100 × 10 + 500 × 0.30 + 1,000 × 20 = 21,150 millionths
    "cached audio of the small model": (
        MINI,
        Usage(input_audio=600, cached_audio=500, output_audio=1000),
        "0.02115",
    ),
    # 336 × 5 + 64 × 0.50 = 1,712 millionths
    "an image": (REALTIME, Usage(input_image=400, cached_image=64), "0.001712"),
}


@pytest.mark.parametrize(("at", "usage", "usd"), RESPONSES.values(), ids=RESPONSES.keys())
def test_a_response_costs(at: Price, usage: Usage, usd: str) -> None:
    assert cost_of_response(usage, at) == (Decimal(usd), False)


def test_a_guess_is_passed_on() -> None:
    cost = cost_of_response(Usage(input_text=100, cached_text=64, estimated=True), REALTIME)
    assert cost == (Decimal("0.0001696"), True)  # 36 × 4 + 64 × 0.40


def test_a_modality_without_a_price_leaves_the_response_unpriced() -> None:
    assert cost_of_response(Usage(input_image=1), price("gpt-4o-realtime-preview")) is None


def test_without_a_cached_price_cached_input_costs_what_other_input_costs() -> None:
    plain = Price(model="m", text_in=Decimal(4))
    assert cost_of_response(Usage(input_text=100, cached_text=50), plain) == (
        Decimal("0.0004"),
        False,
    )


TRANSCRIPTIONS = {
    "whisper, 10 s": ("whisper-1", "", Usage(duration_us=10_000_000), "0.001"),
    "a model whose second is no round number": (
        "gpt-live-transcribe",
        "",
        Usage(duration_us=1_000_000),
        "0.000283333333",
    ),
    # 14 × 2.50 + 12 × 10 = 155 millionths
    "by tokens": ("gpt-4o-transcribe", "", Usage(input_audio=14, output_text=12), "0.000155"),
    # 14 × 6 + 12 × 10 = 204 millionths
    "by tokens at Azure": (
        "gpt-4o-transcribe",
        "azure",
        Usage(input_audio=14, output_text=12),
        "0.000204",
    ),
    "silence": ("whisper-1", "", Usage(), "0"),
}


@pytest.mark.parametrize(
    ("model", "provider", "usage", "usd"), TRANSCRIPTIONS.values(), ids=TRANSCRIPTIONS.keys()
)
def test_a_transcription_costs(model: str, provider: str, usage: Usage, usd: str) -> None:
    assert cost_of_transcription(usage, price(model, provider)) == (Decimal(usd), False)


def test_usage_in_another_measure_than_the_price_is_unpriced() -> None:
    assert cost_of_transcription(Usage(input_audio=14), price("whisper-1")) is None
    assert cost_of_transcription(Usage(duration_us=1), price("gpt-4o-transcribe")) is None
    assert cost_of_time(60_000_000, REALTIME) is None


def test_a_minute_of_translation_costs_its_price() -> None:
    assert cost_of_time(60_000_000, price("gpt-realtime-translate")) == (Decimal("0.034"), False)


def test_a_number_that_nobody_can_have_used_still_has_a_cost() -> None:
    usage = usage_of(WireUsage(input_tokens=10**40, output_tokens=10**40, seconds=1e300))
    assert cost_of_response(usage, REALTIME) is not None
    assert cost_of_transcription(usage, price("whisper-1")) is not None


counts = st.integers(0, 100_000)


@given(counts, counts)
def test_caching_never_costs_more(tokens: int, cached: int) -> None:
    with_cache = cost_of_response(Usage(input_audio=tokens + cached, cached_audio=cached), REALTIME)
    without = cost_of_response(Usage(input_audio=tokens + cached), REALTIME)
    assert with_cache is not None
    assert without is not None
    assert with_cache.usd <= without.usd
