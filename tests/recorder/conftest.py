"""What tests of a running recorder share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.recorder.journals import Journal, instance

from trunkline.recorder import run, sweep


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing longer than a test should."""
    monkeypatch.setattr(run, "SETTLE_SECONDS", 0.02)
    monkeypatch.setattr(run, "SETTLE_SOON_SECONDS", 0.01)
    monkeypatch.setattr(run, "POLL_SECONDS", 0.005)
    monkeypatch.setattr(run, "RETRY_SECONDS", (0.01,))
    monkeypatch.setattr(run, "ROOM_SECONDS", 0.005)
    monkeypatch.setattr(sweep, "SWEEP_SECONDS", 0.02)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal whose first gateway has begun."""
    journal = Journal(tmp_path)
    journal.begin(instance(1))
    return journal
