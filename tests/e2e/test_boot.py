"""Started while nothing that it needs is there: calls are taken, and recorded when it comes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.support.measured import measured
from tests.support.running import Running, command, new_key, running
from tests.support.traffic import echoing_provider
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextlib.contextmanager
def unanswering(path: Path) -> Generator[None]:
    """Let another process have the accounts' database for itself."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield


def dial(started: Running) -> connect:
    return connect(
        f"{started.websocket_url}/v1/realtime?model=gpt-realtime-2.1",
        additional_headers={"Authorization": "Bearer sk-p", **started.headers},
    )


async def refused_with(started: Running) -> tuple[int, str]:
    """Return status and id of a call that its provider does not answer."""
    with pytest.raises(InvalidStatus) as refused:
        await dial(started)
    response = refused.value.response
    return response.status_code, response.headers["Helicone-Id"]


async def until_reasons(started: Running, *codes: str) -> dict[str, Any]:
    """Wait until `/ready` gives these reasons and no others; return what it says."""

    def ready() -> dict[str, Any] | None:
        answer = started.get("/ready")
        assert answer.status_code == 200
        told = answer.json()
        return told if {reason["code"] for reason in told["reasons"]} == set(codes) else None

    return await asyncio.to_thread(started.wait, ready, 60.0)


@pytest.mark.guarantee("L7")
async def test_without_provider_facts_and_accounts_calls_are_taken_and_recorded_later(
    tmp_path: Path,
) -> None:
    data, config, port = tmp_path / "data", tmp_path / "trunkline.toml", unused_port()
    provider = f"openai_url = 'ws://127.0.0.1:{port}/v1/realtime'\n"
    nobody = f"facts_url = 'clickhouse://127.0.0.1:{unused_port()}/d'\n"
    key = new_key(data)
    config.write_text(provider + nobody)
    env = {"TRUNKLINE_CONFIG": str(config)}
    with contextlib.ExitStack() as stack:
        locked = stack.enter_context(contextlib.ExitStack())
        locked.enter_context(unanswering(data / "control.sqlite3"))
        started = stack.enter_context(running(data, env=env, key=key))
        assert started.get("/live").status_code == 200
        told = await until_reasons(started, "process_failing")
        assert told["status"] == "degraded"
        status, early = await refused_with(started)
        assert status == 502
        async with echoing_provider(port), dial(started) as call:
            await call.send("hello")
            assert await call.recv() == "hello"
            assert call.response is not None
            live = call.response.headers["Helicone-Id"]
            # What was missing comes: accounts by themselves, facts by a setting.
            locked.close()
            config.write_text(provider)
            done = await asyncio.to_thread(command, "reload", "--data", str(data))
            assert (done.returncode, done.stderr) == (0, "")
            await call.send("still there")
            assert await call.recv() == "still there"
        await until_reasons(started)
        assert (await asyncio.to_thread(started.sealed, early, audio=False))["status"] == "refused"
        recorded = await asyncio.to_thread(started.sealed, live, audio=False)
        assert (recorded["status"], recorded["caller_leg"]["frames"]) == ("completed", 2)
    measured("L7", "no provider, facts or accounts: 2 of 2 calls recorded when they were there")
