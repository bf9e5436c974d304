"""`trunkline up`: what is bound, prepared and printed once, before `supervisor` takes over."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from trunkline import logs, wiring
from trunkline.child import Duty
from trunkline.errors import OperatorError
from trunkline.journal.lock import is_held
from trunkline.layout import DataLock, Layout
from trunkline.relay.loads import PLACES, Loads, new_loads
from trunkline.settings import Settings
from trunkline.sockets import bind_public, loopback_socket, private_socket
from trunkline.supervised import MARK
from trunkline.supervisor import Supervisor
from trunkline.vitals.files import clear
from trunkline.vitals.machine import Gauge
from trunkline.vitals.publisher import published

log = structlog.get_logger("trunkline.up")

ONCE = ("host", "port", "data", "simulator_url", "simulator_switches", "simulator_speech")
"""Settings of what a reload leaves as it is: the socket, the directory, the simulator."""


async def up(settings: Settings, reread: Callable[[], Settings]) -> None:
    """Start and supervise everything until SIGTERM or Ctrl-C; then drain.

    `reread` reads the settings again, from where they came.
    """
    logs.configure(settings, "up")
    wiring.check(settings)
    layout = Layout(settings.data)
    layout.create()
    lock = DataLock(layout.lock)
    clear(layout.run)
    with Installation.bound(settings, reread, layout) as installation:
        url = installation.url(settings)
        sign_in = await _first_sign_in(settings, layout, url)
        gauge = Gauge(settings.data)
        supervisor = Supervisor(installation, settings, gauge)
        _greet(settings, url, sign_in)
        async with published(layout.run, "up", gauge, supervisor):
            await supervisor.run()
    lock.release()


@dataclass(frozen=True)
class Installation:
    """What is bound once, and every process that it is handed to."""

    began_with: Settings
    reread: Callable[[], Settings]
    layout: Layout
    public: socket.socket
    private: socket.socket
    private_path: Path
    simulators: socket.socket
    loads: int

    @classmethod
    @contextlib.contextmanager
    def bound(
        cls, settings: Settings, reread: Callable[[], Settings], layout: Layout
    ) -> Generator[Installation]:
        """Bind everything, for as long as the context lasts."""
        with contextlib.ExitStack() as stack:
            public = stack.enter_context(bind_public(settings.host, settings.port))
            private, path = stack.enter_context(private_socket())
            simulators = stack.enter_context(loopback_socket())
            loads = new_loads()
            stack.callback(os.close, loads)
            yield cls(settings, reread, layout, public, private, path, simulators, loads)

    def url(self, settings: Settings) -> str:
        """Return the address to show to people."""
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        scheme = "https" if settings.tls_cert else "http"
        return settings.public_url.rstrip("/") or f"{scheme}://{host}:{_port(self.public)}"

    # --- for the supervisor

    def simulator(self, settings: Settings) -> Duty | None:
        """Return what a simulator is started with, if it is ours to start."""
        if settings.simulator_url:
            return None
        return self._duty("simulator", ["simulator"], self.simulators, settings)

    def server(self, settings: Settings) -> Duty:
        """Return what a server is started with."""
        return self._duty("server", ["server"], self.private, settings)

    def gateway(self, settings: Settings, number: int) -> Duty:
        """Return what a gateway is started with."""
        name = _name(number)
        command = ["gateway", "--name", name, "--server-socket", str(self.private_path)]
        if number >= PLACES:
            return self._duty(name, command, self.public, settings)
        command += ["--loads-fd", str(self.loads), "--place", str(number)]
        return self._duty(name, command, self.public, settings, self.loads)

    def is_free(self, number: int) -> bool:
        """Return whether no gateway has this number that outlived an earlier supervisor."""
        return not is_held(self.layout.journal / _name(number))

    def gone(self, number: int) -> None:
        """The gateway of this number will not come back: nobody waits for it to accept."""
        if number < PLACES:
            Loads(self.loads, number).leave()

    def fresh(self) -> Settings:
        """Return the settings as they are now. Raises `OperatorError`: they cannot be used."""
        settings = self.reread()
        for name in ONCE:
            if getattr(settings, name) != getattr(self.began_with, name):
                raise OperatorError(f"setting {name} has changed, which needs a restart")
        wiring.check(settings)
        return settings

    def _duty(
        self, name: str, command: list[str], listening: socket.socket, settings: Settings,
        *others: int,
    ) -> Duty:  # fmt: skip
        descriptor = listening.fileno()
        common = (MARK, "--listen-fd", str(descriptor))
        argv = (sys.executable, "-m", "trunkline", *command, *common)
        return Duty(name, argv, (descriptor, *others), self._told(settings))

    def _told(self, settings: Settings) -> Settings:
        """Return `settings` as processes get them: with the addresses that were bound."""
        found = {"port": _port(self.public), "public_url": self.url(settings)}
        if not settings.simulator_url:
            found["simulator_url"] = f"ws://127.0.0.1:{_port(self.simulators)}"
        return msgspec.structs.replace(settings, **found)


def _name(number: int) -> str:
    return f"gateway-{number}"


def _port(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


async def _first_sign_in(settings: Settings, layout: Layout, url: str) -> str:
    """Return a one-time link for the operator, with the accounts ready to be used.

    Empty when the accounts do not answer: gateways admit the keys that they knew last.

    Raises:
        OperatorError: the accounts' database does not answer, and no key was ever known.
    """
    from trunkline.store.control.database import ControlUnavailable
    from trunkline.store.control.store import ControlStore

    accounts = wiring.control_url(settings)
    try:
        async with ControlStore.opened(accounts, publish_to=layout.snapshot) as control:
            await control.ensure_operator()
            await control.publish_snapshot(layout.snapshot)
            return f"{url}/sign-in/{await control.issue_sign_in_link()}"
    except ControlUnavailable as exc:
        if not layout.snapshot.exists():
            raise
        log.error("nobody can sign in yet, known keys open calls", error=str(exc))
        return ""


def _greet(settings: Settings, url: str, sign_in: str) -> None:
    """Print what a newcomer needs to know, and nothing more."""
    command = _command()
    create = f"{command} keys create --data {shlex.quote(str(settings.data))} --name first"
    lines = [
        f"Dashboard  {sign_in}  (signs you in, once)" if sign_in else f"Dashboard  {url}",
        f"Gateway    {url.replace('http', 'ws', 1)}/v1/gateway/oai/realtime?model=…",
        f"Key        {create}",
        f"Try        {command} try --url {url} --key $({create})",
    ]
    if settings.simulator:
        lines.append("The simulator answers every call: no provider is dialled, nothing is billed.")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _command() -> str:
    """Return how this command line can be run again, from here."""
    if Path(sys.argv[0]).name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m trunkline"
    return shlex.quote(os.path.relpath(sys.argv[0])) if os.sep in sys.argv[0] else "trunkline"
