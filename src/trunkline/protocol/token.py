"""Pure. Ephemeral tokens: what a page may hold in place of any key.

A token is its own record, sealed with the master key, so every gateway that has that key
can open it, whatever else is down. It holds the provider's own client secret, which the
provider has bound to a session's configuration: no frame has to be changed for that. Or it
holds none, and then what is stored for its organisation opens the call; that is how the
dashboard's own page calls. No key of anybody's is in it. It also says whose key made it,
for which pages, how often it may be used, and under which properties its calls are recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from trunkline.protocol.call import CallKind

PREFIX: Final = "ek_tl_"
"""What our tokens begin with: a provider's own `ek_…` is another thing."""
CONTEXT: Final = "token"
"""What tokens are sealed for: nothing else that is sealed with the master key is one."""


class Token(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a token says. Holds a credential: never log it."""

    id: str
    key_id: str
    """The gateway's key that made it: revoked with it, and bound by its limits."""
    expires_at_s: int
    """Wall clock, seconds since 1970. A call that runs goes on."""
    provider: str
    """Name of the stored provider, or of the profile; empty: by the model."""
    secret: str = ""
    """The provider's own client secret, bound by it to the session. Empty: the organisation's
    stored credential opens the call, and the page says how the session is."""
    model: str = ""
    kind: CallKind = "realtime"
    resource: str = ""
    """Azure's, where no stored provider says it."""
    origins: tuple[str, ...] = ()
    """Pages that may use it, `https://host`; empty: any, and callers that are no pages."""
    uses: int = 0
    """How many calls it may open; 0: any number."""
    user_id: str = ""
    session_id: str = ""
    session_name: str = ""
    session_path: str = ""
    properties: dict[str, str] = {}
    """All properties of its calls: what a page says itself is not recorded."""


Seal = Callable[[str, str], str]
"""(text, context) -> the text sealed."""


def written(token: Token, seal: Seal) -> str:
    """Return `token` as a page holds it: letters that a subprotocol may have."""
    return PREFIX + seal(msgspec.json.encode(token).decode(), CONTEXT).rstrip("=")
