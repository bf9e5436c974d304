"""Pure. What could not be journalled: exact per call, until a gap record can say it.

Frames are dropped and counted. Records that are small and tell who a call was and
how it ended (`opened`, `note`, `closed`) are kept and written later, in their place
between the gaps: a call whose `opened` is lost would belong to nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from trunkline.journal.record import Kind, Leg, Record
from trunkline.protocol.call import Gap

KEPT = frozenset({Kind.OPENED, Kind.NOTE, Kind.CLOSED})
MAX_KEPT_BYTES = 8 * 1024 * 1024
"""Of kept payloads; beyond it they are lost as frames are."""


class Lost(msgspec.Struct):
    """A run of records of one call, one after the other, lost for one reason."""

    first_seq: int
    last_seq: int
    frames: int
    bytes: int
    why: str
    last_ns: int


class Losses:
    """Per call, in order: runs of lost records, and the records kept between them."""

    def __init__(self, max_kept_bytes: int = MAX_KEPT_BYTES) -> None:
        self._calls: dict[bytes, list[Lost | Record]] = {}
        self._max_kept_bytes = max_kept_bytes
        self._kept_bytes = 0
        self.frames = 0
        """Frames lost since the start."""
        self.bytes = 0
        """Their payloads, in bytes."""

    def __len__(self) -> int:
        """Calls whose losses the journal does not know yet. Their next records must wait."""
        return len(self._calls)

    def __contains__(self, call: bytes) -> bool:
        return call in self._calls

    def keep(self, record: Record) -> bool:
        """Keep `record` to be written later; False when it is no such record, or one too many."""
        fits = self._kept_bytes + len(record.payload) <= self._max_kept_bytes
        if record.kind not in KEPT or not fits:
            return False
        self._kept_bytes += len(record.payload)
        self._calls.setdefault(record.call, []).append(record)
        return True

    def lose(
        self, kind: int, call: bytes, seq: int, received_ns: int, payload_bytes: int, why: str
    ) -> None:
        """Count a record that is dropped. Only frames count as frames, and in bytes."""
        frames = int(kind == Kind.FRAME)
        frame_bytes = payload_bytes * frames
        self.frames += frames
        self.bytes += frame_bytes
        entries = self._calls.setdefault(call, [])
        last = entries[-1] if entries else None
        if isinstance(last, Lost) and last.why == why and last.last_seq + 1 == seq:
            last.last_seq = seq
            last.frames += frames
            last.bytes += frame_bytes
            last.last_ns = received_ns
        else:
            entries.append(Lost(seq, seq, frames, frame_bytes, why, received_ns))

    def drain(self) -> Iterator[Record]:
        """Yield what the journal is to be told, call by call, in order.

        Each record leaves when the next one is asked for: whoever could not write
        the one in hand closes the iterator, and it comes first the next time.
        """
        for call, entries in list(self._calls.items()):
            while entries:
                yield self._as_record(call, entries[0])
                self._forget(entries.pop(0))
            del self._calls[call]

    def _forget(self, entry: Lost | Record) -> None:
        if isinstance(entry, Record):
            self._kept_bytes -= len(entry.payload)

    @staticmethod
    def _as_record(call: bytes, entry: Lost | Record) -> Record:
        if isinstance(entry, Record):
            return entry
        gap = Gap(
            first_seq=entry.first_seq,
            last_seq=entry.last_seq,
            frames=entry.frames,
            bytes=entry.bytes,
            why=entry.why,
        )
        payload = msgspec.json.encode(gap)
        return Record(
            Kind.GAP, call, entry.last_seq, Leg.NONE, received_ns=entry.last_ns, payload=payload
        )
