"""Pure. All sound of one call, as it was sent, for what can only be done when the call is over."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import IO, Final

import msgspec
import numpy as np
import numpy.typing as npt
import soxr

from trunkline.protocol.audio import Samples, decode_base64, decode_pcm16
from trunkline.protocol.formats import Format
from trunkline.recorder import echo
from trunkline.recorder.sound import Placed

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 48_000
"""A session that names another rate is not rendered: at 1 Hz a megabyte lasts for days."""

_CALLER: Final = -1
"""In the place of an item's number."""


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


class Kept:
    """Chunks in the order in which they came: in memory 20 bytes of each, or 3 MB of an hour."""

    def __init__(self, file: IO[bytes]) -> None:
        """`file` is empty, and nobody else's."""
        self._file = file
        self._starts_us = array("q")
        self._sizes_bytes = array("i")
        self._items = array("i")
        self._formats = array("i")
        # Numbered, in the order in which they came. The caller has no item.
        self._item_ids: dict[str, int] = {}
        self._known: dict[Format, int] = {}

    def add(self, placed: Placed) -> None:
        """Keep a chunk."""
        data = decode_base64(placed.base64)
        self._file.write(data)
        self._sizes_bytes.append(len(data))
        self._starts_us.append(placed.starts_us)
        self._formats.append(self._known.setdefault(placed.format, len(self._known)))
        caller = placed.leg == "caller"
        number = (
            _CALLER if caller else self._item_ids.setdefault(placed.item_id, len(self._item_ids))
        )
        self._items.append(number)

    def chunks(self, heard_until_us: dict[str, int]) -> Iterator[Chunk]:
        """Yield all of them, with where their items stopped being heard."""
        formats = list(self._known)
        cuts_us = [heard_until_us.get(item_id) for item_id in self._item_ids]
        self._file.seek(0)
        columns = zip(self._starts_us, self._sizes_bytes, self._items, self._formats, strict=True)
        for starts_us, size_bytes, item, format_ in columns:
            data = self._file.read(size_bytes)
            cut_us = None if item < 0 else cuts_us[item]
            yield Chunk(item < 0, starts_us, formats[format_], data, cut_us)

    def tracks(self) -> Tracks:
        """Return both sides, to look into. Not while `chunks` are taken."""
        return Tracks(
            self._file,
            np.array(self._starts_us, np.int64),
            np.array(self._sizes_bytes, np.int64),
            np.array(self._items, np.int64) == _CALLER,
            np.array(self._formats, np.int64),
            list(self._known),
        )


class Tracks:
    """What either side sent, from anywhere to anywhere, at `echo.RATE_HZ`."""

    def __init__(
        self,
        file: IO[bytes],
        starts_us: npt.NDArray[np.int64],
        sizes_bytes: npt.NDArray[np.int64],
        is_caller: npt.NDArray[np.bool_],
        numbers: npt.NDArray[np.int64],
        formats: list[Format],
    ) -> None:
        self._file = file
        self._offsets = np.cumsum(sizes_bytes) - sizes_bytes
        self._starts_us, self._sizes_bytes = starts_us, sizes_bytes
        self._is_caller, self._numbers, self._formats = is_caller, numbers, formats

    def caller(self, from_us: int, until_us: int) -> Samples:
        """Return what the caller sent."""
        return self._samples(self._is_caller, from_us, until_us)

    def assistant(self, from_us: int, until_us: int) -> Samples:
        """Return what the assistant sent, whether it was heard or not."""
        return self._samples(~self._is_caller, from_us, until_us)

    def _samples(self, side: npt.NDArray[np.bool_], from_us: int, until_us: int) -> Samples:
        """Return one side's sound. What is of another format than most of it is silence."""
        rates = np.array([format_.bytes_per_second for format_ in self._formats], np.int64)
        ends_us = self._starts_us.copy()
        if len(rates):
            ends_us += self._sizes_bytes * 1_000_000 // rates[self._numbers]
        inside = np.flatnonzero(side & (self._starts_us < until_us) & (ends_us > from_us))
        painted = np.zeros((until_us - from_us) * echo.RATE_HZ // 1_000_000, np.int16)
        if not len(inside):
            return painted
        number = int(np.bincount(self._numbers[inside]).argmax())
        format_ = self._formats[number]
        if not MIN_RATE_HZ <= format_.rate_hz <= MAX_RATE_HZ:
            return painted
        own = self._painted(side, inside[self._numbers[inside] == number], format_, from_us)
        brought: Samples = soxr.resample(own, format_.rate_hz, echo.RATE_HZ)
        count = min(len(brought), len(painted))
        painted[:count] = brought[:count]
        return painted

    def _painted(
        self,
        side: npt.NDArray[np.bool_],
        chunks: npt.NDArray[np.int64],
        format_: Format,
        from_us: int,
    ) -> Samples:
        """Return these `chunks`, each at its place after `from_us`, at their own rate."""
        same = side & (self._numbers == self._numbers[chunks[0]])
        before = np.cumsum(np.where(same, self._sizes_bytes, 0)) - self._sizes_bytes
        parts: list[tuple[int, Samples]] = []
        for chunk in chunks.tolist():
            # The sample that the chunk before has begun is left out: it is one.
            odd = int(before[chunk]) % format_.bytes_per_sample
            self._file.seek(int(self._offsets[chunk]) + odd)
            data = self._file.read(int(self._sizes_bytes[chunk]) - odd)
            place = (int(self._starts_us[chunk]) - from_us) * format_.rate_hz // 1_000_000
            samples = decode_pcm16(format_, data)
            parts.append((max(0, place), samples[max(0, -place) :]))
        painted = np.zeros(max(place + len(samples) for place, samples in parts), np.int16)
        for place, samples in parts:
            painted[place : place + len(samples)] = samples
        return painted
