"""A control store of a test's own, whose clock stands still and whose hashes are cheap."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher

from trunkline.sealing import Vault
from trunkline.store.control import database
from trunkline.store.control.database import sqlite_url
from trunkline.store.control.store import ControlStore
from trunkline.store.control.world import World

DURABLE = database.SYNCHRONOUS
"""For a test that loses power. The others would spend half of their time waiting for the disk."""
database.SYNCHRONOUS = "OFF"
PASSWORD = "correct horse battery"
ADDRESS = "192.0.2.7"


@dataclass
class ManualClock:
    """Wall time that moves when it is told to."""

    now_us: int = 1_795_356_000_000_000

    def wall_ns(self) -> int:
        return self.now_us * 1000

    def advance_s(self, seconds: float) -> None:
        self.now_us += round(seconds * 1_000_000)


def cheap_hasher() -> PasswordHasher:
    """Return argon2id with parameters for tests only."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def act_as(directory: Path, org_id: str, role: str) -> None:
    """Give the members of an organisation another role, behind the store's back."""
    with contextlib.closing(sqlite3.connect(directory / "control.sqlite3")) as control, control:
        control.execute("UPDATE memberships SET role = ? WHERE org_id = ?", (role, org_id))


def audit_of(directory: Path, subject: str) -> list[tuple[str, str]]:
    """Return what was done to `subject`, and by whom, from first to last."""
    with contextlib.closing(sqlite3.connect(directory / "control.sqlite3")) as control:
        return control.execute(
            "SELECT action, user_id FROM audit_log WHERE subject = ? ORDER BY rowid", [subject]
        ).fetchall()


async def open_control(
    directory: Path, clock: ManualClock | None = None, publish_to: Path | None = None
) -> ControlStore:
    """Return a store in `directory`; opening it twice is two processes' view of one file."""
    world = World(hasher=cheap_hasher())
    if clock is not None:
        world = World(wall_ns=clock.wall_ns, hasher=cheap_hasher())
    path = directory / "control.sqlite3"
    if not path.exists():
        path.write_bytes(await _empty())
    vault = Vault(directory / "master.key")
    return await ControlStore.open(
        sqlite_url(path), publish_to=publish_to, world=world, vault=vault
    )


async def _empty() -> bytes:
    """Return a database with this release's tables: to migrate one takes as long as a test."""
    if not _made:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "control.sqlite3"
            await (await ControlStore.open(sqlite_url(path))).close()
            _made.append(path.read_bytes())
    return _made[0]


_made: list[bytes] = []
"""Once in a process."""
