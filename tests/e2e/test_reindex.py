"""`trunkline reindex`: the facts are gone, and come back as they were."""

import shutil
from pathlib import Path
from typing import Any

from tests.support.running import Running, running, trunkline


def facts_of(started: Running) -> list[dict[str, Any]]:
    calls = started.get("/v1/calls").json()["data"]
    return [started.call(call["id"]) for call in calls]


def test_reindex_gives_the_same_facts_from_archives_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, "--simulator") as started:
        for _ in range(2):
            tried = trunkline("try", "--url", started.url, "--key", started.key)
            assert tried.returncode == 0, tried.stderr
            started.sealed(tried.stdout.splitlines()[-1].rpartition("/")[2])
        before = facts_of(started)
    shutil.rmtree(data / "facts")
    done = trunkline("reindex", "--data", str(data))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 calls, ")
    with running(data, "--simulator") as again:
        assert facts_of(again) == before


def test_reindex_while_the_server_runs_is_one_clear_line(plain: Running) -> None:
    done = trunkline("reindex", "--data", str(plain.data))
    assert done.returncode == 2
    assert "is in use by process" in done.stderr
