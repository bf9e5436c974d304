"""I/O. Goes on reading a peer that we have hung up on, so that it can read why.

A socket that is closed while there is more to read on it resets its connection (RFC 2525,
2.17), and a peer in the midst of a large message would see that, and neither the `error`
event nor the close code.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

LINGER_S = 2.0
"""Long enough for what is under way; whoever sends longer does not listen."""
LINGER_BYTES = 64 * 1024 * 1024
"""As little, and more than a message that anybody means to send."""
_SCRAP = bytearray(64 * 1024)
"""What is thrown away; as much at once, before others have their turn."""


class Linger:
    """A second descriptor of a connection: it stays open when the first is closed."""

    def __init__(self, descriptor: int) -> None:
        """Throw away what comes from now on.

        Raises:
            OSError: there is no descriptor to be had.
        """
        self._socket = socket.socket(fileno=os.dup(descriptor))
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._discard)
        self._timer = loop.call_later(LINGER_S, self._close)
        self._left_bytes = LINGER_BYTES

    def hung_up(self) -> None:
        """The first descriptor is closed: tell the peer that no more comes."""
        # The peer may be gone, or we may.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def _discard(self) -> None:
        try:
            came_bytes = self._socket.recv_into(_SCRAP, 0, socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            came_bytes = 0
        self._left_bytes -= came_bytes
        if not came_bytes or self._left_bytes <= 0:
            self._close()

    def _close(self) -> None:
        self._timer.cancel()
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


def linger(descriptor: int) -> Linger | None:
    """Return who reads `descriptor` on; None: there are no more descriptors to be had."""
    try:
        return Linger(descriptor)
    except OSError:
        return None
