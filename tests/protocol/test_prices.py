"""The table answers for a model on a day, and nothing is free by accident."""

from decimal import Decimal
from typing import Any

import pytest

from trunkline.errors import OperatorError
from trunkline.protocol.prices import Price, PriceTable, parse, shipped

TODAY = "2026-11-22"


def found(model: str, provider: str = "", day: str = TODAY) -> Price:
    price = shipped().find(model, day, provider)
    assert price is not None
    return price


# protocol.md 4.3: text in, cached, out; audio in, cached, out; image in, cached.
LISTED = {
    "gpt-realtime-2.1": "4.00 0.40 24.00 32.00 0.40 64.00 5.00 0.50",
    "gpt-realtime-2": "4.00 0.40 24.00 32.00 0.40 64.00 5.00 0.50",
    "gpt-realtime-1.5": "4.00 0.40 16.00 32.00 0.40 64.00 5.00 0.50",
    "gpt-realtime": "4.00 0.40 16.00 32.00 0.40 64.00 5.00 0.50",
    "gpt-realtime-2.1-mini": "0.60 0.06 2.40 10.00 0.30 20.00 0.80 0.08",
    "gpt-realtime-mini": "0.60 0.06 2.40 10.00 0.30 20.00 0.80 0.08",
    "gpt-4o-realtime-preview": "5.00 2.50 20.00 40.00 2.50 80.00 - -",
    "gpt-4o-mini-realtime-preview": "0.60 0.30 2.40 10.00 0.30 20.00 - -",
}


@pytest.mark.parametrize(("model", "row"), LISTED.items())
def test_token_prices_are_those_of_the_list(model: str, row: str) -> None:
    price = found(model)
    figures = [None if text == "-" else Decimal(text) for text in row.split()]
    assert figures == [
        *(price.text_in, price.text_cached, price.text_out),
        *(price.audio_in, price.audio_cached, price.audio_out),
        *(price.image_in, price.image_cached),
    ]


@pytest.mark.parametrize(
    ("model", "per_minute"),
    [
        ("gpt-realtime-whisper", "0.017"),
        ("gpt-live-transcribe", "0.017"),
        ("gpt-transcribe", "0.0045"),
        ("whisper-1", "0.006"),
        ("gpt-realtime-translate", "0.034"),
        ("gpt-live-1", "0.05"),
    ],
)
def test_prices_by_the_minute_are_those_of_the_list(model: str, per_minute: str) -> None:
    assert found(model).per_minute == Decimal(per_minute)


@pytest.mark.parametrize(
    ("snapshot", "family"),
    [
        ("gpt-realtime-mini-2025-12-15", "gpt-realtime-mini"),
        ("gpt-realtime-2025-08-28", "gpt-realtime"),
        ("gpt-4o-realtime-preview-2024-12-17", "gpt-4o-realtime-preview"),
        ("gpt-4o-mini-transcribe-2025-12-15", "gpt-4o-mini-transcribe"),
    ],
)
def test_a_snapshot_costs_what_its_family_costs(snapshot: str, family: str) -> None:
    assert found(snapshot) == found(family)


@pytest.mark.parametrize("model", ["", "gpt-realtime-9", "gpt-realtime-2.1-maxi", "my-deployment"])
def test_a_model_without_a_price_is_unpriced(model: str) -> None:
    assert shipped().find(model, TODAY) is None


def test_a_price_counts_from_its_day() -> None:
    assert shipped().find("gpt-realtime", "2025-08-27") is None
    assert shipped().find("gpt-realtime", "2025-08-28") is not None


def test_the_latest_price_of_the_day_counts() -> None:
    rows = tuple(
        Price(model="m", provider="openai", valid_from=day, text_in=Decimal(cents))
        for day, cents in (("2026-01-01", 3), ("2026-06-01", 2), ("2026-12-01", 1))
    )
    price = PriceTable("v", rows).find("m", TODAY)
    assert price is not None
    assert price.text_in == 2


def test_a_provider_has_its_own_price_where_it_differs() -> None:
    assert found("gpt-4o-transcribe", "azure").audio_in == Decimal("6.00")
    assert found("gpt-4o-transcribe", "openai").audio_in == Decimal("2.50")
    assert found("gpt-realtime-2.1", "azure") == found("gpt-realtime-2.1", "openai")


def test_the_simulator_shows_the_cost_of_the_model_it_plays_and_says_so() -> None:
    simulated, real = found("simulator", "simulator"), found("gpt-realtime-2.1")
    assert simulated.simulated
    assert not real.simulated
    assert (simulated.audio_out, simulated.text_in) == (real.audio_out, real.text_in)
    assert found("gpt-realtime-2.1", "simulator") == real


def test_an_override_replaces_its_model_on_every_day_and_no_other() -> None:
    data = {"version": "ours", "prices": [{"model": "gpt-realtime", "audio_out": "1.50"}]}
    table = shipped().overlaid(data)
    price = table.find("gpt-realtime-2025-08-28", "2026-01-01", "azure")
    assert price is not None
    assert (price.audio_out, price.audio_in) == (Decimal("1.50"), None)
    assert table.find("gpt-realtime-2.1", TODAY) == found("gpt-realtime-2.1")
    assert table.version == f"{shipped().version}+ours"


def test_an_override_for_one_provider_leaves_the_others() -> None:
    row = {"provider": "azure", "model": "gpt-realtime-2.1", "text_in": "4.40"}
    table = shipped().overlaid({"prices": [row]})
    azure, openai = (table.find("gpt-realtime-2.1", TODAY, name) for name in ("azure", "openai"))
    assert azure is not None
    assert azure.text_in == Decimal("4.40")
    assert openai == found("gpt-realtime-2.1")


WRONG: dict[str, tuple[Any, str]] = {
    "a misspelt field": ({"prices": [{"model": "m", "txt_in": "1"}]}, "txt_in"),
    "a price that is no number": ({"prices": [{"model": "m", "text_in": "free"}]}, "text_in"),
    "a price below nothing": ({"prices": [{"model": "m", "text_in": "-1"}]}, "m: a price is"),
    "a price without end": ({"prices": [{"model": "m", "text_in": "Infinity"}]}, "m: a price is"),
    "no price at all": ({"prices": [{"model": "m"}]}, "m has no price"),
    "a day that is none": (
        {"prices": [{"model": "m", "text_in": "1", "valid_from": "May"}]},
        "YYYY-MM-DD",
    ),
    "no rows": ({}, "prices"),
    "no table": ([], "object"),
}


@pytest.mark.parametrize(("data", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_override_is_named(data: object, said: str) -> None:
    with pytest.raises(OperatorError, match=said):
        shipped().overlaid(data)


def test_a_file_that_is_not_json_is_named() -> None:
    with pytest.raises(OperatorError, match="not JSON"):
        parse(b"prices:")
