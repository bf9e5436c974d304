"""I/O. On what it was measured, and what."""

import json
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from bench.proxies import PEERS, installed
from bench.results import Machine
from trunkline import __version__

LIBRARIES = ("picows", "uvloop", "aiofastnet", "msgspec", "chdb-core", "av")


def machine() -> Machine:
    """Return what this machine is."""
    return Machine(
        processor=_field("/proc/cpuinfo", "model name"),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1024**2),
        kernel=platform.release(),
        congestion=Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip(),
    )


def versions() -> dict[str, str]:
    """Return the versions of everything that is measured, and of what it is made of."""
    found = {"Trunkline": __version__, "Python": platform.python_version()}
    found |= {name: metadata.version(name) for name in LIBRARIES}
    there = installed()
    if "nginx" in there:
        found["nginx"] = _said("nginx", "-v")
    if "haproxy" in there:
        found["HAProxy"] = _said("haproxy", "-v")
    if "litellm" in there:
        [directory] = PEERS.glob(".venv/lib/python*/site-packages/litellm-*.dist-info")
        found["LiteLLM"] = directory.name.removesuffix(".dist-info").partition("-")[2]
    if "portkey" in there:
        package = PEERS / "node_modules" / "@portkey-ai" / "gateway" / "package.json"
        found["Portkey"] = json.loads(package.read_text("utf-8"))["version"]
        found["Node"] = _said("node", "--version")
    return found


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    number = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return number[0] if number else "unknown"


def _field(path: str, name: str) -> str:
    lines = Path(path).read_text("utf-8").splitlines()
    line = next((line for line in lines if line.startswith(name)), ":unknown")
    return line.partition(":")[2].strip()
