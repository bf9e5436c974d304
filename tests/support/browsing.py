"""Chromium, as Debian has it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.support.patience import PATIENCE_MS, PATIENCE_S

expect.set_options(timeout=PATIENCE_MS)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
]


def open_browser(*more: str, microphone: bool = False) -> Iterator[Browser]:
    """Yield one browser, with `more` arguments; each test opens a context of its own in it.

    Where no microphone is needed it is Chromium without its own windows, where that is
    installed: the same engine, for little more than half of the CPU.
    While it is open this thread has Playwright's event loop, and no other can run in it.
    """
    shell = None if microphone else shutil.which("chromium-headless-shell")
    path = shell or shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, headless=True, args=[*ARGUMENTS, *more]
        )
        yield found
        found.close()


class Complaints(list[str]):
    """What a page said on its console, and what its security policy stopped."""

    def watch(self, page: Page) -> None:
        page.on("console", lambda said: self._console(said.type, said.text))
        page.on("pageerror", lambda error: self.append(f"uncaught: {error}"))

    def _console(self, kind: str, text: str) -> None:
        # Advice on speed is about the test's own look at the canvas.
        if kind in ("error", "warning") and not text.startswith("Canvas2D: "):
            self.append(f"{kind}: {text}")


def until(page: Page, expression: str) -> None:
    """Wait until a JavaScript expression is true on the page.

    Playwright's own `wait_for_function` evaluates within the page, which its policy forbids.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"never true: {expression}"
        page.wait_for_timeout(50)
