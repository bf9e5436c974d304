"""Chromium, as Debian has it, and a dashboard to point it at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from tests.browser.site import Site, running_site
from tests.support.browsing import Complaints, open_browser

from trunkline.store.control.accounts import OPERATOR_EMAIL
from trunkline.store.facts.store import FactsStore

NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(facts: FactsStore) -> Iterator[Browser]:
    """One browser for a module's tests.

    It comes after the stores, and ends with the module, before tests that are async.
    """
    yield from open_browser()


@pytest.fixture(scope="session")
def site(facts: FactsStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A dashboard with calls in it."""
    with running_site(facts, tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Collects complaints of every page of a test, which must have none at its end."""
    found = Complaints()
    yield found
    assert found == []


@pytest.fixture
def new_page(browser: Browser, site: Site, complaints: Complaints) -> Iterator[NewPage]:
    """Return a function that opens a page in a fresh browser profile."""
    opened: list[BrowserContext] = []

    def new(
        *,
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        zone: str = "UTC",
        scripts: bool = True,
    ) -> Page:
        context = browser.new_context(
            base_url=site.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id=zone,
            java_script_enabled=scripts,
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        complaints.watch(page)
        return page

    yield new
    for context in opened:
        context.close()


@pytest.fixture
def operating(new_page: NewPage, site: Site) -> NewPage:
    """Return a function that opens a page of whoever runs the installation."""

    def new(**options: object) -> Page:
        page = new_page(**options)
        page.goto(site.sign_in_link(OPERATOR_EMAIL))
        page.get_by_role("button", name="Open the dashboard").click()
        page.wait_for_url("**/overview")
        page.goto("/calls")
        return page

    return new


@pytest.fixture
def signed_in(new_page: NewPage, site: Site) -> NewPage:
    """Return a function that opens a page whose user owns the calls."""

    def new(**options: object) -> Page:
        page = new_page(**options)
        page.goto(site.sign_in_link())
        page.get_by_role("button", name="Open the dashboard").click()
        page.wait_for_url("**/overview")
        page.goto("/calls")
        return page

    return new
