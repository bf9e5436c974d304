"""Pure. Azure OpenAI, GA and preview (protocol.md 1.5).

Refuses at the handshake, with an HTTP status. Preview is chosen by a dated
`api-version`, speaks beta, and names a deployment; GA names the deployment as the model.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from trunkline.protocol.call import Dialect
from trunkline.protocol.profiles.ask import Ask, Refused
from trunkline.protocol.profiles.credentials import as_azure
from trunkline.protocol.profiles.profile import Profile

_DATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?")
"""An `api-version` of the preview surface, which speaks beta. Others (`v1`) mean GA."""


def address(ask: Ask, base: str, deployment: str) -> str:
    """Return the URL of `deployment` at `base`, the resource's own URL."""
    if dialect(ask) == "beta":
        version = quote(ask.value("api-version"), safe="")
        query = f"api-version={version}&deployment={quote(deployment, safe='')}"
        return f"{base}/openai/realtime?{query}"
    # No api-version on the GA path: one report of a 401 for it (protocol.md 1.5).
    intent = ask.value("intent")
    suffix = f"&intent={quote(intent, safe='')}" if intent else ""
    return f"{base}/openai/v1/realtime?model={quote(deployment, safe='')}{suffix}"


def deployment_of(ask: Ask) -> str:
    """Return the deployment that is asked for, which is the model here."""
    if deployment := ask.value("deployment"):
        return deployment
    raise Refused(400, "missing_deployment", "add &deployment=<name of the deployment>")


def dialect(ask: Ask) -> Dialect:
    """Return `beta` for a dated `api-version`."""
    return "beta" if _DATED.fullmatch(ask.value("api-version")) else "ga"


AZURE = Profile(
    name="azure",
    title="Azure OpenAI",
    url="wss://{resource}.openai.azure.com",
    address=address,
    credential=as_azure,
    credential_hint="api-key: <your Azure key>",
    model=deployment_of,
    dialect=dialect,
    keeps_beta=True,
)
