"""I/O. The recording of a call: stereo, caller left, assistant right.

Both sides are painted on the call's clock (0 = the call was opened) onto sparse
files, then encoded second by second, so that a call of any length needs the memory of a
few seconds. What the caller never heard is left out of the recording and kept as a
lane of the waveform.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np
import soxr

from trunkline.protocol.audio import Samples, decode_pcm16, whole_samples
from trunkline.protocol.formats import PCM_24K
from trunkline.recorder.kept import MAX_RATE_HZ, MIN_RATE_HZ, Chunk
from trunkline.recorder.peaks import Lane, PeakMeter, Peaks
from trunkline.store.codec import RATE_HZ, Block, Codec, encode

MAX_DURATION_US = 12 * 3600 * 1_000_000
"""A recording is cut here: sound can be pushed faster than real time, disks are finite."""
_SLACK = RATE_HZ // 500
"""2 ms: chunks whose places differ by less from end to end are one stream."""
_FADE = RATE_HZ // 200
"""5 ms: where sound is cut it ends softly, without a click."""


def render(
    chunks: Iterable[Chunk], duration_us: int, out: Path, codec: Codec = "opus"
) -> Peaks | None:
    """Write the recording of a call to `out`; return its waveform, the same for each `codec`.

    `chunks` come in the order of the journal, all of them within `duration_us`. Without
    any that can be decoded there is no recording: nothing is written, None is returned.
    """
    duration_us = min(duration_us, MAX_DURATION_US)
    meter = PeakMeter(duration_us)
    with TemporaryFile(dir=out.parent) as left, TemporaryFile(dir=out.parent) as right:
        caller = _Painter(left.fileno(), meter, "caller", "caller")
        assistant = _Painter(right.fileno(), meter, "assistant", "assistant_unheard")
        for chunk in chunks:
            (caller if chunk.caller else assistant).paint(chunk)
        caller.end_run()
        assistant.end_run()
        if not (caller.painted or assistant.painted):
            return None
        encode(_blocks(left, right, sample_at(duration_us)), 2, out, codec)
    return meter.result()


def sample_at(us: int) -> int:
    """Return the number of the sample that is played `us` after the call's opening."""
    return us * RATE_HZ // 1_000_000


def _blocks(left: BinaryIO, right: BinaryIO, samples: int) -> Iterator[Block]:
    """Yield `samples` of two raw tracks, int16 at 24 kHz, silent where they end."""
    left.seek(0)
    right.seek(0)
    for start in range(0, samples, RATE_HZ):
        count = min(RATE_HZ, samples - start)
        yield np.stack([_read(left, count), _read(right, count)], axis=1)


def _read(track: BinaryIO, count: int) -> Samples:
    found = np.frombuffer(track.read(count * 2), "<i2")
    return np.pad(found, (0, count - len(found)))


class _Painter:
    """Paints one side: decodes, brings to 24 kHz, writes where it was heard.

    Chunks that touch are one run, resampled as one stream, so that no seam is heard. A run is
    painted about a second at a time.
    """

    def __init__(self, descriptor: int, meter: PeakMeter, heard: Lane, unheard: Lane) -> None:
        self._descriptor = descriptor
        self._meter = meter
        self._heard: Lane = heard
        self._unheard: Lane = unheard
        self._format = PCM_24K
        self._until_us: int | None = None
        self._carry = b""
        self._pending = bytearray()
        self._resampler: soxr.ResampleStream | None = None
        self._start = self._taken_bytes = self._position = 0
        self.painted = False

    def paint(self, chunk: Chunk) -> None:
        """Take the next chunk of this side."""
        if not MIN_RATE_HZ <= chunk.format.rate_hz <= MAX_RATE_HZ:
            return
        start = sample_at(chunk.starts_us)
        other = chunk.format != self._format or chunk.heard_until_us != self._until_us
        if other or abs(start - self._end()) > _SLACK or not self._taken_bytes:
            self.end_run()
            if other:
                self._carry = b""
            self._begin_run(chunk, start)
        self._pending += chunk.data
        self._taken_bytes += len(chunk.data)
        if len(self._pending) >= chunk.format.bytes_per_second:
            self._paint(last=False)

    def end_run(self) -> None:
        """Write what is not written yet."""
        if self._taken_bytes:
            self._paint(last=True)
        self._taken_bytes = 0

    def _begin_run(self, chunk: Chunk, start: int) -> None:
        self._format, self._until_us = chunk.format, chunk.heard_until_us
        self._start = self._position = start
        self._taken_bytes = len(self._carry)
        rate_hz = chunk.format.rate_hz
        self._resampler = (
            None
            if rate_hz == RATE_HZ
            else soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="int16", quality="HQ")
        )

    def _end(self) -> int:
        samples = self._taken_bytes // self._format.bytes_per_sample
        return self._start + samples * RATE_HZ // self._format.rate_hz

    def _paint(self, *, last: bool) -> None:
        data, self._carry = whole_samples(self._format, self._carry, bytes(self._pending))
        self._pending.clear()
        samples = decode_pcm16(self._format, data)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        self._write(samples)

    def _write(self, samples: Samples) -> None:
        at, self._position = self._position, self._position + len(samples)
        samples = samples[: max(0, sample_at(MAX_DURATION_US) - at)]
        if not len(samples):
            return
        self.painted = True
        until, count = self._until_us, len(samples)
        if until is not None:
            count = min(count, max(0, sample_at(until) - at))
        heard, unheard = samples[:count], samples[count:]
        self._meter.add(self._unheard, at + count, unheard)
        self._meter.add(self._heard, at, heard)
        if len(unheard):
            heard = _faded(heard)
        os.pwrite(self._descriptor, heard.astype("<i2").tobytes(), at * 2)


def _faded(samples: Samples) -> Samples:
    tail = samples[-_FADE:]
    return np.concatenate(
        [samples[:-_FADE], (tail * np.linspace(1, 0, len(tail))).astype(np.int16)]
    )
