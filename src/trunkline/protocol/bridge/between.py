"""Pure. Which bridge a call needs, if any, and which dialect a caller shows."""

from __future__ import annotations

from typing import Protocol, cast

from trunkline.protocol.bridge.beta_caller import BetaCaller
from trunkline.protocol.bridge.frames import Bridged, fields_if
from trunkline.protocol.bridge.ga_caller import GaCaller
from trunkline.protocol.bridge.shapes import BETA_FIELDS, GA_FIELDS
from trunkline.protocol.call import Dialect
from trunkline.protocol.objects import Fields

_UPDATES = frozenset({"session.update", "transcription_session.update"})


class Bridge(Protocol):
    """Stands between the two legs of one call. What it returns goes in place of the frame."""

    def to_provider(self, frame: bytes) -> Bridged:
        """Return what the provider gets of a caller's `frame`. Never raises."""
        ...

    def to_caller(self, frame: bytes) -> Bridged:
        """Return what the caller gets of a provider's `frame`. Never raises."""
        ...


def bridge_between(caller: Dialect, provider: Dialect) -> Bridge | None:
    """Return a new bridge for one call; None where both speak the same."""
    if caller == provider:
        return None
    return BetaCaller() if caller == "beta" else GaCaller()


def shown_dialect(frame: bytes) -> Dialect | None:
    """Return the dialect that a caller shows by `frame`; None if it shows none.

    Only session updates tell. GA requires `session.type`, and nests what beta has flat.
    An update with neither a type nor a word of either dialect, only instructions or tools,
    counts as beta: a GA provider would refuse it, a beta provider would not.
    """
    fields = fields_if(frame, _UPDATES)
    if fields is None:
        return None
    session = fields.get("session")
    if fields["type"] == "transcription_session.update":
        return "beta"
    if not isinstance(session, dict) or not session:
        return None
    names = cast("Fields", session).keys()
    is_beta = not names & GA_FIELDS or ("type" not in names and bool(names & BETA_FIELDS))
    return "beta" if is_beta else "ga"
