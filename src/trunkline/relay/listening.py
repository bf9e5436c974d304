"""I/O. The public socket when the process has no descriptor left.

Connections that are not accepted keep a listening socket readable: the event loop would
turn round and round, and its library write a page of log each time. One descriptor is
kept in reserve, with which a caller is accepted and sent away, so that it can try
elsewhere. Calls that run do not notice.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket

import structlog

from trunkline.clock import monotonic_ns

log = structlog.get_logger("trunkline.relay")

TOLD_EVERY_NS = 10 * 10**9

NONE_LEFT = (errno.EMFILE, errno.ENFILE)
"""What the kernel says when the process, or the machine, has no descriptor left."""


class Listening(socket.socket):
    """A listening socket whose `accept` never fails for want of descriptors."""

    def __init__(self, public: socket.socket) -> None:
        """Takes `public` over."""
        super().__init__(public.family, public.type, public.proto, fileno=public.detach())
        self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._told_ns = 0

    def accept(self) -> tuple[socket.socket, object]:
        """Return the next connection.

        Raises:
            ConnectionAbortedError: it was sent away, and there may be another.
            BlockingIOError: there is none, or the reserve is gone too.
        """
        try:
            return super().accept()
        except OSError as exc:
            if exc.errno not in NONE_LEFT:
                raise
        # The kernel looks for a descriptor first: there may be nobody to accept.
        if not self._send_away():
            raise BlockingIOError
        self._tell()
        raise ConnectionAbortedError

    def close(self) -> None:
        """Close it, and the reserve."""
        super().close()
        self._let_go()

    def _send_away(self) -> bool:
        self._let_go()
        try:
            connection, _ = super().accept()
        except OSError:
            # Or another thread has taken the descriptor: the next round will do.
            return False
        else:
            connection.close()
            return True
        finally:
            with contextlib.suppress(OSError):
                self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _let_go(self) -> None:
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1

    def _tell(self) -> None:
        now_ns = monotonic_ns()
        if now_ns - self._told_ns >= TOLD_EVERY_NS:
            self._told_ns = now_ns
            log.error("callers are sent away: raise the limit of open files (ulimit -n)")
