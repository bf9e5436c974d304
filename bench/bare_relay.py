"""I/O. The least that relays: two picows legs, no admission, no rules, no record.

python -m bench.bare_relay PORT PROVIDER_URL
"""

import asyncio
import sys

import picows
import uvloop


class ProviderLeg(picows.WSListener):
    """Hands everything to its caller."""

    def __init__(self, caller: "CallerLeg") -> None:
        self._caller = caller

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Relay a frame."""
        hand(self._caller.transport, frame)


class CallerLeg(picows.WSListener):
    """Dials the provider, and hands everything to it."""

    def __init__(self, provider_url: str) -> None:
        self.transport: picows.WSTransport | None = None
        self._provider_url = provider_url
        self._provider: picows.WSTransport | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """Dial."""
        self.transport = transport
        self._dialling = asyncio.create_task(self._dial())

    async def _dial(self) -> None:
        self._provider, _ = await picows.ws_connect(lambda: ProviderLeg(self), self._provider_url)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """Relay a frame."""
        hand(self._provider, frame)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        """The provider need not stay."""
        if self._provider is not None:
            self._provider.disconnect()


def hand(to: picows.WSTransport | None, frame: picows.WSFrame) -> None:
    """Send a text on."""
    if to is not None and frame.msg_type == picows.WSMsgType.TEXT:
        to.send(picows.WSMsgType.TEXT, frame.get_payload_as_bytes())


async def main(port: int, provider_url: str) -> None:
    """Relay until told to stop."""
    server = await picows.ws_create_server(
        lambda request: CallerLeg(provider_url), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
