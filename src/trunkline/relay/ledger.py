"""I/O. One call's records, numbered as they are written.

Records say what was on the wire, byte for byte, with one exception: where a provider
quotes the credential that it was given, asterisks take its place in the record, as many
as it has bytes. The caller gets what the provider sent.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import msgspec

from trunkline.journal.record import Flag, Kind, Leg
from trunkline.protocol.call import Closed, Note, Opened

BINARY = int(Flag.BINARY)
ALTERED = int(Flag.ALTERED)
OURS = int(Flag.OURS)

MIN_SECRET_BYTES = 16
"""No provider's credential is shorter; hiding a short one would hide ordinary words."""
MAX_QUOTE_BYTES = 4096
"""Errors are small. Larger frames are sound, and looking through those costs too much."""


class Journal(Protocol):
    """What the relay needs of a journal: `journal.writer.JournalWriter`, or a list in tests."""

    def append(
        self,
        kind: Kind,
        call: bytes,
        seq: int,
        leg: Leg,
        flags: int,
        received_ns: int,
        handed_ns: int,
        payload: bytes,
    ) -> None:
        """Add a record. Never raises, never blocks."""
        ...


class Ledger:
    """Writes the records of one call to the journal. Their numbers rise by exactly one."""

    __slots__ = ("_append", "_ended", "call", "secrets", "seq")

    def __init__(self, journal: Journal, call: bytes, ended: Counter[str]) -> None:
        """`ended` counts the process's calls by end reason."""
        self._ended = ended
        self._append = journal.append
        self.call = call
        """ULID of the call, 16 bytes."""
        self.seq = 0
        """Number of the next record."""
        self.secrets: tuple[bytes, ...] = ()
        """Not to be recorded, whoever quotes them."""

    def hide(self, *secrets: bytes) -> None:
        """Keep these out of all records from now on, but for what the caller says itself."""
        self.secrets = tuple(one for one in secrets if len(one) >= MIN_SECRET_BYTES)

    def add(
        self, kind: Kind, leg: Leg, flags: int, received_ns: int, handed_ns: int, payload: bytes
    ) -> None:
        """Write one record."""
        seq = self.seq
        self.seq = seq + 1
        if self.secrets and leg is not Leg.CALLER and len(payload) <= MAX_QUOTE_BYTES:
            for secret in self.secrets:
                payload = payload.replace(secret, b"*" * len(secret))
        self._append(kind, self.call, seq, leg, flags, received_ns, handed_ns, payload)

    def opened(self, opened: Opened) -> None:
        """Write the call's first record."""
        self._tell(Kind.OPENED, opened, opened.opened_ns)

    def note(self, note: Note, at_ns: int) -> None:
        """Write something that is not a frame."""
        self._tell(Kind.NOTE, note, at_ns)

    def closed(self, closed: Closed, at_ns: int) -> None:
        """Write the call's last record."""
        self._tell(Kind.CLOSED, closed, at_ns)
        self._ended[closed.end_reason] += 1

    def _tell(self, kind: Kind, payload: Opened | Note | Closed, at_ns: int) -> None:
        self.add(kind, Leg.NONE, 0, at_ns, 0, msgspec.json.encode(payload))
