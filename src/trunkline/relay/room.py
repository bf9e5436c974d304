"""Pure. What one gateway process has room for.

A process that takes more than it can hold loses the calls that it has. So it refuses new
ones while there is still something left, each with 503 and a time to come back, and
those that run go on.
"""

from __future__ import annotations

import msgspec

from trunkline.relay.refusal import Refusal
from trunkline.settings import Settings

FILES_PER_CALL = 2
"""A socket for each leg."""
CALL_BYTES = 64 * 1024
"""Memory of a call that says nothing, measured. What it says may wait, and cost more."""
SPARE_FILES = 24
"""For journal segments, the keys' file, a name look-up: what is opened beside calls."""
MAX_HANDSHAKES = 1024
FULL_SHARE = 0.9
"""Of a hard ceiling, where the process would be killed or fail: from there on it is full."""
FREE_SHARE = 0.95
"""Of the high-water mark: below it new calls are taken again. Without the distance between
the two, a process at the mark would take a call, and refuse, by turns."""
RETRY_AFTER_S = 2


class Machine(msgspec.Struct, frozen=True):
    """What the system lets this process have. 0: as much as it likes."""

    files: int
    """Open at once."""
    memory_bytes: int = 0
    """Of the machine, or of the control group if that is less."""
    address_bytes: int = 0
    """Mapped at once, used or not."""


class Room(msgspec.Struct, frozen=True):
    """How much there is."""

    calls: int
    """Live, and attempts under way."""
    files: int
    """Open before the last call, beside connections that are not calls."""
    handshakes: int
    """Connections that are not calls yet."""
    memory_bytes: int
    """Resident. 0: not known, not bounded."""
    address_bytes: int
    """Mapped. 0: not bounded."""

    @classmethod
    def of(cls, settings: Settings, machine: Machine) -> Room:
        """Return what `settings` say; what they leave open is derived from the machine."""
        handshakes = settings.max_handshakes or max(1, min(MAX_HANDSHAKES, machine.files // 8))
        files = max(FILES_PER_CALL, machine.files - handshakes - SPARE_FILES)
        # The other half is for the server, the page cache, and whatever else runs there.
        share = machine.memory_bytes // 2 // settings.workers
        return cls(
            calls=settings.max_calls or max(1, files // FILES_PER_CALL),
            files=files,
            handshakes=handshakes,
            memory_bytes=settings.max_memory_bytes or share,
            address_bytes=int(machine.address_bytes * FULL_SHARE),
        )


class Load(msgspec.Struct, frozen=True):
    """How much of it is taken."""

    calls: int = 0
    files: int = 0
    resident_bytes: int = 0
    address_bytes: int = 0


class Memory(msgspec.Struct, frozen=True):
    """How it stands with memory."""

    short: bool = False
    """There is too little for another call."""
    filled_at_bytes: int = 0
    """Resident when the address space was first full; 0: it never was. What is mapped stays
    mapped and is used again: it is full when as much is resident once more."""


def memory_after(room: Room, load: Load, before: Memory) -> Memory:
    """Return how it stands with memory under `load`, after it stood as `before`."""
    full = 0 < room.address_bytes <= load.address_bytes
    filled_at_bytes = before.filled_at_bytes or (load.resident_bytes if full else 0)
    marks = [most for most in (room.memory_bytes, filled_at_bytes) if most]
    share = FREE_SHARE if before.short else 1.0
    short = any(load.resident_bytes >= most * share for most in marks)
    # Without a call there is nothing to protect, and nothing that would end and free some.
    return Memory(short and load.calls > 0, filled_at_bytes)


def no_room(room: Room, load: Load, memory: Memory) -> Refusal | None:
    """Return why this process takes no other call, or None when it does."""
    if load.calls >= room.calls:
        return _full("gateway_full", "this gateway carries as many calls as it may")
    if load.files + FILES_PER_CALL > room.files:
        return NO_FILES
    if memory.short:
        return _full("gateway_memory", "this gateway has too little memory left for another call")
    return None


def _full(code: str, why: str) -> Refusal:
    return Refusal(
        status=503,
        code=code,
        message=f"{why}: try again in a moment",
        headers=(("Retry-After", str(RETRY_AFTER_S)),),
    )


NO_FILES = _full("gateway_files", "this gateway has too few open files left for another call")
