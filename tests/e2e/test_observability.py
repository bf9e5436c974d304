"""A whole installation tells how it is, in numbers that add up, with a server and without."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Generator
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.e2e.test_kill import call_id_of, dial, turn
from tests.support.running import Running, running
from websockets.exceptions import InvalidStatus

from trunkline.vitals.exposition import KINDS

OF_THE_MACHINE = {"disk_low", "files_low", "gateway_busy"}
"""What may be so wherever tests run."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """Two gateways and a server, whose processes may be killed."""
    data = tmp_path_factory.mktemp("watched") / "data"
    with running(data, "--simulator", "--workers", "2") as started:
        yield started


def ready(started: Running) -> tuple[int, set[str]]:
    """Return the status of `/ready`, and the codes of its reasons."""
    answer = httpx2.get(f"{started.url}/ready")
    codes = {reason["code"] for reason in answer.json()["reasons"]}
    return answer.status_code, codes - OF_THE_MACHINE


def metrics(started: Running) -> dict[str, float]:
    """Return every metric, summed over its processes and labels."""
    text = httpx2.get(f"{started.url}/metrics").text
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


async def talk(started: Running) -> str:
    """Have a call of one turn; return its id."""
    async with dial(started) as caller:
        await turn(caller, "Hello there.")
        return call_id_of(caller)


def grown(started: Running, before: dict[str, float]) -> dict[str, float]:
    """Return by how much each metric has grown, without the prefix."""
    now = metrics(started)
    return {name.removeprefix("trunkline_"): now[name] - before.get(name, 0) for name in now}


def test_the_numbers_are_those_of_the_calls(watched: Running) -> None:
    before = settled(watched)
    calls = [watched.sealed(asyncio.run(talk(watched)), audio=False) for _ in range(3)]
    with pytest.raises(InvalidStatus):
        asyncio.run(refused(watched))

    def all_told() -> dict[str, float] | None:
        # Whichever worker answers has the others' numbers of up to a second before.
        now = grown(watched, before)
        return now if now["ended_total"] == 4 else None

    found = watched.wait(all_told)
    legs = [call[leg] for call in calls for leg in ("caller_leg", "provider_leg")]
    frames = sum(leg["frames"] for leg in legs)
    assert (found["attempts_total"], found["live_calls"]) == (4, 0)
    assert found["frames_total"] == found["relay_seconds_count"] == frames
    assert found["frame_bytes_total"] == sum(leg["bytes"] for leg in legs)
    assert found["refused_total"] == 1
    assert metrics(watched)["trunkline_journal_lost_bytes_total"] == 0
    assert ready(watched) == (200, set())


def settled(started: Running) -> dict[str, float]:
    """Wait until all processes tell of themselves and nothing goes on; return the metrics."""

    def still() -> dict[str, float] | None:
        first = metrics(started)
        time.sleep(1.5)
        then = metrics(started)
        same = first.get("trunkline_attempts_total") == then.get("trunkline_attempts_total")
        return then if same and ready(started) == (200, set()) else None

    return started.wait(still, 60)


async def refused(started: Running) -> None:
    async with dial(Running(started.process, started.data, started.url, "")):
        pass


def test_archives_and_facts_do_not_differ(watched: Running) -> None:
    watched.sealed(asyncio.run(talk(watched)), audio=False)

    def compared() -> dict[str, Any] | None:
        found = watched.get("/v1/system").json()["audit"]
        return found if found["calls"] and found["compared_at"] else None

    found = watched.wait(compared, 60)
    assert (found["differing_frames"], found["unreadable_archives"]) == (0, 0)
    assert found["archived_frames"] == found["facts_frames"] > 0


def test_without_a_server_all_is_told_and_calls_go_on(watched: Running) -> None:
    os.kill(watched.children()["server"], signal.SIGKILL)
    watched.wait(lambda: "server_gone" in ready(watched)[1])
    assert ready(watched)[0] == 200
    assert httpx2.get(f"{watched.url}/live").json() == {"status": "ok"}
    found = metrics(watched)
    assert found["trunkline_ready"] == 1
    assert found["trunkline_alarm"] >= 1
    before = found["trunkline_attempts_total"]
    call_id = asyncio.run(talk(watched))
    watched.wait(lambda: metrics(watched)["trunkline_attempts_total"] > before)
    assert watched.sealed(call_id, audio=False)["status"] == "completed"
    watched.wait(lambda: ready(watched) == (200, set()), 60)


def test_every_metric_is_exported_by_a_running_installation(watched: Running) -> None:
    text = httpx2.get(f"{watched.url}/metrics").text
    told = {
        line.split(" ")[2]: line.split(" ")[3] for line in text.splitlines() if "# TYPE" in line
    }
    assert told == KINDS
