"""What providers quote in their errors and must not reach a page."""

import pytest

from trunkline.recorder.redact import HIDDEN, redacted

SECRETS = [
    "sk-proj-abcdefghijkl",
    "sk-abc***********wxyz",
    "ek_68af296e8e408191a1120ab6383263c2",
    "0123456789abcdef0123456789abcdef",
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "FQ2rwxEXAMPLEkeyOfEightyFourLettersJQQJ99BKACHYHv6XJ3w3AAABACOGabcd",
]
HARMLESS = [
    "The model `gpt-4o-mini-realtime-preview-2024-12-17` does not exist.",
    "Invalid value: 'session.audio.input.turn_detection.silence_duration_ms'.",
    "No item item_C9G6Tl6mPSWX2yXGGnNvA was found; risk-free to go on.",
    "",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_credential_is_hidden(secret: str) -> None:
    said = f"Incorrect API key provided: {secret}, see the documentation."
    assert redacted(said) == f"Incorrect API key provided: {HIDDEN}, see the documentation."


def test_a_bearer_is_hidden_whatever_it_is() -> None:
    assert redacted("Authorization: Bearer abc.def-12345") == f"Authorization: Bearer {HIDDEN}"


@pytest.mark.parametrize("text", HARMLESS)
def test_everything_else_stays(text: str) -> None:
    assert redacted(text) == text


def test_nothing_is_no_text_and_much_is_cut() -> None:
    assert redacted(None) == ""
    assert len(redacted("a b " * 10_000)) <= 2_000
