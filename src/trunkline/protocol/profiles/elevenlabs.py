"""Pure. ElevenLabs: GA; the credential is a subprotocol (protocol.md 8.1)."""

from __future__ import annotations

from trunkline.protocol.profiles.credentials import as_subprotocol
from trunkline.protocol.profiles.openai import address, model_of
from trunkline.protocol.profiles.profile import Profile, speaks_ga

ELEVENLABS = Profile(
    name="elevenlabs",
    title="ElevenLabs",
    url="wss://api.elevenlabs.io/v1/convai/realtime",
    address=address,
    credential=as_subprotocol,
    credential_hint="Authorization: Bearer <your ElevenLabs key>",
    model=model_of,
    dialect=speaks_ga,
    models=("eleven_*",),
)
