"""Pure. From the records of a call to the sound that a person hears when it is played back.

It goes over the records twice: where an item was cut is known only after all of it was
sent. The places are those of `sound.Sound`, fed as `fold` feeds it, so that the recording
and the facts agree; a test holds them to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from trunkline.journal.record import Flag, Kind, Record
from trunkline.protocol.audio import Format, decode_base64
from trunkline.protocol.call import Opened
from trunkline.protocol.decode import decode
from trunkline.recorder.sound import Placed, Sound


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """One chunk of sound, and where it lies. Times on the call's clock."""

    caller: bool
    """Else from the assistant."""
    starts_us: int
    format: Format
    data: bytes
    """Coded as `format` says. May begin or end inside a sample."""
    heard_until_us: int | None = None
    """Where its item stopped being heard; None: all was."""


class Playback(msgspec.Struct, frozen=True):
    """All sound of a call, ready to be rendered."""

    ends_us: int
    """The end of the call, or of the caller's sound if that is later: it can be sent faster
    than it plays."""
    chunks: Iterator[Chunk]
    """In the order of the journal. Can be taken once."""


def playback(records: Callable[[], Iterable[Record]]) -> Playback:
    """Return the sound of a call. Each call of `records` begins with its first record."""
    listener = _Listener()
    ends_us = 0
    for placed in listener.placed(records()):
        if placed.leg == "caller":
            ends_us = max(ends_us, placed.starts_us + placed.duration_us)
    listener.sound.stop(listener.last_us)
    heard_until_us = {
        item_id: play.heard_until_us
        for item_id, play in listener.sound.plays.items()
        if play.cut_us is not None
    }
    return Playback(max(ends_us, listener.last_us), _chunks(records(), heard_until_us))


def _chunks(records: Iterable[Record], heard_until_us: dict[str, int]) -> Iterator[Chunk]:
    for placed in _Listener().placed(records):
        caller = placed.leg == "caller"
        yield Chunk(
            caller,
            placed.starts_us,
            placed.format,
            decode_base64(placed.base64),
            None if caller else heard_until_us.get(placed.item_id),
        )


class _Listener:
    """Feeds a `Sound` with what `fold` feeds it with."""

    def __init__(self) -> None:
        self.sound = Sound()
        self.last_us = 0
        self._opened_ns: int | None = None

    def placed(self, records: Iterable[Record]) -> Iterator[Placed]:
        """Yield every chunk of audio."""
        for record in records:
            if self._opened_ns is None:
                self._opened_ns = _opened_ns(record)
            at_us = self._offset_us(record.received_ns)
            self.last_us = max(self.last_us, at_us)
            if record.kind is not Kind.FRAME or record.flags & (Flag.OURS | Flag.BINARY):
                continue
            handed_us = at_us if record.flags & Flag.ALTERED else None
            if record.handed_ns:
                handed_us = self._offset_us(record.handed_ns)
            heard = self.sound.observe(record.leg, decode(record.payload), at_us, handed_us)
            if isinstance(heard, Placed):
                yield heard

    def _offset_us(self, at_ns: int) -> int:
        return max(0, (at_ns - (self._opened_ns or 0)) // 1000)


def _opened_ns(record: Record) -> int:
    """Return the zero of the call's clock: what `opened` says, else the first record's time."""
    if record.kind is Kind.OPENED:
        try:
            return msgspec.json.decode(record.payload, type=Opened).opened_ns
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    return record.received_ns
