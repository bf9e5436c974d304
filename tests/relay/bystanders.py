"""Calls beside one that misbehaves: what they say, and how long it takes meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from tests.relay.peer import TEXT, Peer, Peers

from trunkline.clock import monotonic_ns

EVERY_S = 0.02
STAMP = slice(-20, None)
SOUND = b'{"type":"input_audio_buffer.append","audio":"' + b"A" * 2_560 + b'"}'


@dataclass(frozen=True)
class Trips:
    """Round trips: caller, gateway, provider, gateway, caller."""

    times_ns: list[int]

    def at(self, share: float) -> float:
        """Return what that share of them took at most, ms."""
        return sorted(self.times_ns)[int(len(self.times_ns) * share)] / 1e6

    def __str__(self) -> str:
        return f"p50 {self.at(0.5):.2f} ms, p99 {self.at(0.99):.2f} ms of {len(self.times_ns)}"


class Bystanders:
    """Some callers who say a chunk of sound every 20 ms, and a provider who says it back."""

    def __init__(self) -> None:
        self._times_ns: list[int] = []

    def since_asked(self) -> Trips:
        """Return the round trips that were finished since this was asked the last time."""
        times_ns, self._times_ns = self._times_ns, []
        return Trips(times_ns)

    async def for_some(self, trips: int) -> Trips:
        """Wait until there were so many more; return them."""
        self._times_ns = []
        while len(self._times_ns) < trips:
            await asyncio.sleep(EVERY_S)
        return self.since_asked()

    async def say(self, caller: Peer) -> None:
        """Say something by the clock, whether it was answered or not."""
        while True:
            caller.send(TEXT, SOUND + b"%20d" % monotonic_ns())
            await asyncio.sleep(EVERY_S)

    async def answer(self, provider: Peer) -> None:
        while True:
            provider.send(TEXT, await provider.message())

    async def hear(self, caller: Peer) -> None:
        while True:
            self._times_ns.append(-int((await caller.message())[STAMP]) + monotonic_ns())


@contextlib.asynccontextmanager
async def bystanders(ends: Peers, port: int, calls: int) -> AsyncGenerator[Bystanders]:
    """Have so many of them talk for the time of the block; none of their calls may break."""
    made = Bystanders()
    async with asyncio.TaskGroup() as talking:
        tasks: list[asyncio.Task[None]] = []
        both: list[Peer] = []
        for _ in range(calls):
            caller, provider = await ends.call(port)
            both += [caller, provider]
            for work in (made.say(caller), made.answer(provider), made.hear(caller)):
                tasks.append(talking.create_task(work))
        yield made
        for task in tasks:
            task.cancel()
    for peer in both:
        peer.leave()
