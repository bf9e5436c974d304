"""Paths into a GA event are paths into the beta event that the caller sent."""

import pytest

from trunkline.protocol.bridge.errors import beta_path, error_to_ga, ga_path

PATHS = {
    "session.audio.output.voice": "session.voice",
    "session.audio.output.speed": "session.speed",
    "session.audio.input.format": "session.input_audio_format",
    "session.audio.input.format.rate": "session.input_audio_format",
    "session.audio.output.format.type": "session.output_audio_format",
    "session.audio.input.transcription.model": "session.input_audio_transcription.model",
    "session.audio.input.noise_reduction.type": "session.input_audio_noise_reduction.type",
    "session.audio.input.turn_detection.threshold": "session.turn_detection.threshold",
    "session.output_modalities": "session.modalities",
    "session.output_modalities[0]": "session.modalities[0]",
    "session.max_output_tokens": "session.max_response_output_tokens",
    "response.output_modalities": "response.modalities",
    "response.audio.output.voice": "response.voice",
    "response.audio.output.format": "response.output_audio_format",
    "response.max_output_tokens": "response.max_response_output_tokens",
    "session.audio.output.voicemail": "session.audio.output.voicemail",
    "session.instructions": "session.instructions",
    "item.content[0].type": "item.content[0].type",
    "": "",
}


@pytest.mark.parametrize(("ga", "beta"), PATHS.items())
def test_a_path(ga: str, beta: str) -> None:
    assert beta_path(ga) == beta


INTO = ("session.audio.input.format.rate", "session.audio.output.format.type")


@pytest.mark.parametrize(("ga", "beta"), [pair for pair in PATHS.items() if pair[0] not in INTO])
def test_a_path_and_back(ga: str, beta: str) -> None:
    assert ga_path(beta) == ga


def test_an_error_names_what_a_ga_caller_sent() -> None:
    error = {"message": "Invalid value at 'session.voice'.", "param": "session.voice", "code": "c"}
    path = "session.audio.output.voice"
    expected = {"message": f"Invalid value at '{path}'.", "param": path, "code": "c"}
    assert error_to_ga(error) == expected


@pytest.mark.parametrize("error", [None, 7, {}, {"param": 7}, {"param": "item", "message": "m"}])
def test_an_error_about_nothing_renamed_stays(error: object) -> None:
    assert error_to_ga(error) == error
