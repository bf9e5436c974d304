"""Whole installations, each started once."""

import asyncio
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page
from tests.support.browsing import Complaints, open_browser
from tests.support.running import Running, running, secure_running, sign_in_link


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """Trunkline as `make up` starts it."""
    with running(tmp_path_factory.mktemp("plain") / "data", "--simulator") as started:
        yield started


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """The same, speaking TLS with a certificate of an authority of our own."""
    with secure_running(tmp_path_factory.mktemp("secure"), "--simulator") as started:
        yield started


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
    page.wait_for_url("**/calls")
    yield page
    context.close()
