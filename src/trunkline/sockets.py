"""I/O. The sockets that the supervisor binds and its processes listen on."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Generator
from pathlib import Path

from trunkline.errors import OperatorError

BACKLOG = 1024
"""May wait to be accepted: half a second of the fastest storm that we could answer."""


def bind_public(host: str, port: int) -> socket.socket:
    """Return the listening public socket. Raises `OperatorError` for a busy port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    public = socket.socket(family, socket.SOCK_STREAM)
    public.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        public.bind((host, port))
    except OSError as exc:
        public.close()
        raise OperatorError(
            f"cannot listen on {host}:{port}: {exc.strerror}; "
            "choose another port with --port or TRUNKLINE_PORT"
        ) from exc
    public.listen(BACKLOG)
    return public


def loopback_socket() -> socket.socket:
    """Return a socket that listens on a free loopback port."""
    return bind_public("127.0.0.1", 0)


def unix_socket(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, where none listens any more."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    listening.listen(BACKLOG)
    return listening


@contextlib.contextmanager
def private_socket() -> Generator[tuple[socket.socket, Path]]:
    """Yield the listening socket between gateways and server, and its path.

    It lies in a short-named directory of its own, because a unix socket's path may
    have no more than 107 bytes and the data directory's may be longer.
    """
    with tempfile.TemporaryDirectory(prefix="trunkline-") as directory:
        path = Path(directory) / "server.sock"
        with unix_socket(path) as listening:
            yield listening, path
