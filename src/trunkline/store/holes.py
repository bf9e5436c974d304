"""Pure. Records of a call that were written and are not there any more.

Numbers of a call rise by one, and a gap stands for those that could not be written. What
is missing besides was damaged on the disk.
"""

from __future__ import annotations

import msgspec

from trunkline.journal.record import Kind, Record
from trunkline.protocol.call import Gap


def missed(last_seq: int, record: Record) -> int:
    """Return how many records are missing between number `last_seq` and `record`."""
    first_seq = record.seq
    if record.kind is Kind.GAP:
        try:
            first_seq = msgspec.json.decode(record.payload, type=Gap).first_seq
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Told by itself, as what it is: nothing is known of what is missing before it.
            first_seq = record.seq
    return max(0, first_seq - last_seq - 1)


class Holes:
    """Counts what is missing of a call while its records go by."""

    def __init__(self) -> None:
        self.last_seq = -1
        self.missed = 0
        """Records that are missing between those that went by."""

    def note(self, record: Record) -> None:
        """Take note of the next record."""
        self.missed += missed(self.last_seq, record)
        self.last_seq = record.seq
