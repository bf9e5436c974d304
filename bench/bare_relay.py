"""The least that relays: two picows legs, no admission, no rules. The floor to compare with.

    python -m bench.bare_relay PORT PROVIDER_URL [JOURNAL_DIRECTORY]

With a directory every frame is journalled as the gateway does it, which shows what
recording costs by itself.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

import picows
import uvloop

from trunkline.journal.record import Flag, Kind, Leg
from trunkline.journal.writer import JournalWriter
from trunkline.settings import Settings

NO_FLAGS = Flag(0)


class ProviderLeg(picows.WSListener):
    def __init__(self, caller: "CallerLeg") -> None:
        self.caller = caller

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        self.caller.relay(self.caller.transport, Leg.PROVIDER, frame)


class CallerLeg(picows.WSListener):
    def __init__(self, provider_url: str, journal: JournalWriter | None) -> None:
        self.transport: picows.WSTransport | None = None
        self._provider_url = provider_url
        self._provider: picows.WSTransport | None = None
        self._journal = journal
        self._call = os.urandom(16)
        self._seq = 0

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport
        self._dialling = asyncio.create_task(self._dial())

    async def _dial(self) -> None:
        self._provider, _ = await picows.ws_connect(lambda: ProviderLeg(self), self._provider_url)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        self.relay(self._provider, Leg.CALLER, frame)

    def relay(self, to: picows.WSTransport | None, leg: Leg, frame: picows.WSFrame) -> None:
        received_ns = time.monotonic_ns()
        payload = frame.get_payload_as_bytes()
        if to is None or frame.msg_type != picows.WSMsgType.TEXT:
            return
        to.send(picows.WSMsgType.TEXT, payload)
        if self._journal is None:
            return
        handed_ns = time.monotonic_ns()
        self._journal.append(
            Kind.FRAME, self._call, self._seq, leg, NO_FLAGS, received_ns, handed_ns, payload
        )
        self._seq += 1

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        if self._provider is not None:
            self._provider.disconnect()


async def main(port: int, provider_url: str, directory: Path | None) -> None:
    journal = JournalWriter(directory, os.urandom(16), Settings()) if directory else None
    if journal is not None:
        journal.start()
    server = await picows.ws_create_server(
        lambda request: CallerLeg(provider_url, journal), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    port, url, *rest = sys.argv[1:]
    uvloop.run(main(int(port), url, Path(rest[0]) if rest else None))
