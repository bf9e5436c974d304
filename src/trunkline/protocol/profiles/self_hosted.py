"""Pure. Servers that people run themselves: LocalAI, Speaches, vLLM (protocol.md 8.1).

Where each is, must be stored; whether it asks for a credential, whoever runs it decides.
"""

from __future__ import annotations

from trunkline.protocol.profiles.compatible import address, model_of
from trunkline.protocol.profiles.credentials import as_bearer, as_x_api_key
from trunkline.protocol.profiles.profile import Profile, speaks_beta, speaks_ga

LOCALAI = Profile(
    name="localai",
    title="LocalAI",
    usual_path="/v1/realtime",
    address=address,
    credential=as_bearer,
    credential_hint="Authorization: Bearer <its key>",
    keyless=True,
    model=model_of,
    dialect=speaks_ga,
)
SPEACHES = Profile(
    # A model beside intent=transcription is the one that transcribes: it travels, as everything
    # does here, though OpenAI would refuse it. Which dialect it speaks, nobody has verified.
    name="speaches",
    title="Speaches",
    usual_path="/v1/realtime",
    address=address,
    credential=as_x_api_key,
    credential_hint="X-API-Key: <its key>, here as Authorization: Bearer <its key>",
    keyless=True,
    model=model_of,
    dialect=speaks_ga,
)
VLLM = Profile(
    # Transcribes only, with events of its own, which are in neither dialect. As beta they are
    # neither bridged nor watched for a caller that speaks beta unsaid.
    name="vllm",
    title="vLLM",
    usual_path="/v1/realtime",
    address=address,
    credential=as_bearer,
    credential_hint="Authorization: Bearer <its key>",
    keyless=True,
    model=model_of,
    dialect=speaks_beta,
    own_events=True,
    hears_hz=16_000,
)
