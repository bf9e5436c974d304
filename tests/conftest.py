"""What tests of more than one package share."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import hypothesis
import pytest
import structlog
from tests.support.facts import open_facts

from trunkline import footprint
from trunkline.store.facts.store import FactsStore

# Tests start hundreds of processes: without it each of them would compile all of its modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what golden conversations give now as what they must give; review the diff",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


IN_MEMORY = Path("/dev/shm")
IN_MEMORY_BYTES = 8 << 30
"""What has to be free there: many times what all workers have written at once."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have what tests write in memory, if the machine has much; what is measured is on a disk.

    Thousands of tests begin a database each, and wait for the disk a third of the time. That
    a disk is synced when it must be is tested by what is asked of it, wherever it is.
    """
    # Workers are told by who started them.
    if "TMPDIR" in os.environ or config.option.markexpr != "not soak":
        return
    if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free >= IN_MEMORY_BYTES:
        # Short: paths of sockets have a hundred bytes.
        place = tempfile.mkdtemp(prefix="t-", dir=IN_MEMORY)
        config.add_cleanup(partial(shutil.rmtree, place, ignore_errors=True))
        tempfile.tempdir = os.environ["TMPDIR"] = place
        config.option.basetemp = config.option.basetemp or f"{place}/p"


LONG_FIRST = ("e2e", "compat", "browser", "relay", "recorder", "web", "store")
"""Where tests take long, the longest first: the last ones that are begun must be short ones."""


# 7,000 tests, and all that they import, are there to stay: looked through for garbage again
# and again, they would take a sixth of the time.
footprint.begin()


def pytest_collection_finish() -> None:
    footprint.settle()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long tests first; the rest stays in its random order."""
    places = {name: place for place, name in enumerate(LONG_FIRST)}
    items.sort(key=lambda item: places.get(item.path.parent.name, len(places)))


# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "trunkline", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("trunkline")

# As `trunkline.logs` does: the library's default prints the values of local variables.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
)


@pytest.fixture(scope="session")
def facts() -> Iterator[FactsStore]:
    """The embedded facts engine of this process. Tests tell theirs apart by organisation."""
    yield from open_facts()
