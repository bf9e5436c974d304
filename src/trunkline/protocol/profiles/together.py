"""Pure. Together: transcription in beta, by a header that it requires (protocol.md 8.1)."""

from __future__ import annotations

from trunkline.protocol.profiles import openai
from trunkline.protocol.profiles.ask import Ask
from trunkline.protocol.profiles.credentials import as_bearer
from trunkline.protocol.profiles.openai import model_of
from trunkline.protocol.profiles.profile import Profile, speaks_beta

_FORMAT = "input_audio_format"


def address(ask: Ask, base: str, model: str) -> str:
    """Return `base` with the model and the format of the audio, which it wants to be told."""
    url = openai.address(ask, base, model)
    return (
        url if ask.value(_FORMAT) else f"{url}{'&' if '?' in url else '?'}{_FORMAT}=pcm_s16le_16000"
    )


TOGETHER = Profile(
    name="together",
    title="Together",
    url="wss://api.together.ai/v1/realtime",
    address=address,
    credential=as_bearer,
    credential_hint="Authorization: Bearer <your Together key>",
    model=model_of,
    dialect=speaks_beta,
    always=(("OpenAI-Beta", "realtime=v1"),),
)
