import pytest

from trunkline.relay import call_prices
from trunkline.relay.head import parse_head


def told(*headers: str) -> tuple[dict[str, str], list[str]]:
    head = parse_head("\r\n".join(("GET / HTTP/1.1", "Host: x", *headers)).encode())
    return call_prices.given(head), [note.data["header"] for note in call_prices.bad(head)]


def test_dollars_a_token_are_dollars_a_million() -> None:
    assert told("Helicone-Input-Token-Cost: 0.000004", "Helicone-Output-Token-Cost: 2.4e-5") == (
        {"text_in": "4", "audio_in": "4", "text_out": "24", "audio_out": "24"},
        [],
    )


def test_what_is_said_of_sound_outdoes_what_is_said_of_all() -> None:
    given, _ = told(
        "Helicone-Input-Audio-Token-Cost: 0.000032", "Helicone-Input-Token-Cost: 0.000004"
    )
    assert given == {"text_in": "4", "audio_in": "32"}


@pytest.mark.parametrize("amount", ["free", "-1", "NaN", "Infinity", "1e9", "0x10", "1,5"])
def test_what_is_no_amount_is_noted_and_changes_nothing(amount: str) -> None:
    assert told(f"Helicone-Input-Token-Cost: {amount}") == ({}, ["helicone-input-token-cost"])


def test_a_call_may_be_free() -> None:
    assert told("Helicone-Cached-Input-Token-Cost: 0") == (
        {"text_cached": "0", "audio_cached": "0"},
        [],
    )


def test_a_call_that_says_nothing_has_the_tables_prices() -> None:
    assert told() == ({}, [])
