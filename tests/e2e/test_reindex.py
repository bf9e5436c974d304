"""Facts that are gone, and an installation that is gone, come back as they were."""

import asyncio
import os
import shutil
import signal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.calling import LISTENING, Connected, calling
from tests.support.measured import measured
from tests.support.running import Running, running, trunkline
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

SESSION = {"Helicone-Session-Id": "s-1", "Helicone-Session-Path": "/a/b", "Helicone-User-Id": "u-1"}
FLUSHED_S = 0.3
"""Longer than the gateway keeps anything in memory only."""


class Recorded(NamedTuple):
    """An installation that was stopped, a backup of it, and what it answered."""

    data: Path
    backup: Path
    key: str
    answers: dict[str, Any]
    live: str
    """A call that was live when the backup was taken."""
    said: int
    """Events of that call that were written by then."""


async def talk(caller: Connected, text: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await caller.send("conversation.item.create", item=item)
    await caller.send("response.create")
    await caller.answered()


async def record(started: Running) -> str:
    """Have calls of every kind, and return the id of the one that its gateway cut off."""
    tried = trunkline("try", "--url", started.url, "--key", started.key)
    assert tried.returncode == 0, tried.stderr
    await asyncio.to_thread(started.sealed, tried.stdout.splitlines()[-1].rpartition("/")[2])
    async with calling(started, **SESSION) as caller:
        await caller.configure({"type": "realtime", "output_modalities": ["text"]})
        await talk(caller, "in a session")
        await caller.hang_up()
    url = f"{started.websocket_url}/v1/gateway/oai/realtime?model=gpt-realtime-2.1"
    with pytest.raises(InvalidStatus, match="401"):
        await connect(url, additional_headers={"Helicone-Auth": "Bearer sk-trunkline-nosuch"})
    async with calling(started, **SESSION) as caller:
        await caller.configure({**LISTENING, "output_modalities": ["text"]})
        await talk(caller, "before the gateway dies")
        await asyncio.sleep(FLUSHED_S)
        gateway = started.children()["gateway-0"]
        os.kill(gateway, signal.SIGKILL)
        await caller.closed()
    await asyncio.to_thread(
        started.wait, lambda: started.children().get("gateway-0", gateway) != gateway
    )
    await asyncio.to_thread(started.sealed, caller.call_id, audio=False)
    return caller.call_id


def events_of(started: Running, call_id: str) -> int:
    """Return how many events of a call there are. Waits until it is there."""
    started.call(call_id)
    return len(started.get(f"/v1/calls/{call_id}/events").text.splitlines())


def answers(started: Running, besides: str = "") -> dict[str, Any]:
    """Return everything that the API says, call `besides` left out."""
    listing = started.get("/v1/calls").json()["data"]
    calls = [call["id"] for call in listing if call["id"] != besides]
    found: dict[str, Any] = {"calls": [call for call in listing if call["id"] != besides]}
    paths = [f"/v1/calls/{call}{part}" for call in calls for part in ("", "/peaks")]
    paths += [f"/v1/calls/{call}/events?limit=10000" for call in calls]
    paths += ["/v1/calls?user=u-1", "/v1/calls?status=refused", "/v1/calls?session=s-1"]
    paths += ["/v1/sessions", "/v1/sessions/s-1", "/v1/keys", "/v1/budget"]
    for path in paths:
        answer = started.get(path)
        found[path] = answer.status_code, answer.text
    for call in calls:
        sound = started.get(f"/v1/calls/{call}/audio")
        found[f"{call} sound"] = sound.status_code, sound.content
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """One installation for both ways of losing it."""
    directory = tmp_path_factory.mktemp("lost")
    data, copy = directory / "data", directory / "backup"

    async def use(started: Running) -> Recorded:
        await record(started)
        async with calling(started) as caller:
            await caller.configure({"type": "realtime", "output_modalities": ["text"]})
            await talk(caller, "while it is copied")
            await asyncio.sleep(FLUSHED_S)
            said = await asyncio.to_thread(events_of, started, caller.call_id)
            done = trunkline("backup", str(copy), "--data", str(data))
            assert done.returncode == 0, done.stderr
            await talk(caller, "and goes on")
            await caller.hang_up()
        await asyncio.to_thread(started.sealed, caller.call_id, audio=False)
        told = await asyncio.to_thread(answers, started, caller.call_id)
        return Recorded(data, copy, started.key, told, caller.call_id, said)

    with running(data, "--simulator") as started:
        return asyncio.run(use(started))


@pytest.mark.guarantee("D9")
def test_a_rebuild_gives_the_same_answers_from_archives_alone(recorded: Recorded) -> None:
    shutil.rmtree(recorded.data / "facts")
    done = trunkline("reindex", "--data", str(recorded.data))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5 calls, ")
    with running(recorded.data, "--simulator") as again:
        again.key = recorded.key
        found = answers(again, recorded.live)
        assert len(found) > 20
        assert found == without_new_key(found, recorded.answers)


@pytest.mark.guarantee("D12")
def test_a_backup_that_is_restored_elsewhere_gives_the_same_answers(
    recorded: Recorded, tmp_path: Path
) -> None:
    restored = tmp_path / "restored"
    shutil.copytree(recorded.backup, restored)
    assert trunkline("reindex", "--data", str(restored)).returncode == 0
    with running(restored, "--simulator") as again:
        again.key = recorded.key
        call = again.sealed(recorded.live, audio=False)
        assert call["status"] == "recovered"
        assert call["transcript"][0]["text"] == "while it is copied"
        assert events_of(again, recorded.live) >= recorded.said > 10
        found = answers(again, recorded.live)
        assert found == without_new_key(found, recorded.answers)
    measured("D12", (recorded.backup / "backup.json").read_text())


def without_new_key(found: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return `before` with the keys that there are now: each start of a test makes one."""
    return {**before, "/v1/keys": found["/v1/keys"], "/v1/budget": found["/v1/budget"]}
