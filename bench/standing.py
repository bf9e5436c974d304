"""I/O. The proxies of one measurement, standing between the ends."""

import contextlib
import os
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path

import msgspec

from bench import process, proxies, threads
from bench.cells import DIRECT
from bench.load import Load, running
from bench.process import Cores, Process
from bench.proxies import Proxy, Site
from bench.rounds import Round
from bench.talk import Connected, Open


class Standing:
    """The ends, and proxies between them."""

    def __init__(self, directory: Path, cores: Cores, load: Load) -> None:
        self._directory = directory
        self._cores = cores
        self._stack = contextlib.ExitStack()
        self.load = load
        self._proxies: dict[tuple[str, bool], tuple[Proxy, Process | None]] = {
            (DIRECT, provider.secure): (Proxy(DIRECT, (), provider.port), None)
            for provider in (load.plain, load.secure)
        }

    def start(self, name: str, secure: bool) -> Process | None:
        """Start a proxy; it runs until the end, or until `end`."""
        if (name, secure) not in self._proxies:
            directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._directory))
            provider = self.load.secure if secure else self.load.plain
            proxy = proxies.MAKERS[name](Site(directory, process.free_port(), provider))
            command = self._cores.pinned(self._cores.proxies, proxy.command)
            started = self._stack.enter_context(
                process.started(
                    command, proxy.port, proxy.environment, directory / "log", proxy.said
                )
            )
            self._proxies[name, secure] = (proxy, started)
        return self._proxies[name, secure][1]

    def open(self, name: str, secure: bool, calls: int, at_once: int = 16) -> Connected:
        """Open calls through a proxy that was started."""
        proxy = self.proxy(name, secure)
        return self.load.open(
            Open(
                "127.0.0.1", proxy.port, proxy.path, proxy.headers, calls, at_once,
                proxy.greet_ms, proxy.deflate, secure and name == DIRECT,
            )
        )  # fmt: skip

    def round(self, name: str, secure: bool, mix: str, calls: int, seconds: float) -> Round:
        """Open calls, have them talk, and end them."""
        opened = self.open(name, secure, calls)
        one = self.talk(name, secure, mix, seconds)
        self.load.stop()
        missing = opened.asked - opened.greeted
        if not missing:
            return one
        why = f"{missing} of {calls} calls did not open {opened.refusal[:80]}"
        return msgspec.structs.replace(one, unopened=why.strip())

    def proxy(self, name: str, secure: bool) -> Proxy:
        """Return how a proxy that was started is spoken to."""
        return self._proxies[name, secure][0]

    def talk(self, name: str, secure: bool, mix: str, seconds: float) -> Round:
        """Have all open calls talk, and watch the proxy meanwhile."""
        _, watched = self._proxies[name, secure]
        watched_ns = watched.cpu_ns() if watched else 0
        ours_ns, all_ns = self._ours_ns(), threads.of_machine()
        talked = self.load.talk(mix, seconds)
        all_ns, ours_ns = threads.of_machine() - all_ns, self._ours_ns() - ours_ns
        watched_ns = watched.cpu_ns() - watched_ns if watched else 0
        foreign = (all_ns - ours_ns - watched_ns) / 1e9 / talked.seconds
        resident_kb = watched.resident_kb() if watched else 0
        return Round(talked, watched_ns, resident_kb, round(max(foreign, 0), 3))

    def _ours_ns(self) -> int:
        return threads.of_process(os.getpid()) + threads.of_process(self.load.pid)

    def end(self) -> None:
        """End all proxies."""
        self._stack.close()
        self._proxies = {key: found for key, found in self._proxies.items() if key[0] == DIRECT}


@contextlib.contextmanager
def standing(names: Iterable[str] = (), secure: bool = False) -> Generator[Standing]:
    """Start the ends, and these proxies; end all of them with the context."""
    cores = Cores()
    with (
        tempfile.TemporaryDirectory(prefix="trunkline-bench-") as directory,
        running(Path(directory), cores) as load,
    ):
        stands = Standing(Path(directory), cores, load)
        try:
            for name in names:
                stands.start(name, secure)
            yield stands
        finally:
            stands.end()
