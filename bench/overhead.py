"""CPU per relayed frame with recording on, beside nginx on the same frames in the same run.

    python bench/overhead.py [--calls 100] [--seconds 5] [--rounds 3]

How to read what it prints: bench/README.md.
"""

import argparse
import contextlib
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import ends
from proxies import KEY, Proxy, bare, cpu_ns, gateway, nginx

from trunkline.journal.reader import JournalReader
from trunkline.journal.record import Kind

START_TIMEOUT_S = 20


class Round(NamedTuple):
    """What one proxy did in one round."""

    frames: int
    """Relayed, both directions."""
    lost: int
    """Frames that did not come back."""
    cpu_us: float
    """Per relayed frame, of the proxy's process."""
    p50_us: int
    p99_us: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        directory = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="trunkline-bench-"))
        )
        run(stack, directory, options.calls, options.seconds, options.rounds)


def run(
    stack: contextlib.ExitStack, directory: Path, calls: int, seconds: float, rounds: int
) -> None:
    provider_port = free_port()
    ends_script = [sys.executable, ends.__file__]
    stack.enter_context(started([*ends_script, "echo", str(provider_port)], provider_port))
    provider = f"ws://127.0.0.1:{provider_port}"
    proxies = [
        *([nginx(directory, free_port(), provider)] if shutil.which("nginx") else []),
        bare("bare picows relay", free_port(), provider, None),
        bare("the same, journalling", free_port(), provider, directory / "bare"),
        gateway("Trunkline, recording", directory, free_port(), provider),
    ]
    running = [
        (proxy, stack.enter_context(started(proxy.command, proxy.port, proxy.environment)))
        for proxy in proxies
    ]
    results: dict[str, list[Round]] = {proxy.name: [] for proxy in proxies}
    direct = measure(None, f"{provider}/v1/realtime", calls, seconds)
    for _ in range(rounds):
        for proxy, process in running:
            result = measure((proxy, process), proxy.url, calls, seconds)
            results[proxy.name].append(result)
    report(direct, results, calls, seconds, rounds)
    for _, process in running:
        stop(process)
    report_recorded(directory, results["Trunkline, recording"])


def measure(
    proxy: tuple[Proxy, "subprocess.Popen[bytes]"] | None, url: str, calls: int, seconds: float
) -> Round:
    """Send one round of frames to `url`, and see what it costs the proxy."""
    command = [sys.executable, ends.__file__, "load", url, str(calls), str(seconds)]
    with subprocess.Popen(
        [*command, f"Helicone-Auth=Bearer {KEY}", "Authorization=Bearer sk-bench"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        if load.stdout.readline() != b"ready\n":
            sys.exit(f"no call could be opened at {url}")
        before_ns = cpu_ns(*proxy) if proxy else 0
        load.stdin.write(b"go\n")
        load.stdin.flush()
        summary = json.loads(load.stdout.readline())
        after_ns = cpu_ns(*proxy) if proxy else 0
    frames = summary["sent"] + summary["received"]
    return Round(
        frames,
        summary["sent"] - summary["received"],
        (after_ns - before_ns) / frames / 1000,
        summary["p50_us"],
        summary["p99_us"],
    )


def report(
    direct: Round, results: dict[str, list[Round]], calls: int, seconds: float, rounds: int
) -> None:
    rate = calls * ends.FRAMES_PER_S * 2
    print(f"{calls} calls, {rate} frames/s of {ends.FRAME_BYTES} bytes relayed, ", end="")
    print(f"{rounds} alternating rounds of {seconds:g} s, medians\n")
    print(f"{'':24}{'CPU':>9}{'beside':>9}{'round trip, ms':>18}{'lost':>8}")
    print(f"{'':24}{'µs/frame':>9}{'nginx':>9}{'p50':>9}{'p99':>9}{'frames':>8}")
    line("no proxy", "", "", direct.p50_us, direct.p99_us, direct.lost)
    first = next(iter(results))
    base_us = statistics.median(one.cpu_us for one in results[first])
    for name, measured in results.items():
        cpu_us = statistics.median(one.cpu_us for one in measured)
        line(
            name,
            f"{cpu_us:.1f}",
            f"{cpu_us / base_us:.2f}" if first == "nginx" else "-",
            statistics.median(one.p50_us for one in measured),
            statistics.median(one.p99_us for one in measured),
            sum(one.lost for one in measured),
        )
    if first != "nginx":
        print("\nnginx is not installed: nothing to compare with.")


def line(name: str, cpu: str, ratio: str, p50_us: float, p99_us: float, lost: int) -> None:
    print(f"{name:24}{cpu:>9}{ratio:>9}{p50_us / 1000:>9.2f}{p99_us / 1000:>9.2f}{lost:>8}")


def report_recorded(directory: Path, measured: Sequence[Round]) -> None:
    """Say whether the journal holds what was relayed: a benchmark that drops is worthless."""
    relayed = sum(one.frames for one in measured)
    recorded = 0
    for journal in (directory / "data" / "journal").iterdir():
        for batch in JournalReader(journal).batches():
            recorded += sum(record.kind == Kind.FRAME for record, _ in batch.records)
    print(f"\nTrunkline relayed {relayed} frames and recorded {recorded}.")


@contextlib.contextmanager
def started(
    command: Sequence[str], port: int, environment: dict[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that listens on `port`; ended with the context, whatever happens."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(process, port)
        yield process
    finally:
        stop(process)


def wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            sys.exit(f"{process.args} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    sys.exit(f"{process.args} does not listen after {START_TIMEOUT_S} s")


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
