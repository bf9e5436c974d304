"""`trunkline providers`, while everything runs: stored, used, replaced, rotated, forgotten."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.support.patience import PATIENCE_S
from tests.support.running import COMMAND, environment, running
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

FIRST, SECOND = "sk-first-0123456789", "sk-second-0123456789"


@contextlib.contextmanager
def provider(seen: list[str]) -> Generator[str]:
    """A provider that notes with which credential it was asked."""

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append(connection.request.headers["Authorization"])
        connection.send("{}")

    with serve(talk, "127.0.0.1", 0) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{served.socket.getsockname()[1]}"
        finally:
            served.shutdown()
            thread.join()


def trunkline(data: Path, *words: str, says: str = "") -> str:
    done = subprocess.run(
        [*COMMAND, "providers", *words, "--data", str(data)],
        input=says,
        capture_output=True,
        text=True,
        env=environment({}),
        timeout=PATIENCE_S,
        check=True,
    )
    assert FIRST not in done.stdout + done.stderr
    return done.stdout.strip()


def test_the_command_line_while_everything_runs(tmp_path: Path) -> None:
    seen: list[str] = []
    with provider(seen) as url, running(tmp_path / "data") as started:
        auth = {"Authorization": f"Bearer {started.key}"}

        def call() -> None:
            address = f"{started.websocket_url}/v1/realtime?model=gpt-realtime-2.1"
            with connect(address, additional_headers=auth, proxy=None) as caller:
                caller.recv(10)

        with pytest.raises(InvalidStatus) as caught:
            call()
        assert b"store one under Providers" in bytes(caught.value.response.body)
        data = started.data
        options = ("--name", "main", "--profile", "openai", "--url", url)
        id_ = trunkline(data, "add", *options, says=f"{FIRST}\n")
        call()
        assert trunkline(data, "list").startswith(f"{id_}  main  openai  …6789  ws://127.0.0.1:")
        trunkline(data, "rotate-master-key")
        call()
        trunkline(data, "replace", id_, says=SECOND)
        call()
        trunkline(data, "delete", id_)
        with pytest.raises(InvalidStatus):
            call()
    assert [one.removeprefix("Bearer ") for one in seen] == [FIRST, FIRST, SECOND]
    for path in (path for path in data.rglob("*") if path.is_file()):
        assert FIRST.encode() not in path.read_bytes(), path
