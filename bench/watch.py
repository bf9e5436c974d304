"""I/O. All sockets of the ends, who is told of them, and what is counted in a round."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING

from bench import mixes, wire
from bench.mixes import Mix

if TYPE_CHECKING:
    from bench.peers import Listening, Peer

clock = time.perf_counter_ns

GREETING = wire.frame(wire.TEXT, mixes.greeting(), masked=False)


class Tally:
    """What is sent and counted in one round, by all peers together."""

    def __init__(self, mix: Mix) -> None:
        self.mix = mix
        self.answers = [wire.Stamped(delta, masked=False) for delta in mixes.deltas(mix)]
        self.heard = 0
        """Frames that came to the provider."""
        self.round_trips_ns: list[int] = []
        """Of the answers that came to callers."""


class Watch:
    """All sockets, and who is told of what happens to them."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.peers: dict[int, Peer] = {}
        self.listening: dict[int, Listening] = {}
        self.tally = Tally(mixes.PCM16)
        self.deflates = False
        """Providers agree to compression."""
        self.greet_ns = 0
        """How long providers wait before they greet."""
        self._greeting: list[tuple[int, Peer]] = []

    def greet(self, provider: Peer) -> None:
        """Have a provider greet, at once or when it is time."""
        if self.greet_ns:
            self._greeting.append((clock() + self.greet_ns, provider))
        else:
            provider.send(GREETING)

    def greet_due(self) -> None:
        """Greet where it is time."""
        now_ns = clock()
        while self._greeting and self._greeting[0][0] <= now_ns:
            self._greeting.pop(0)[1].send(GREETING)

    def turn(self, timeout_s: float = 0) -> bool:
        """Serve every socket that has something. Returns whether there was any."""
        events = self.epoll.poll(timeout_s)
        for fd, event in events:
            peer = self.peers.get(fd)
            if peer is None:
                # Or the socket of a peer that went in this very turn.
                if fd in self.listening:
                    self.listening[fd].accept()
                continue
            if event & select.EPOLLOUT:
                peer.writable()
            if event & ~select.EPOLLOUT:
                peer.readable()
        return bool(events)
