"""What is loaded and never used costs every process memory, and starting leaves much behind."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.control import open_control

from trunkline import footprint
from trunkline.store.control.database import sqlite_url


def loaded_by(code: str, module: str) -> bool:
    """Whether a process that has run `code` has loaded `module`."""
    text = f"import sys\n{code}\nprint({module!r} in sys.modules)"
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return run.stdout == "True\n"


def test_nothing_loads_what_only_shows_colours() -> None:
    assert not loaded_by("import trunkline.cli, trunkline.wiring, structlog", "rich")


async def test_who_finds_the_tables_of_this_release_loads_nothing_that_makes_them(
    tmp_path: Path,
) -> None:
    await (await open_control(tmp_path)).close()
    url = sqlite_url(tmp_path / "control.sqlite3")
    code = (
        "import asyncio; from trunkline.store.control.database import Database\n"
        f"async def opened(): await (await Database.open({url!r})).close()\n"
        "asyncio.run(opened())"
    )
    assert not loaded_by(code, "alembic")


def test_a_new_store_of_facts_is_made_without_what_analyses_them(tmp_path: Path) -> None:
    code = (
        "import asyncio; from pathlib import Path\n"
        "from trunkline.store.facts.store import FactsStore\n"
        f"async def opened(): await (await FactsStore.open(Path({str(tmp_path)!r}))).close()\n"
        "asyncio.run(opened())"
    )
    assert not loaded_by(code, "pandas")


# What tests before it have left open is found here: kosoku, for one, closes nothing.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_there_is_not_looked_through_again() -> None:
    gc.unfreeze()
    footprint.begin()
    assert not gc.isenabled()
    footprint.settle()
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    assert frozen > 10_000
    assert gc.isenabled()
