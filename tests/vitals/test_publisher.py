"""A process goes on telling of itself, whatever goes wrong while it does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec import structs
from tests.support.patience import PATIENCE_S
from tests.vitals.of import gateway

from trunkline.clock import monotonic_ns
from trunkline.vitals import files, publisher
from trunkline.vitals.figures import Figures
from trunkline.vitals.machine import Gauge


class Stumbling:
    """A process whose first second, and whose first figures, cannot be had."""

    def __init__(self) -> None:
        self.seconds = self.told = 0

    def second(self, now_ns: int) -> None:
        self.seconds += 1
        if self.seconds == 1:
            raise RuntimeError("a bug in what is kept")

    def tell(self, now_ns: int) -> Figures:
        self.told += 1
        if self.told == 1:
            raise RuntimeError("a bug in what is told")
        return structs.replace(gateway(), at_ns=now_ns)


async def test_bugs_are_logged_with_where_they_are_and_it_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(publisher, "EVERY_S", 0.01)
    source = Stumbling()
    async with publisher.published(tmp_path, "gateway-0", Gauge(tmp_path), source):
        async with asyncio.timeout(PATIENCE_S):
            while source.seconds < 3 or not files.read(tmp_path, monotonic_ns()).gateways():
                await asyncio.sleep(0.01)
    logged = capsys.readouterr().out
    for words in ("vitals cannot be published", "vitals of the last second are lost"):
        (line,) = (line for line in logged.splitlines() if words in line)
        assert "a bug in what is" in line
        assert "Traceback" in line
    assert not files.read(tmp_path, monotonic_ns()).gateways()
