"""Pure. What a gateway process has relayed: frames, bytes, and how long each frame took.

One per process, told of every frame by `relay.shell`, on the path of speech: additions of
integers and nothing else. Who wants to know reads the fields; they only ever grow.
"""

from __future__ import annotations

from trunkline.journal.record import Leg

BUCKETS = 64
"""One for each number of bits that a time in ns may have."""


class Meter:
    """Counts by the leg that a frame was read on, so that lists are indexed by `Leg`."""

    __slots__ = ("bytes", "relay", "relay_ns")

    def __init__(self) -> None:
        self.bytes = [0 for _ in Leg]
        """Of payload, as read: a bridge may have handed on more or less."""
        self.relay = [[0] * BUCKETS for _ in Leg]
        """Frames by the bits of their relay time: bucket `n` holds those below 2**n ns."""
        self.relay_ns = [0 for _ in Leg]
        """Sum of the relay times: frame received to handed on, gateway monotonic clock."""

    def handed(self, leg: int, size_bytes: int, relay_ns: int) -> None:
        """Count a frame read on `leg` and handed to the other one."""
        self.bytes[leg] += size_bytes
        self.relay_ns[leg] += relay_ns
        self.relay[leg][relay_ns.bit_length()] += 1

    def frames(self, leg: int) -> int:
        """Return how many frames that were read on `leg` were handed on."""
        return sum(self.relay[leg])
