"""Pure. What the recorder counts of its own doing since its process began."""

from __future__ import annotations

import msgspec


class Counts(msgspec.Struct):
    """Only ever grow. After a failure the recorder reads again what it had not stored, and
    counts it again."""

    gaps: int = 0
    """Gap records read."""
    lost_frames: int = 0
    """Missing by those gaps."""
    lost_bytes: int = 0
    damaged_bytes: int = 0
    """Of journals, skipped."""
    store_errors: int = 0
    """Times that facts or blobs refused what was brought."""
