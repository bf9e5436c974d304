"""I/O. Whether the disk has room for what a recorder writes.

What is left of it below the mark is for the databases: they must not be caught by a full
disk in the middle of a write.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import structlog

from trunkline.journal.segments import free_bytes

AMPLE = 0.2
"""Of the disk."""

log = structlog.get_logger("trunkline.recorder")


class Room:
    """Looks at the disk whenever it is asked."""

    def __init__(self, data: Path, min_free_bytes: int) -> None:
        self._data = data
        self._min_free_bytes = min_free_bytes
        self.problem = ""
        """Why nothing may be written, in words for the operator; empty when it may."""

    def is_ample(self) -> bool:
        """Return whether what is large for a while may be written, too."""
        disk = shutil.disk_usage(self._data)
        return disk.free >= max(disk.total * AMPLE, self._min_free_bytes * 4)

    def there_is(self) -> bool:
        """Return whether anything may be written now."""
        free = free_bytes(self._data)
        # A little more to begin again than to stop, so that it does not go to and fro.
        enough = free >= self._min_free_bytes * (1.1 if self.problem else 1)
        if enough and self.problem:
            log.warning("recorder goes on", free_bytes=free)
        if not enough and not self.problem:
            log.error("recorder waits for room on the disk", free_bytes=free)
        self.problem = (
            ""
            if enough
            else f"disk: {free} bytes are free under {self._data}, less than min_free_bytes,"
            f" {self._min_free_bytes}: make room"
        )
        return enough
