"""Pure. xAI's Grok voice: GA, with habits of its own (protocol.md 8.1).

Its `?conversation_id=` resumes a conversation, and travels.
"""

from __future__ import annotations

from trunkline.protocol.profiles.credentials import as_bearer
from trunkline.protocol.profiles.openai import address, model_of
from trunkline.protocol.profiles.profile import Profile, speaks_ga

XAI = Profile(
    name="xai",
    title="xAI",
    url="wss://api.x.ai/v1/realtime",
    address=address,
    credential=as_bearer,
    credential_hint="Authorization: Bearer <your xAI key>",
    model=model_of,
    dialect=speaks_ga,
    models=("grok-*",),
    # Sources say 60 minutes or 120: nothing is known.
    idle_s=900,
)
