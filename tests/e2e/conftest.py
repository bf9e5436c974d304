"""Whole installations, each started once in a process."""

import asyncio
import contextlib
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.support.browsing import Complaints, open_browser
from tests.support.running import Running, running, secure_running, sign_in_link

HERE = Path(__file__).parent


class Kept:
    """Installations that are started once, and stopped when tests of something else begin.

    Each takes 4 % of a core as long as it is there, if nobody calls.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._started: dict[str, Running] = {}

    def get(self, name: str, start: Callable[[], AbstractContextManager[Running]]) -> Running:
        if name not in self._started:
            self._started[name] = self._stack.enter_context(start())
        return self._started[name]

    def stop(self) -> None:
        self._started.clear()
        self._stack.close()


kept = Kept()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    if nextitem is None or HERE not in nextitem.path.parents:
        kept.stop()


def pytest_sessionfinish() -> None:
    """Also where it was broken off."""
    kept.stop()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Running:
    """Trunkline as `make up` starts it."""
    return kept.get(
        "plain", lambda: running(tmp_path_factory.mktemp("plain") / "data", "--simulator")
    )


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Running:
    """The same, speaking TLS with a certificate of an authority of our own."""
    return kept.get(
        "secure", lambda: secure_running(tmp_path_factory.mktemp("secure"), "--simulator")
    )


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """One browser for a module's tests."""
    yield from open_browser()


@pytest.fixture
def complaints() -> Generator[Complaints]:
    """Collects complaints of every page of a test, which must have none at its end."""
    found = Complaints()
    yield found
    assert found == []


@pytest.fixture
def page(plain: Running, browser: Browser, complaints: Complaints) -> Generator[Page]:
    """A page of someone who followed a one-time link. Nothing may go wrong on it."""
    # In a thread of its own: Playwright has this one's event loop.
    with ThreadPoolExecutor(1) as thread:
        link = thread.submit(asyncio.run, sign_in_link(plain)).result()
    context = browser.new_context(base_url=plain.url)
    page = context.new_page()
    complaints.watch(page)
    page.goto(link)
    page.get_by_role("button", name="Open the dashboard").click()
    page.wait_for_url("**/overview")
    yield page
    context.close()
