"""I/O. What `trunkline up` starts: the processes of the command line, told everything by it.

Sockets come by their numbers, settings through standard input (`child` is the other end).
The command line for people is not loaded: its library would be 9 MB of every gateway.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from trunkline.errors import told_in_a_line
from trunkline.orders import Given
from trunkline.settings import undump

MARK = "--settings-from-parent"


def main(arguments: Sequence[str]) -> None:
    """Be the process that `arguments` say, until it ends."""
    told = _parser().parse_args(arguments)
    given = Given(True, told.listen_fd, told.loads_fd, told.place)
    with told_in_a_line():
        from trunkline import wiring

        settings = undump(first_line(sys.stdin.fileno()))
        if told.duty == "gateway":
            wiring.gateway(settings, told.name, told.server_socket, given)
        elif told.duty == "server":
            wiring.run(wiring.server(settings, None, given))
        else:
            wiring.run(wiring.simulator(settings, "", 0, given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trunkline", allow_abbrev=False)
    parser.add_argument("duty", choices=("gateway", "server", "simulator"))
    parser.add_argument(MARK, action="store_true", required=True)
    parser.add_argument("--listen-fd", type=int)
    parser.add_argument("--name", default="gateway")
    parser.add_argument("--server-socket", type=Path)
    parser.add_argument("--loads-fd", type=int)
    parser.add_argument("--place", type=int, default=0)
    return parser


def first_line(descriptor: int) -> bytes:
    """Read a line, and nothing after it: that is for `orders`."""
    with open(descriptor, "rb", buffering=0, closefd=False) as line:
        return line.readline()
