"""I/O. Where the gateway's time goes: each microsecond of a relayed frame, by whose code it is.

    python -m bench.profile [--calls 100] [--seconds 4]

`perf` tells the shared object and its function, ours too where they are compiled; `py-spy`
tells which of our Python functions was at work, with all that it called. Whichever is
missing is left out.
"""

import argparse
import contextlib
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.results import Results, Share
from bench.standing import Standing, standing

CALLS = 100
SECONDS = 4.0
PERF_HERTZ, SPY_HERTZ = 4_000, 1_000
MOST = 6
"""Functions that are named of each part."""
OURS = "of it our Python functions, with what they call"
_SAMPLE = re.compile(r"\s*[0-9a-f]+ (.*?)(?:\+0x\w+)? \((.*)\)$")
"""A line of `perf script`: address, function, path."""
_PARTS = (
    ("kernel", re.compile(r"^\[|\.ko$")),
    ("Trunkline, compiled", re.compile(r"/trunkline/")),
    ("uvloop", re.compile(r"/uvloop/")),
    ("aiofastnet", re.compile(r"/aiofastnet/")),
    ("picows", re.compile(r"/picows/")),
    ("TLS", re.compile(r"/lib(ssl|crypto)|/_ssl")),
    ("interpreter", re.compile(r"/(lib)?python[\d.]+(\.so[\d.]*)?$")),
)
"""By path, in which part a sample is; what none of them matches is in other libraries."""


def measure(calls: int = CALLS, seconds: float = SECONDS) -> list[Share]:
    """Watch a gateway while calls talk; empty when there is nothing to watch with."""
    with standing(["trunkline"]) as stands:
        stands.open("trunkline", False, calls)
        _talk(stands, 1.0)
        found = [*_by_object(stands, seconds), *_by_function(stands, seconds)]
        stands.load.stop()
    return found


def _talk(stands: Standing, seconds: float) -> float:
    """Return CPU µs per frame."""
    one = stands.talk("trunkline", False, "pcm16", seconds)
    return one.cpu_ns / one.talked.relayed / 1000


def _pid(stands: Standing) -> int:
    watched = stands.start("trunkline", secure=False)
    if watched is None:
        raise AssertionError("it is a process")
    # taskset has become what it starts.
    return watched.popen.pid


# --- perf ---------------------------------------------------------------------------------


def _by_object(stands: Standing, seconds: float) -> list[Share]:
    if not shutil.which("perf"):
        return []
    with TemporaryDirectory(prefix="trunkline-bench-") as name:
        samples = Path(name) / "perf.data"
        command = [
            "perf",
            "record",
            "-q",
            "-e",
            "cpu-clock",
            "-F",
            str(PERF_HERTZ),
            "-o",
            str(samples),
        ]
        with _beside([*command, "-p", str(_pid(stands))]):
            cpu_us = _talk(stands, seconds)
        script = subprocess.run(
            ["perf", "script", "-i", str(samples), "-F", "ip,sym,dso"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    parts: dict[str, Counter[str]] = {}
    for line in script.splitlines():
        if match := _SAMPLE.match(line):
            parts.setdefault(_part(match[2]), Counter())[_plain(match[1])] += 1
    us_per_sample = cpu_us / max(sum(part.total() for part in parts.values()), 1)
    shares = [_share(name, symbols, us_per_sample) for name, symbols in parts.items()]
    return sorted(shares, key=lambda share: -share.us)


def _part(path: str) -> str:
    return next((name for name, pattern in _PARTS if pattern.search(path)), "other libraries")


def _plain(symbol: str) -> str:
    """Return the name of a function as its author wrote it, where Cython has mangled it."""
    if not symbol.startswith("__pyx_"):
        return symbol
    names: list[str] = []
    rest = re.sub(r"^__pyx_[a-z]+_", "", symbol)
    while match := re.match(r"_?(\d+)", rest):
        length, rest = int(match[1]), rest[match.end() :]
        if length > len(rest):
            break
        names.append(rest[:length])
        rest = rest[length:]
    return ".".join(part for part in (*names[-1:], rest.strip("_")) if part)


def _share(part: str, counts: "Counter[str]", us_per_sample: float) -> Share:
    return Share(
        part=part,
        us=round(counts.total() * us_per_sample, 2),
        functions=tuple(
            (name, round(count * us_per_sample, 2)) for name, count in counts.most_common(MOST)
        ),
    )


# --- py-spy -------------------------------------------------------------------------------


def _by_function(stands: Standing, seconds: float) -> list[Share]:
    spy = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:/usr/bin:/usr/local/bin")
    if not spy:
        return []
    with TemporaryDirectory(prefix="trunkline-bench-") as name:
        samples = Path(name) / "stacks"
        command = [spy, "record", "-p", str(_pid(stands)), "-r", str(SPY_HERTZ), "-f", "raw"]
        with _beside([*command, "-d", "600", "-o", str(samples)]):
            cpu_us = _talk(stands, seconds)
        stacks = samples.read_text("utf-8").splitlines()
    found: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        found[_ours(stack)] += int(count)
    us_per_sample = cpu_us / max(found.total(), 1)
    del found[""]
    return [_share(OURS, found, us_per_sample)]


def _ours(stack: str) -> str:
    """Return the innermost of our functions in a stack; empty when there is none but the start."""
    for frame in reversed(stack.split(";")):
        if match := re.fullmatch(r"(\S+) \(.*?(?:trunkline/)?([\w/]+)\.py:\d+\)", frame):
            name, module = match[1], match[2].rpartition("trunkline/")[2]
            if "/" in module and "trunkline" in frame and module != "wiring":
                return f"{module.replace('/', '.')}.{name}"
    return ""


@contextlib.contextmanager
def _beside(command: list[str]) -> Generator[None]:
    """Have a profiler at work meanwhile, and let it write what it has seen."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as popen:
        try:
            yield
        finally:
            popen.send_signal(signal.SIGINT)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Where the gateway's time goes.")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    from bench.tables import profile

    found = measure(options.calls, options.seconds)
    print(profile(Results(profile=tuple(found))) or "install perf (linux-perf) and py-spy for this")


if __name__ == "__main__":
    main()
