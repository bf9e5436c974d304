"""What somebody without a mouse finds wrong with a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

WALK = (Path(__file__).parent / "keyboard.js").read_text("utf-8")
MOST_CONTROLS = 600
"""Whoever presses Tab more often than this on a page of the tests goes round in circles."""


def walked(page: Page, *, back: bool = False) -> list[str]:
    """Return what is wrong, having gone over the page by Tab from its main part on.

    Forward, or `back` from the end.
    """
    page.evaluate(WALK)
    page.evaluate("back => window.walk.begin(back)", back)
    for _ in range(MOST_CONTROLS // 20):
        for _ in range(20):
            page.keyboard.press("Shift+Tab" if back else "Tab")
        if page.evaluate("window.walk.over()"):
            break
    else:
        return [f"a trap: {page.evaluate('window.walk.where()')}"]
    found: list[str] = page.evaluate("window.walk.end()")
    return found


def menus(page: Page) -> list[str]:
    """Return what is wrong with the menus of a page: one of each kind is opened."""
    found: list[str] = []
    for number in page.evaluate(f"({WALK}, window.walk.menus())"):
        found += _menu(page, number)
    return found


def _menu(page: Page, number: int) -> list[str]:
    summary = page.locator("details.menu > summary").nth(number)
    menu = page.locator("details.menu").nth(number)
    name = summary.inner_text().strip() or summary.get_attribute("aria-label")
    summary.focus()
    page.keyboard.press("Enter")
    if menu.get_attribute("open") is None:
        return [f"{name}: Enter does not open it"]
    page.keyboard.press("Tab")
    problems = [f"{name}: {problem}" for problem in _focused(page)]
    inside = menu.evaluate("(menu) => menu.contains(document.activeElement)")
    problems += [] if inside else [f"{name}: Tab does not go into it"]
    page.keyboard.press("Escape")
    if menu.get_attribute("open") is not None:
        problems.append(f"{name}: Escape does not close it")
    if not summary.evaluate("(summary) => summary === document.activeElement"):
        problems.append(f"{name}: Escape does not give focus back")
    return problems


def _focused(page: Page) -> Any:
    return page.evaluate("window.walk.wrong()")
