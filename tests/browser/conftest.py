"""Chromium, as Debian has it, and a dashboard to point it at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.browser.site import Site, running_site

from trunkline.store.facts.store import FactsStore

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
]
AXE = Path(__file__).parent.parent.parent / "node_modules" / "axe-core" / "axe.min.js"

NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(facts: FactsStore) -> Iterator[Browser]:
    """One browser for a module's tests; each has a context of its own.

    While it is open this thread has Playwright's event loop, and no other can run in it:
    so it comes after the stores, and ends with the module, before tests that are async.
    """
    path = shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, headless=True, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def site(facts: FactsStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A dashboard with calls in it."""
    with running_site(facts, tmp_path_factory.mktemp("site")) as found:
        yield found


class Complaints(list[str]):
    """What a page said on its console, and what its security policy stopped."""

    def watch(self, page: Page) -> None:
        page.on("console", lambda said: self._console(said.type, said.text))
        page.on("pageerror", lambda error: self.append(f"uncaught: {error}"))

    def _console(self, kind: str, text: str) -> None:
        # Advice on speed is about the test's own look at the canvas.
        if kind in ("error", "warning") and not text.startswith("Canvas2D: "):
            self.append(f"{kind}: {text}")


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

    def new(*, width: int = 1440, height: int = 900, dark: bool = False) -> Page:
        context = browser.new_context(
            base_url=site.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id="UTC",
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
def signed_in(new_page: NewPage, site: Site) -> NewPage:
    """Return a function that opens a page whose user owns the calls."""

    def new(**options: object) -> Page:
        page = new_page(**options)
        page.goto(site.sign_in_link())
        page.get_by_role("button", name="Open the dashboard").click()
        page.wait_for_url("**/calls")
        return page

    return new
