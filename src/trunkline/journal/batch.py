"""Pure. The buffer that records are appended to, until it is full and written at once.

In Python, for machines where nothing was compiled; `_batch.pyx` is the same in C, and the
tests hold the two to the same bytes.
"""

from __future__ import annotations

from trunkline.journal.record import OVERHEAD_BYTES, encode_into


class Batch:
    """Whole records, one after the other."""

    __slots__ = ("records", "shut", "used", "view")

    def __init__(self, size_bytes: int) -> None:
        self.view = memoryview(bytearray(size_bytes))
        self.used = 0
        """Bytes of `view` that are filled."""
        self.records = 0
        """Added since the start, to all views."""
        self.shut = False
        """Only the journal's owner may add: some calls have lost records, and others' must
        not overtake what it has to say of that."""

    def add(
        self,
        kind: int,
        call: bytes,
        seq: int,
        leg: int,
        flags: int,
        received_ns: int,
        handed_ns: int,
        payload: bytes | bytearray | memoryview,
    ) -> bool:
        """Copy a record to the end; False, and nothing done, when there is no room for it."""
        if self.used + OVERHEAD_BYTES + len(payload) > len(self.view):
            return False
        self.used = encode_into(
            self.view, self.used, kind, call, seq, leg, flags, received_ns, handed_ns, payload
        )
        self.records += 1
        return True

    def swap(self, view: memoryview) -> memoryview:
        """Return what was filled, and go on at the beginning of `view`."""
        filled = self.view[: self.used]
        self.view, self.used = view, 0
        return filled
