"""I/O. Tells systemd, or whoever else speaks `sd_notify`, how far we are.

The protocol is one datagram to the socket that `NOTIFY_SOCKET` names
(systemd's `sd_notify(3)`); without it nothing is told.
"""

from __future__ import annotations

import contextlib
import os
import socket

from trunkline.clock import monotonic_ns

VARIABLE = "NOTIFY_SOCKET"


def ready() -> None:
    """We serve, with the settings that are in force now."""
    _tell("READY=1")


def reloading() -> None:
    """A reload has begun; `ready` ends it, whatever came of it."""
    # The time tells systemd which of several reloads is meant (`Type=notify-reload`).
    _tell(f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns() // 1000}")


def stopping() -> None:
    """We end, which may take as long as calls may drain."""
    _tell("STOPPING=1")


def _tell(what: str) -> None:
    address = os.environ.get(VARIABLE, "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(what.encode(), address)
