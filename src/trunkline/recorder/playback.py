"""Pure. From the records of a call to the sound that a person hears when it is played back.

Where an item was cut is known only after all of it was sent. So the sound is kept, decoded,
until the last record was heard, and comes back with its cuts then. The places are those of
`sound.Sound`, fed as `fold` feeds it, so that the recording and the facts agree; a test
holds them to it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import IO, Final

import msgspec

from trunkline.journal.record import Flag, Kind, Record
from trunkline.protocol.audio import decode_base64
from trunkline.protocol.call import Opened
from trunkline.protocol.decode import decode
from trunkline.protocol.formats import Format
from trunkline.recorder.sound import Placed, Sound

# Of plain integers: operators of `Flag` cost more than decoding the frame does.
_UNHEARD: Final = int(Flag.OURS | Flag.BINARY)
_ALTERED: Final = int(Flag.ALTERED)


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


def playback(records: Iterable[Record], scratch: IO[bytes]) -> Playback:
    """Return the sound of a call. It is kept in `scratch`, an empty file, until it is played."""
    listener, kept = _Listener(), _Kept(scratch)
    ends_us = 0
    for placed in listener.placed(records):
        kept.add(placed)
        if placed.leg == "caller":
            ends_us = max(ends_us, placed.starts_us + placed.duration_us)
    listener.sound.stop(listener.last_us)
    heard_until_us = {
        item_id: play.heard_until_us
        for item_id, play in listener.sound.plays.items()
        if play.cut_us is not None
    }
    return Playback(max(ends_us, listener.last_us), kept.chunks(heard_until_us))


class _Kept:
    """Chunks in the order in which they came: in memory 20 bytes of each, or 3 MB of an hour."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._starts_us = array("q")
        self._sizes_bytes = array("i")
        self._items = array("i")
        self._formats = array("i")
        # Numbered, in the order in which they came. The caller has no item.
        self._item_ids: dict[str, int] = {}
        self._known: dict[Format, int] = {}

    def add(self, placed: Placed) -> None:
        data = decode_base64(placed.base64)
        self._file.write(data)
        self._sizes_bytes.append(len(data))
        self._starts_us.append(placed.starts_us)
        self._formats.append(self._known.setdefault(placed.format, len(self._known)))
        caller = placed.leg == "caller"
        number = -1 if caller else self._item_ids.setdefault(placed.item_id, len(self._item_ids))
        self._items.append(number)

    def chunks(self, heard_until_us: dict[str, int]) -> Iterator[Chunk]:
        formats = list(self._known)
        cuts_us = [heard_until_us.get(item_id) for item_id in self._item_ids]
        self._file.seek(0)
        columns = zip(self._starts_us, self._sizes_bytes, self._items, self._formats, strict=True)
        for starts_us, size_bytes, item, format_ in columns:
            data = self._file.read(size_bytes)
            cut_us = None if item < 0 else cuts_us[item]
            yield Chunk(item < 0, starts_us, formats[format_], data, cut_us)


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
            flags = int(record.flags)
            if record.kind is not Kind.FRAME or flags & _UNHEARD:
                continue
            handed_us = at_us if flags & _ALTERED else None
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
