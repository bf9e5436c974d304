"""Pure. Azure Voice Live: beta, with events of its own (protocol.md 8.1).

It wants an `api-version`, and in place of a model may be told of an agent. Its avatars,
visemes and warnings are events that the dialect does not have: they pass unchanged.
"""

from __future__ import annotations

from urllib.parse import quote

from trunkline.protocol.profiles.ask import Ask, Refused, passed_query, with_query
from trunkline.protocol.profiles.credentials import as_azure
from trunkline.protocol.profiles.profile import Profile, speaks_beta


def address(ask: Ask, base: str, model: str) -> str:
    """Return `base` with the version, the model or agent, and whatever else was asked."""
    version = ask.value("api-version")
    if not version:
        raise Refused(400, "missing_api_version", "add ?api-version=<version> of Azure Voice Live")
    own = (f"api-version={quote(version, safe='')}",)
    named = (f"model={quote(model, safe='')}",) if model and not ask.value("model") else ()
    return with_query(base, (*own, *named, *passed_query(ask, model)))


def model_of(ask: Ask) -> str:
    """Return the model that is asked for; none where an agent has one."""
    model = ask.value("model") or ask.value("deployment")
    if not model and not ask.value("agent-name"):
        raise Refused(400, "missing_model", "add ?model=<model>, or ?agent-name=<agent>")
    return model


VOICE_LIVE = Profile(
    name="voice-live",
    title="Azure Voice Live",
    url="wss://{resource}.services.ai.azure.com/voice-live/realtime",
    address=address,
    credential=as_azure,
    credential_hint="api-key: <your Azure key>",
    model=model_of,
    dialect=speaks_beta,
)
