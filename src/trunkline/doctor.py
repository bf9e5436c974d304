"""`trunkline doctor`: what is configured, what is reachable, what is wrong."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from trunkline import __version__
from trunkline.errors import OperatorError
from trunkline.layout import DataLock, Layout
from trunkline.priority import may_go_first
from trunkline.settings import NAMES, Settings
from trunkline.tls import public_context

REACH_TIMEOUT_S = 3.0
LOW_SPACE_BYTES = 1 << 30
_SECRETS = ("metrics_token", "master_key")
_URLS = ("openai_url", "azure_url", "simulator_url", "facts_url", "blobs_url", "control_url")


class Finding(NamedTuple):
    """One line of the report."""

    verdict: Literal["ok", "warn", "FAIL", "info"]
    text: str


async def examine(settings: Settings) -> list[Finding]:
    """Return everything worth saying about this installation. Changes nothing."""
    return [
        Finding("info", f"trunkline {__version__}, Python {platform.python_version()}"),
        *_configured(settings),
        _precedence(settings),
        *_data(settings),
        *_master_key(settings),
        *_tls(settings),
        *await _providers(settings),
    ]


def _configured(settings: Settings) -> list[Finding]:
    defaults = Settings()
    changed = [
        Finding("info", f"{name} = {_shown(name, getattr(settings, name))}")
        for name in NAMES
        if getattr(settings, name) != getattr(defaults, name)
    ]
    return changed or [Finding("info", "every setting has its default")]


def _precedence(settings: Settings) -> Finding:
    if not settings.urgent:
        return Finding("info", "frames wait their turn with other processes, as you want it")
    if may_go_first():
        return Finding("ok", "frames go before other processes when the machine is busy")
    return Finding(
        "info",
        "frames wait their turn with other processes: LimitRTPRIO=1, or CAP_SYS_NICE, "
        "would let them go first",
    )


def _shown(name: str, value: object) -> str:
    """Return `value` without what is secret: tokens, and passwords of URLs."""
    if name in _SECRETS:
        return "***"
    text = str(value)
    if name not in _URLS or "@" not in text:
        return text
    scheme, _, rest = text.partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}"


def _data(settings: Settings) -> list[Finding]:
    layout = Layout(settings.data)
    if not settings.data.exists():
        return [Finding("ok", f"data directory {settings.data} will be created")]
    if not os.access(settings.data, os.R_OK | os.W_OK | os.X_OK):
        return [Finding("FAIL", f"data directory {settings.data} is not writable")]
    free_bytes = shutil.disk_usage(settings.data).free
    space = Finding(
        "warn" if free_bytes < LOW_SPACE_BYTES else "ok",
        f"data directory {settings.data} has {free_bytes / 1e9:.1f} GB free",
    )
    if not layout.lock.exists():
        return [space]
    try:
        DataLock(layout.lock).release()
    except OperatorError as exc:
        return [space, Finding("ok", f"running: {str(exc).partition(';')[0]}")]
    return [space, Finding("ok", "not running")]


def _master_key(settings: Settings) -> list[Finding]:
    path = Layout(settings.data).master_key
    if settings.master_key or not path.exists():
        return []
    if path.stat().st_mode & 0o077:
        return [Finding("FAIL", f"others may read the master key: chmod 600 {path}")]
    return [Finding("ok", f"the master key of stored credentials is in {path}: keep a copy of it")]


def _tls(settings: Settings) -> list[Finding]:
    if settings.tls_cert is None and settings.tls_key is None:
        return [Finding("info", "the public port speaks plain HTTP; put TLS in front or set tls_*")]
    try:
        public_context(settings)
    except OperatorError as exc:
        return [Finding("FAIL", str(exc))]
    return [Finding("ok", f"TLS with {settings.tls_cert}")]


async def _providers(settings: Settings) -> list[Finding]:
    if settings.simulator:
        return [Finding("warn", "the simulator answers every call; no provider is dialled")]
    azure = settings.azure_url
    findings = [await _reach("OpenAI", settings.openai_url)]
    if "{resource}" in azure:
        return [*findings, Finding("info", f"Azure: {azure}, by the caller's resource")]
    return [*findings, await _reach("Azure", azure)]


async def _reach(name: str, url: str) -> Finding:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    dial = asyncio.open_connection(parts.hostname, port)
    try:
        _, writer = await asyncio.wait_for(dial, REACH_TIMEOUT_S)
    except (OSError, TimeoutError) as exc:
        why = "no answer" if isinstance(exc, TimeoutError) else exc.strerror or str(exc)
        return Finding("FAIL", f"{name} at {parts.hostname}:{port} is not reachable: {why}")
    writer.close()
    return Finding("ok", f"{name} at {parts.hostname}:{port} is reachable")
