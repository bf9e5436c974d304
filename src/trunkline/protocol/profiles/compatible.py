"""Pure. Anything that speaks the dialect, at a URL of somebody's own.

Nothing is known of it but what was stored. Beta is for what kept the older names, GLM-Realtime
(`wss://open.bigmodel.cn/api/paas/v4/realtime`) among them (protocol.md 8.1).
"""

from __future__ import annotations

from urllib.parse import quote

from trunkline.protocol.profiles.ask import Ask, passed_query, with_query
from trunkline.protocol.profiles.credentials import as_bearer
from trunkline.protocol.profiles.openai import endpoint
from trunkline.protocol.profiles.profile import Profile, speaks_beta, speaks_ga


def address(ask: Ask, base: str, model: str) -> str:
    """Return the URL beside or at `base` with the query that travels, the model among it."""
    own = (f"model={quote(model, safe='')}",) if model and not ask.value("model") else ()
    return with_query(endpoint(ask, base), (*own, *passed_query(ask, model)))


def model_of(ask: Ask) -> str:
    """Return the model that is asked for; one that is not may be the only one there."""
    return ask.value("model") or ask.value("deployment")


COMPATIBLE = Profile(
    name="compatible",
    title="OpenAI-compatible",
    usual_path="/v1/realtime",
    address=address,
    credential=as_bearer,
    credential_hint="Authorization: Bearer <its key>",
    keyless=True,
    model=model_of,
    dialect=speaks_ga,
)
COMPATIBLE_BETA = Profile(
    name="compatible-beta",
    title="OpenAI-compatible, beta",
    usual_path="/v1/realtime",
    address=address,
    credential=as_bearer,
    credential_hint="Authorization: Bearer <its key>",
    keyless=True,
    model=model_of,
    dialect=speaks_beta,
    keeps_beta=True,
)
