"""Pure. OpenAI (protocol.md 1.1).

Accepts the upgrade before it looks at the credential: a bad one is an `error` event and
a close 3000. The beta is fatal since 2026-05-12 (close 4000), so it never travels.
"""

from __future__ import annotations

from trunkline.protocol.profiles.ask import Ask, passed_query, with_query
from trunkline.protocol.profiles.credentials import as_bearer
from trunkline.protocol.profiles.profile import Profile, model_of_query, speaks_ga


def address(ask: Ask, base: str, model: str) -> str:
    """Return `base`, the realtime endpoint, with the query that travels."""
    # A model beside intent=transcription is refused as `invalid_model`; LiveKit's plugin adds
    # one when the host is not OpenAI's (clients.md 2.4).
    return with_query(base, passed_query(ask, "" if ask.transcribes else model))


OPENAI = Profile(
    name="openai",
    title="OpenAI",
    url="wss://api.openai.com/v1/realtime",
    address=address,
    credential=as_bearer,
    credential_hint="Authorization: Bearer <your OpenAI key>",
    model=model_of_query,
    dialect=speaks_ga,
    maps_models=True,
)
