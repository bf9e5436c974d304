"""Paths into a GA event are paths into the beta event that the caller sent."""

import pytest

from trunkline.protocol.bridge_errors import beta_path

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
