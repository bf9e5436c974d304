"""Pure. Error texts without the credentials that providers quote in them (protocol.md 3.7)."""

from __future__ import annotations

import re
from typing import Final

from trunkline.recorder.bounds import MAX_MESSAGE_CHARS

HIDDEN: Final = "[hidden]"

_CREDENTIAL: Final = re.compile(
    r"""\b(?:sk|ek|rk|pk)[-_][^\s"'`,;)\]}]+      # keys and client secrets, also masked ones
      | (?<=earer\ )[^\s"'`,;)\]}]{8,}            # Authorization: Bearer …
      | \beyJ[\w-]+(?:\.[\w*-]+)*                 # JSON web tokens
      | \b(?:[0-9a-fA-F]{32,}|[A-Za-z0-9+/_=*]{40,})  # Azure's keys; anything as long
    """,
    re.VERBOSE,
)


def redacted(text: str | None) -> str:
    """Return `text` with whatever looks like a credential replaced; never None, never long."""
    return _CREDENTIAL.sub(HIDDEN, (text or "")[:MAX_MESSAGE_CHARS])
