"""Every token is counted once, whatever the provider leaves out."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocol.frames import USAGE

from trunkline.protocol.usage import Usage, WireUsage, usage_of


def counted(fields: dict[str, Any]) -> Usage:
    return usage_of(msgspec.convert(fields, WireUsage))


CASES: dict[str, tuple[dict[str, Any], Usage]] = {
    "all details": (
        USAGE,
        Usage(input_text=119, input_audio=13, cached_text=64, output_text=30, output_audio=91),
    ),
    "nothing, as xAI sends it": ({}, Usage()),
    "cached without its split is text first, then audio": (
        {
            "input_tokens": 300,
            "input_token_details": {"text_tokens": 100, "audio_tokens": 200, "cached_tokens": 128},
        },
        Usage(input_text=100, input_audio=200, cached_text=100, cached_audio=28, estimated=True),
    ),
    "nothing cached needs no split": (
        {"input_token_details": {"text_tokens": 100, "cached_tokens": 0}},
        Usage(input_text=100),
    ),
    "no more is cached than there is": (
        {
            "input_token_details": {
                "audio_tokens": 10,
                "cached_tokens": 64,
                "cached_tokens_details": {"audio_tokens": 64},
            }
        },
        Usage(input_audio=10, cached_audio=10, estimated=True),
    ),
    "a sum without details is text": (
        {"input_tokens": 50, "output_tokens": 7},
        Usage(input_text=50, output_text=7, estimated=True),
    ),
    "images": (
        {
            "input_token_details": {
                "image_tokens": 400,
                "cached_tokens": 64,
                "cached_tokens_details": {"image_tokens": 64},
            }
        },
        Usage(input_image=400, cached_image=64),
    ),
    "a transcription by tokens writes text, which is no guess": (
        {
            "type": "tokens",
            "total_tokens": 26,
            "input_tokens": 14,
            "output_tokens": 12,
            "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
        },
        Usage(input_audio=14, output_text=12),
    ),
    "a transcription by time": (
        {"type": "duration", "seconds": 3},
        Usage(duration_us=3_000_000),
    ),
    "negative numbers are nothing": (
        {"input_tokens": -5, "output_token_details": {"audio_tokens": -1}, "seconds": -2.5},
        Usage(),
    ),
}


@pytest.mark.parametrize(("wire", "expected"), CASES.values(), ids=CASES.keys())
def test_usage(wire: dict[str, Any], expected: Usage) -> None:
    assert counted(wire) == expected


def test_sums_are_those_of_the_provider() -> None:
    usage = counted(USAGE)
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (132, 64, 121)


numbers = st.none() | st.integers(-10, 1000)
details = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("text_tokens", "audio_tokens", "image_tokens"), numbers)
)


@given(details, details, numbers, numbers)
def test_cached_is_always_a_part_of_its_modality(
    given_: dict[str, Any], cached: dict[str, Any], sum_: int | None, cached_sum: int | None
) -> None:
    inputs = {**given_, "cached_tokens": cached_sum, "cached_tokens_details": cached}
    usage = counted({"input_tokens": sum_, "input_token_details": inputs})
    assert 0 <= usage.cached_text <= usage.input_text
    assert 0 <= usage.cached_audio <= usage.input_audio
    assert 0 <= usage.cached_image <= usage.input_image
    assert usage.cached_tokens >= min(cached_sum or 0, usage.input_tokens)
