"""Pure. With what a session of the simulator begins."""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.simulator.known import Known
from trunkline.simulator.room import Dialect
from trunkline.simulator.speaking import Voice
from trunkline.simulator.speech import Library


class Opening(msgspec.Struct, frozen=True):
    """What is particular to one session."""

    dialect: Dialect
    model: str
    kind: str
    """`realtime`, `transcription`, `translation` or `live`."""
    session_s: int
    started_s: int
    """Wall clock, s since 1970, only for `expires_at`."""
    connection: int
    """Number of the connection, from 1; with the seed it decides all ids and dice."""
    change: dict[str, Any] | None = None
    """What a client secret has the session begin with, as a `session.update` says it."""


class Means(msgspec.Struct, frozen=True):
    """What all sessions share."""

    library: Library
    voice: Voice
    known: tuple[Known, ...] = ()
