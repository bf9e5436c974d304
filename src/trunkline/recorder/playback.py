"""Pure. From the records of a call to the sound that a person hears when it is played back.

Where an item was cut is known only after all of it was sent. So the sound is kept, decoded,
until the last record was heard, and comes back with its cuts then. The places are those of
`sound.Sound`, fed as `fold` feeds it, so that the recording and the facts agree; a test
holds them to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Final

import msgspec

from trunkline.journal.record import Flag, Kind, Record
from trunkline.protocol.call import Opened
from trunkline.protocol.decode import decode
from trunkline.recorder.kept import Chunk, Kept, Tracks
from trunkline.recorder.sound import Placed, Sound

# Of plain integers: operators of `Flag` cost more than decoding the frame does.
_UNHEARD: Final = int(Flag.OURS | Flag.BINARY)
_ALTERED: Final = int(Flag.ALTERED)


class Playback(msgspec.Struct, frozen=True):
    """All sound of a call, ready to be rendered."""

    ends_us: int
    """The end of the call, or of the caller's sound if that is later: it can be sent faster
    than it plays."""
    chunks: Iterator[Chunk]
    """In the order of the journal. Can be taken once."""
    tracks: Tracks
    """Before they are."""


def playback(records: Iterable[Record], scratch: IO[bytes]) -> Playback:
    """Return the sound of a call. It is kept in `scratch`, an empty file, until it is played."""
    listener = Listener(scratch)
    for record in records:
        listener.take(record)
    return listener.playback()


class Listener:
    """Feeds a `Sound` with what `fold` feeds it with, and keeps what it hears."""

    def __init__(self, scratch: IO[bytes]) -> None:
        """`scratch` is an empty file."""
        self._sound = Sound()
        self._kept = Kept(scratch)
        self._ends_us = self._last_us = 0
        self._opened_ns: int | None = None

    def take(self, record: Record) -> None:
        """Take the call's next record."""
        if self._opened_ns is None:
            self._opened_ns = _opened_ns(record)
        at_us = self._offset_us(record.received_ns)
        self._last_us = max(self._last_us, at_us)
        flags = int(record.flags)
        if record.kind is not Kind.FRAME or flags & _UNHEARD:
            return
        handed_us = at_us if flags & _ALTERED else None
        if record.handed_ns:
            handed_us = self._offset_us(record.handed_ns)
        heard = self._sound.observe(record.leg, decode(record.payload), at_us, handed_us)
        if isinstance(heard, Placed):
            self._kept.add(heard)
            if heard.leg == "caller":
                self._ends_us = max(self._ends_us, heard.starts_us + heard.duration_us)

    def playback(self) -> Playback:
        """Return all of it. Nothing can be taken afterwards."""
        self._sound.stop(self._last_us)
        heard_until_us = {
            item_id: play.heard_until_us
            for item_id, play in self._sound.plays.items()
            if play.cut_us is not None
        }
        ends_us = max(self._ends_us, self._last_us)
        return Playback(ends_us, self._kept.chunks(heard_until_us), self._kept.tracks())

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
