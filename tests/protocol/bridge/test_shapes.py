"""Settings keep what neither dialect knows, and stand whatever shape they are given."""

from typing import Any

import pytest

from trunkline.protocol.bridge.shapes import (
    RESPONSE,
    RESPONSE_TOLD,
    SESSION,
    TRANSCRIPTION,
    Shape,
    to_beta,
    to_ga,
)

KEPT_UP: dict[str, tuple[Shape, dict[str, Any]]] = {
    "an unknown format, for the provider to refuse": (SESSION, {"input_audio_format": "mp3"}),
    "a format of GA shape": (SESSION, {"input_audio_format": {"type": "audio/pcmu"}}),
    "modalities that are no list": (SESSION, {"modalities": "audio"}),
}


@pytest.mark.parametrize(("shape", "flat"), KEPT_UP.values(), ids=KEPT_UP.keys())
def test_values_that_are_not_known_go_up_as_they_are(shape: Shape, flat: dict[str, Any]) -> None:
    made = to_ga(flat, shape, asked=True).fields
    (value,) = flat.values()
    assert value in (
        made.get("output_modalities"),
        made.get("audio", {}).get("input", {}).get("format"),
    )


LOST: dict[str, tuple[Shape, dict[str, Any], tuple[str, ...]]] = {
    "temperature": (SESSION, {"temperature": 0.8, "voice": "ash"}, ("temperature",)),
    "temperature of a response": (RESPONSE, {"temperature": 0.8}, ("temperature",)),
    "secrets": (TRANSCRIPTION, {"client_secret": {}}, ("client_secret",)),
    "audio that is no object": (SESSION, {"audio": 7, "voice": "ash"}, ("audio",)),
    "a side of audio that is no object": (SESSION, {"audio": {"input": 7}}, ("audio",)),
    "nothing": (SESSION, {"voice": "ash", "unheard_of": 1}, ()),
}


@pytest.mark.parametrize(("shape", "flat", "lost"), LOST.values(), ids=LOST.keys())
def test_what_has_no_place_is_named(
    shape: Shape, flat: dict[str, Any], lost: tuple[str, ...]
) -> None:
    made = to_ga(flat, shape, asked=True)
    assert made.lost == lost
    assert not set(lost) & made.fields.keys() - {"audio"}


def test_a_flat_field_wins_over_a_nested_one_whatever_their_order() -> None:
    audio = {"output": {"voice": "marin"}}
    for flat in ({"voice": "ash", "audio": audio}, {"audio": audio, "voice": "ash"}):
        assert to_ga(flat, SESSION, asked=True).fields == {"audio": {"output": {"voice": "ash"}}}
    assert audio == {"output": {"voice": "marin"}}


FLATTENED: dict[str, tuple[Shape, dict[str, Any], dict[str, Any]]] = {
    "PCM of another rate": (
        SESSION,
        {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
        {"input_audio_format": "pcm16_16000hz"},
    ),
    "A-law": (
        SESSION,
        {"audio": {"output": {"format": {"type": "audio/pcma"}}}},
        {"output_audio_format": "g711_alaw"},
    ),
    "a format that beta has no name for": (
        SESSION,
        {"audio": {"output": {"format": {"type": "audio/opus"}}}},
        {"output_audio_format": {"type": "audio/opus"}},
    ),
    "a voice with an id": (
        SESSION,
        {"audio": {"output": {"voice": {"id": "voice_1"}}}},
        {"voice": "voice_1"},
    ),
    "a setting that beta never had": (
        SESSION,
        {"audio": {"output": {"voice": "ash", "reverb": 1}}},
        {"voice": "ash", "audio": {"output": {"reverb": 1}}},
    ),
    "both modalities": (
        SESSION,
        {"output_modalities": ["text", "audio"]},
        {"modalities": ["text", "audio"]},
    ),
    "audio that is no object": (SESSION, {"audio": 7}, {"audio": 7}),
    "a response keeps max_output_tokens": (
        RESPONSE_TOLD,
        {"max_output_tokens": 7, "output_modalities": ["text"]},
        {"max_output_tokens": 7, "modalities": ["text"]},
    ),
}


@pytest.mark.parametrize(("shape", "ga", "beta"), FLATTENED.values(), ids=FLATTENED.keys())
def test_flattened(shape: Shape, ga: dict[str, Any], beta: dict[str, Any]) -> None:
    assert to_beta(ga, shape, asked=False) == (beta, ())


ASKED: dict[str, tuple[Shape, dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "what beta never had": (
        SESSION,
        {"truncation": "disabled", "reasoning": {"effort": "low"}, "instructions": "Hi"},
        {"instructions": "Hi"},
        ("truncation", "reasoning"),
    ),
    "what means nothing": (
        SESSION,
        {"truncation": "auto", "parallel_tool_calls": True, "prompt": None, "include": []},
        {},
        (),
    ),
    "inside what beta has": (
        SESSION,
        {
            "audio": {
                "input": {
                    "transcription": {"model": "m", "keywords": ["x"], "languages": [], "delay": 1},
                    "noise_reduction": {"type": "near_field", "strength": 1},
                    "turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000},
                }
            }
        },
        {
            "input_audio_transcription": {"model": "m"},
            "input_audio_noise_reduction": {"type": "near_field"},
            "turn_detection": {"type": "server_vad"},
        },
        (
            "audio.input.transcription.keywords",
            "audio.input.transcription.delay",
            "audio.input.noise_reduction.strength",
            "audio.input.turn_detection.idle_timeout_ms",
        ),
    ),
    "a place that beta has no name for": (
        RESPONSE,
        {"audio": {"output": {"voice": "ash", "speed": 2}}},
        {"voice": "ash"},
        ("audio.output.speed",),
    ),
    "audio that is no object": (SESSION, {"audio": 7}, {}, ("audio",)),
    "a transcription session has its include": (
        TRANSCRIPTION,
        {"include": ["item.input_audio_transcription.logprobs"]},
        {"include": ["item.input_audio_transcription.logprobs"]},
        (),
    ),
}


@pytest.mark.parametrize(("shape", "ga", "beta", "lost"), ASKED.values(), ids=ASKED.keys())
def test_what_is_asked_of_beta(
    shape: Shape, ga: dict[str, Any], beta: dict[str, Any], lost: tuple[str, ...]
) -> None:
    assert to_beta(ga, shape, asked=True) == (beta, lost)


def test_what_beta_tells_stays_under_its_name() -> None:
    told = {"temperature": 0.8, "client_secret": None, "voice": "ash"}
    assert to_ga(told, SESSION, asked=False).fields == {
        "temperature": 0.8,
        "client_secret": None,
        "audio": {"output": {"voice": "ash"}},
    }
