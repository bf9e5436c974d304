"""Every client in a process of its own, all at once, against one Trunkline that speaks TLS."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import speech
from tests.support.running import ROOT, Running, environment

from trunkline.store.control.database import sqlite_url
from trunkline.store.control.store import ControlStore

HERE = Path(__file__).parent
CLIENTS = HERE / "clients"
GUIDE = ROOT / "docs" / "how-to" / "clients.md"
PYTHON = HERE / ".venv" / "bin" / "python"
CLIPS = ("go_forward", "young_man")
TIMEOUT_S = 100.0


@dataclass(frozen=True)
class Played:
    """One client's call."""

    seen: dict[str, Any]
    """What the client told of it."""
    call: dict[str, Any]
    """What Trunkline recorded."""


class Troupe:
    """Plays clients, each with a key of its own, by which its call is found."""

    def __init__(self, started: Running, keys: dict[str, str], workplace: Path) -> None:
        """`keys` by script, as `made_keys` returns them. Begins to play all of them."""
        self._started, self._workplace = started, workplace
        # One thread each: a client mostly waits, at the pace of speech.
        self._pool = ThreadPoolExecutor(len(keys))
        self._plays: dict[str, Future[Played]] = {
            script: self._pool.submit(self._play, script, key) for script, key in keys.items()
        }

    def played(self, script: str) -> Played:
        """Return the client's call, once it is over."""
        return self._plays[script].result()

    def end(self) -> None:
        """Wait for those that still play."""
        self._pool.shutdown(cancel_futures=True)

    def _play(self, script: str, key: str) -> Played:
        return Played(self._run(script, key), self._recorded(script))

    def _run(self, script: str, key: str) -> dict[str, Any]:
        assert PYTHON.exists(), "run scripts/install-test-tools: it installs these clients"
        place = self._workplace / script.replace(".", "-")
        shutil.copytree(CLIENTS, place, ignore=shutil.ignore_patterns("__pycache__"))
        (place / "node_modules").symlink_to(ROOT / "node_modules")
        for clip in CLIPS:
            (place / f"{clip}.pcm").write_bytes(speech.load(clip))
        host = self._started.url.removeprefix("https://")
        suffix = ".py" if script.endswith(".py") else ".mjs"
        (place / f"documented{suffix}").write_text(documented(script, host), "utf-8")
        authority = str(self._started.ca)
        env = {
            "TRUNKLINE_KEY": key,
            "OPENAI_API_KEY": "sk-of-the-provider",
            "AZURE_OPENAI_API_KEY": "key-of-azure",
            "SSL_CERT_FILE": authority,
            "NODE_EXTRA_CA_CERTS": authority,
        }
        done = subprocess.run(
            command(place / script), capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
            env={**environment(), **env}, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return json.loads(done.stdout.splitlines()[-1])

    def _recorded(self, script: str) -> dict[str, Any]:
        def found() -> list[str]:
            calls = self._started.get("/v1/calls", params={"limit": 200}).json()["data"]
            return [call["id"] for call in calls if call["key"]["name"] == script]

        (call_id,) = self._started.wait(found)
        return self._started.sealed(call_id)


def command(script: Path) -> list[str]:
    """Return how to run a client's script."""
    match script.suffix:
        case ".py":
            return [str(PYTHON), str(script)]
        case ".mjs":
            return ["node", "--experimental-websocket", str(script)]
        case _:
            where = [str(script.parent), script.name, str(TIMEOUT_S)]
            return [sys.executable, "-m", "tests.compat.page", *where]


def documented(script: str, host: str) -> str:
    """Return what docs/how-to/clients.md says of how this client connects, but for the host."""
    marked = re.compile(rf"<!-- {re.escape(script)} -->\n```\w+\n(.*?)```\n", re.DOTALL)
    (snippet,) = marked.findall(GUIDE.read_text("utf-8"))
    assert "voice.example.com" in snippet
    return snippet.replace("voice.example.com", host)


def made_keys(data: Path, names: Iterable[str]) -> dict[str, str]:
    """Create a key for each name, before Trunkline is started on `data`."""

    async def create() -> dict[str, str]:
        async with ControlStore.opened(sqlite_url(data / "control.sqlite3")) as control:
            org = (await control.ensure_operator()).id
            return {name: (await control.create_key(org, name)).text for name in names}

    data.mkdir()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, create()).result()
