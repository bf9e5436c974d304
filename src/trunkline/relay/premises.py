"""I/O. What everything has in common that answers callers in one gateway process."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from trunkline.relay.keys import Keys
from trunkline.relay.ledger import Journal
from trunkline.relay.seats import Seats
from trunkline.relay.shell import Call
from trunkline.relay.sideband import Sideband
from trunkline.relay.uses import Uses
from trunkline.settings import Settings


@dataclass(frozen=True)
class Premises:
    """The same for an attempt to call, an offer, a webhook and an errand."""

    settings: Settings
    journal: Journal
    keys: Keys
    seats: Seats
    uses: Uses
    instance: str
    """The process's ULID."""
    tls: ssl.SSLContext
    """For connections to providers."""
    begun: Callable[[Call | Sideband, Callable[[], object]], None]
    """Told of each call that runs, and what is to be done when it has finished."""
    ended: Counter[str]
    """Attempts that are over, by end reason."""
