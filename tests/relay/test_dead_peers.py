"""Peers that vanish without a word: a real link that goes down, on which no FIN can come."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.relay.peer import TEXT, Peer, Peers, peers
from tests.relay.world import World, world
from tests.support.measured import measured

from trunkline.journal.record import Leg
from trunkline.protocol.call import Closed

_CLONE_NEWNET = 0x40000000


class Elsewhere:
    """A network of its own at the other end of a cable."""

    def __init__(self, name: str, number: int) -> None:
        self.here = f"10.213.{number % 250}.1"
        self.there = f"10.213.{number % 250}.2"
        self._name = name

    def lay(self) -> None:
        """Lay the cable."""
        name = self._name
        _ip("netns", "add", name)
        _ip("link", "add", f"{name}h", "type", "veth", "peer", "name", f"{name}t", "netns", name)
        _ip("addr", "add", f"{self.here}/30", "dev", f"{name}h")
        _ip("link", "set", f"{name}h", "up")
        _ip("-n", name, "addr", "add", f"{self.there}/30", "dev", f"{name}t")
        _ip("-n", name, "link", "set", f"{name}t", "up")

    def cut(self) -> None:
        """Let nothing through any more, in either direction."""
        _ip("-n", self._name, "link", "set", f"{self._name}t", "down")

    def remove(self) -> None:
        """Take it all away."""
        subprocess.run(["ip", "netns", "del", self._name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", f"{self._name}h"], check=False, capture_output=True)

    def made_there(self, make: Callable[[], socket.socket]) -> socket.socket:
        """Return the socket that `make` makes, which belongs to that network for good."""
        made: list[socket.socket] = []

        def enter() -> None:
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/run/netns/{self._name}", "rb") as namespace:
                assert libc.setns(namespace.fileno(), _CLONE_NEWNET) == 0
            made.append(make())

        # Only this thread moves.
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return made[0]


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def elsewhere() -> Generator[Elsewhere]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root, and the command `ip`, to make a network")
    made = Elsewhere(f"tl{os.getpid() % 100_000}", os.getpid())
    try:
        made.lay()
        yield made
    finally:
        made.remove()


async def vanishes(directory: Path, elsewhere: Elsewhere, who: Leg, **settings: Any) -> float:
    """Have one peer of a call vanish; return after how many seconds the other one knows."""
    provider_there = who is Leg.PROVIDER
    listening = (
        elsewhere.made_there(lambda: socket.create_server((elsewhere.there, 0)))
        if provider_there
        else None
    )
    async with (
        peers(listening=listening) as ends,
        world(directory, openai_url=ends.url, host="0.0.0.0", **settings) as w,
    ):
        caller, provider = await _called(w, ends, elsewhere if not provider_there else None)
        caller.send(TEXT, b"hello")
        assert await provider.message() == b"hello"
        staying = caller if provider_there else provider
        clock = asyncio.get_running_loop().time
        elsewhere.cut()
        began_s = clock()
        messages, code = await staying.until_close(timeout_s=60)
        taken_s = clock() - began_s
        staying.close(code)
        check(await w.journal.closed(), who, messages, code)
        assert w.gateway.live_calls == 0
    return taken_s


async def _called(w: World, ends: Peers, there: Elsewhere | None) -> tuple[Peer, Peer]:
    if there is None:
        return await ends.call(w.port)
    connected = await asyncio.to_thread(
        there.made_there, lambda: socket.create_connection((there.here, w.port))
    )
    return await ends.call(w.port, connected=connected)


def check(closed: Closed, who: Leg, messages: list[bytes], code: int | None) -> None:
    assert code == 1011
    assert (closed.status, closed.end_reason) == ("failed", f"{who.name.lower()}_lost")
    if who is Leg.PROVIDER:
        assert msgspec.json.decode(messages[-1])["error"]["code"] == "provider_lost"


@pytest.mark.guarantee("R7")
@pytest.mark.parametrize("who", [Leg.CALLER, Leg.PROVIDER])
async def test_a_peer_whose_link_is_cut_is_lost(
    tmp_path: Path, elsewhere: Elsewhere, who: Leg
) -> None:
    await vanishes(tmp_path, elsewhere, who, ping_interval_ms=200, ping_timeout_ms=200)


@pytest.mark.soak
@pytest.mark.guarantee("R7")
@pytest.mark.parametrize("who", [Leg.CALLER, Leg.PROVIDER])
async def test_as_it_comes_a_dead_peer_is_lost_within_half_a_minute(
    tmp_path: Path, elsewhere: Elsewhere, who: Leg
) -> None:
    taken_s = await vanishes(tmp_path, elsewhere, who)
    measured("R7", f"a dead {who.name.lower()} is known after {taken_s:.1f} s")
    assert taken_s <= 30
