"""I/O. What the gateways of one machine know together of one key's calls: a small file.

    ROWS numbers        live calls, a row for each gateway; valid while the row's byte is locked
    the numbers after   when the latest calls began, ns of the monotonic clock (the machine's)
    locked byte GUARD   while somebody reads and then writes

A lock is the kernel's and goes with its process, however that ends: what a killed gateway
wrote into its row counts no more. The times stay, so that a minute is a minute for those
after it.

No lock is waited for without end: a process that was stopped at the wrong moment must
not stop the others.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trunkline.relay.allowance import noted, wait_ns

ROWS = 1024
"""More than twice as many gateways as a machine may have: there are two while one is replaced."""
GUARD = 1 << 40
"""Far behind what is written: a lock needs no byte to be there, as is so for rows."""
ALIVE = 1 << 41
"""The byte of the first row."""
GUARD_TRIES = 25
"""1 ms apart. What is guarded takes some µs; then we go on without, and may miss one call."""

_NUMBER_BYTES = 8
_TIMES_AT = ROWS * _NUMBER_BYTES
_FLOCK = struct.Struct("hhqqi0q")
"""`struct flock`: type, whence, start, length, pid (fcntl.h)."""
_TAKEN = (errno.EAGAIN, errno.EACCES)


class NoRow(OSError):
    """More gateways use the file than there can be."""


class Tally:
    """One key's file, opened by this process.

    Whatever is asked of it raises `OSError` when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._row = -1
        self.live = 0
        """Calls of this process that were taken and not given back."""

    def close(self) -> None:
        """Close the file, and with it forget every live call of this process."""
        os.close(self._descriptor)

    def take(self, at_most: int) -> bool:
        """Count another live call, unless there are `at_most` already. Returns whether it was."""
        with self._guarded():
            if self._row < 0:
                self._claim_row()
            if self.live + self._others() >= at_most:
                return False
            self._write_row(self.live + 1)
            self.live += 1
            return True

    def give_back(self) -> None:
        """Count one live call less."""
        self.live -= 1
        self._write_row(self.live)

    def begin(self, per_minute: int, now_ns: int) -> int:
        """Note a call that begins now, unless the last minute has had enough.

        Returns how long to wait in that case, ns; 0 when it was noted.
        """
        with self._guarded():
            began_ns = self._read_times()
            if (wait := wait_ns(began_ns, per_minute, now_ns)) > 0:
                return wait
            self._write_times(noted(began_ns, per_minute, now_ns))
            return 0

    # --- live calls ------------------------------------------------------------------

    def _claim_row(self) -> None:
        for row in range(ROWS):
            if self._lock(ALIVE + row):
                self._row = row
                # Whoever had it before may have died with calls in it.
                self._write_row(0)
                return
        raise NoRow(errno.ENOSPC, f"more than {ROWS} gateways count calls")

    def _others(self) -> int:
        """Return the live calls of all other processes that live."""
        numbers = self._read(0, _TIMES_AT)
        return sum(
            number
            for row, number in enumerate(numbers)
            if number > 0 and row != self._row and self._is_alive(row)
        )

    def _is_alive(self, row: int) -> bool:
        asked = _flock(fcntl.F_WRLCK, ALIVE + row)
        found = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, asked)
        return bool(_FLOCK.unpack(found)[0] != fcntl.F_UNLCK)

    def _write_row(self, live: int) -> None:
        os.pwrite(self._descriptor, struct.pack("=q", live), self._row * _NUMBER_BYTES)

    # --- times -----------------------------------------------------------------------

    def _read_times(self) -> tuple[int, ...]:
        return self._read(_TIMES_AT, max(0, os.fstat(self._descriptor).st_size - _TIMES_AT))

    def _write_times(self, began_ns: Sequence[int]) -> None:
        data = struct.pack(f"={len(began_ns)}q", *began_ns)
        os.pwrite(self._descriptor, data, _TIMES_AT)
        os.ftruncate(self._descriptor, _TIMES_AT + len(data))

    def _read(self, start: int, length: int) -> tuple[int, ...]:
        data = os.pread(self._descriptor, length, start)
        count = len(data) // _NUMBER_BYTES
        return struct.unpack_from(f"={count}q", data)

    # --- locks -----------------------------------------------------------------------

    @contextmanager
    def _guarded(self) -> Generator[None]:
        guarded = self._guard()
        try:
            yield
        finally:
            if guarded:
                self._set_lock(fcntl.F_UNLCK, GUARD)

    def _guard(self) -> bool:
        for _ in range(GUARD_TRIES):
            if self._lock(GUARD):
                return True
            time.sleep(0.001)
        return False

    def _lock(self, byte: int) -> bool:
        try:
            self._set_lock(fcntl.F_WRLCK, byte)
        except OSError as exc:
            if exc.errno in _TAKEN:
                return False
            raise
        return True

    def _set_lock(self, kind: int, byte: int) -> None:
        # Of the open file and not of the process: POSIX locks would all go when any
        # descriptor of the file is closed.
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _flock(kind, byte))


def _flock(kind: int, byte: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0)
