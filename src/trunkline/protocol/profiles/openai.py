"""Pure. OpenAI (protocol.md 1.1).

Accepts the upgrade before it looks at the credential: a bad one is an `error` event and
a close 3000. The beta is fatal since 2026-05-12 (close 4000), so it never travels.
"""

from __future__ import annotations

from urllib.parse import quote

from trunkline.protocol.profiles.ask import (
    LIVE,
    REALTIME,
    TRANSLATIONS,
    Ask,
    Refused,
    passed_query,
    with_query,
)
from trunkline.protocol.profiles.credentials import as_bearer
from trunkline.protocol.profiles.profile import Profile, speaks_ga


def address(ask: Ask, base: str, model: str) -> str:
    """Return the URL beside or at `base`, the realtime endpoint, with the query that travels."""
    # A model beside intent=transcription is refused as `invalid_model`; LiveKit's plugin adds
    # one when the host is not OpenAI's (clients.md 2.4). One beside call_id is refused by the
    # SDK itself, and GPT-Live takes no query at all (protocol.md 1.1).
    model = "" if ask.transcribes or ask.value("call_id") else model
    own = (f"model={quote(model, safe='')}",) if model and not ask.value("model") else ()
    return with_query(endpoint(ask, base), (*own, *passed_query(ask, model)))


def endpoint(ask: Ask, base: str) -> str:
    """Return what is asked for, without a query: at `base`, the realtime endpoint, or beside it."""
    if ask.path == TRANSLATIONS or ask.path.startswith(LIVE) or ask.is_http:
        return base.removesuffix(REALTIME) + ask.path
    return base


def model_of(ask: Ask) -> str:
    """Return the model that is asked for, whatever a caller of Azure calls it."""
    model = ask.value("model") or ask.value("deployment")
    if not model and ask.needs_model:
        raise Refused(
            400,
            "missing_model",
            "add ?model=<model> for OpenAI, or ?resource=<name>&deployment=<name> for Azure",
        )
    return model


OPENAI = Profile(
    name="openai",
    title="OpenAI",
    url="wss://api.openai.com/v1/realtime",
    address=address,
    credential=as_bearer,
    credential_hint="Authorization: Bearer <your OpenAI key>",
    model=model_of,
    dialect=speaks_ga,
    models=("gpt-*", "whisper-*", "chatgpt-*"),
    refuses="event",
    session_s=3600,
    maps_models=True,
    client_secrets=True,
)
