"""Pure. Inworld: GA, by a session that the caller names (protocol.md 8.1)."""

from __future__ import annotations

from urllib.parse import quote

from trunkline.protocol.profiles.ask import Ask, passed_query, with_query
from trunkline.protocol.profiles.compatible import model_of
from trunkline.protocol.profiles.credentials import as_basic
from trunkline.protocol.profiles.profile import Profile, speaks_ga

_SESSION = "/api/v1/realtime/session"


def address(ask: Ask, base: str, model: str) -> str:
    """Return the URL of a session named as our call is; of a call's control with `call_id`."""
    passed = tuple(piece for piece in passed_query(ask, model) if not piece.startswith("protocol="))
    if ask.value("call_id"):
        return with_query(f"{base.removesuffix(_SESSION)}/v1/realtime", passed)
    named = (f"model={quote(model, safe='')}",) if model and not ask.value("model") else ()
    return with_query(
        base, (f"key={quote(ask.call_id, safe='')}", "protocol=realtime", *named, *passed)
    )


INWORLD = Profile(
    name="inworld",
    title="Inworld",
    url=f"wss://api.inworld.ai{_SESSION}",
    address=address,
    credential=as_basic,
    credential_hint="Authorization: Basic <your Inworld key>",
    model=model_of,
    dialect=speaks_ga,
)
