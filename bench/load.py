"""I/O. Our handle on the ends: starts them, tells them what to do, reads what they measured."""

import contextlib
import select
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import msgspec
import trustme

from bench.process import Cores, free_port, stop
from bench.talk import Connected, Open, Stop, Talk, Talked

T = TypeVar("T")

LIMIT_S = 90
"""No command takes so long: opening calls may take 30 s, and a round has a few seconds."""


class Provider(msgspec.Struct, frozen=True):
    """Where the provider listens."""

    port: int
    authority: Path | None = None
    """Who has signed its certificate; None: it speaks plain."""

    @property
    def secure(self) -> bool:
        """It speaks TLS."""
        return self.authority is not None

    @property
    def scheme(self) -> str:
        """`ws` or `wss`."""
        return "wss" if self.authority else "ws"


class Load:
    """The ends, running."""

    def __init__(self, popen: "subprocess.Popen[bytes]", plain: Provider, secure: Provider) -> None:
        self._popen = popen
        self.plain = plain
        self.secure = secure

    @property
    def pid(self) -> int:
        """The process of the ends."""
        return self._popen.pid

    def open(self, command: Open) -> Connected:
        """Open calls."""
        return self._do(command, Connected)

    def talk(self, mix: str, seconds: float) -> Talked:
        """Have them talk."""
        return self._do(Talk(mix, seconds), Talked)

    def stop(self) -> None:
        """End them."""
        self._do(Stop(), type(None))

    def _do(self, command: Open | Talk | Stop, answer: type[T]) -> T:
        if self._popen.stdin is None or self._popen.stdout is None:
            raise AssertionError("both are pipes")
        self._popen.stdin.write(msgspec.json.encode(command) + b"\n")
        self._popen.stdin.flush()
        # One answer for each command: what can be read is the beginning of a whole line.
        if not select.select([self._popen.stdout], [], [], LIMIT_S)[0]:
            raise SystemExit(f"the ends have not answered {command} within {LIMIT_S} s")
        line = self._popen.stdout.readline()
        if not line:
            raise SystemExit("the ends have ended: see what they said above")
        return msgspec.json.decode(line, type=answer)


@contextlib.contextmanager
def running(directory: Path, cores: Cores) -> Generator[Load]:
    """Start the ends, with a certificate of their own in `directory`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "authority.pem"))
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(directory / "provider.pem"))
    plain = Provider(free_port())
    secure = Provider(free_port(), directory / "authority.pem")
    command = [sys.executable, "-m", "bench.ends", str(plain.port), str(secure.port)]
    command += [str(directory / "provider.pem"), str(directory / "authority.pem")]
    popen = subprocess.Popen(
        cores.pinned(cores.ends, command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Load(popen, plain, secure)
    finally:
        for pipe in (popen.stdin, popen.stdout):
            if pipe is not None:
                pipe.close()
        stop(popen)
