"""Pure. Azure OpenAI, GA and preview (protocol.md 1.5).

Refuses at the handshake, with an HTTP status. Preview is chosen by a dated
`api-version`, speaks beta, and names a deployment; GA names the deployment as the model.
"""

from __future__ import annotations

from urllib.parse import quote

from trunkline.protocol.call import Dialect
from trunkline.protocol.profiles.ask import (
    AZURE_GA,
    AZURE_PREVIEW,
    REALTIME,
    Ask,
    Refused,
    passed_query,
    with_query,
)
from trunkline.protocol.profiles.credentials import as_azure
from trunkline.protocol.profiles.profile import Profile


def address(ask: Ask, base: str, deployment: str) -> str:
    """Return the URL of `deployment` at `base`, the resource's own URL."""
    if dialect(ask) == "beta":
        version = quote(ask.value("api-version"), safe="")
        own = (f"api-version={version}", f"deployment={quote(deployment, safe='')}")
        return with_query(f"{base}/openai/realtime", (*own, *passed_query(ask, "")))
    # No api-version on the GA path: one report of a 401 for it (protocol.md 1.5).
    own = (f"model={quote(deployment, safe='')}",) if deployment else ()
    return with_query(f"{base}/openai/v1{_path(ask)}", (*own, *passed_query(ask, "")))


def deployment_of(ask: Ask) -> str:
    """Return the deployment that is asked for, which is the model here."""
    if deployment := ask.value("deployment") or ask.value("model"):
        return deployment
    if ask.needs_model:
        raise Refused(400, "missing_deployment", "add &deployment=<name of the deployment>")
    return ""


def dialect(ask: Ask) -> Dialect:
    """Return `beta` for a dated `api-version`, unless the path is that of GA."""
    return "beta" if ask.preview else "ga"


def _path(ask: Ask) -> str:
    return REALTIME if ask.path in (AZURE_GA, AZURE_PREVIEW) else ask.path


AZURE = Profile(
    name="azure",
    title="Azure OpenAI",
    url="wss://{resource}.openai.azure.com",
    address=address,
    credential=as_azure,
    credential_hint="api-key: <your Azure key>",
    model=deployment_of,
    dialect=dialect,
    refuses="handshake",
    session_s=1800,
    keeps_beta=True,
    client_secrets=True,
)
