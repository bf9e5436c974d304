"""Chromium, as Debian has it, and a dashboard to point it at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from tests.browser.site import EMAIL, Site, running_site
from tests.support.browsing import Complaints, open_browser
from tests.support.patience import PATIENCE_MS

from trunkline.settings import Settings
from trunkline.store.control.accounts import OPERATOR_EMAIL
from trunkline.store.facts.store import FactsStore
from trunkline.web import auth

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
        page.set_default_timeout(PATIENCE_MS)
        complaints.watch(page)
        return page

    yield new
    for context in opened:
        context.close()


def _coming_back(new_page: NewPage, site: Site, email: str) -> NewPage:
    def new(path: str = "/calls", **options: object) -> Page:
        page = new_page(**options)
        session = {"name": auth.cookie_name(Settings()), "value": site.session(email)}
        page.context.add_cookies([{**session, "url": site.url}])
        page.goto(path)
        return page

    return new


@pytest.fixture
def operating(new_page: NewPage, site: Site) -> NewPage:
    """Return a function that opens a page of whoever runs the installation."""
    return _coming_back(new_page, site, OPERATOR_EMAIL)


@pytest.fixture
def signed_in(new_page: NewPage, site: Site) -> NewPage:
    """Return a function that opens a page whose user owns the calls."""
    return _coming_back(new_page, site, EMAIL)
