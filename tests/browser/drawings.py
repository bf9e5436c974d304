"""What somebody who does not see a page's drawings misses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_LOOK = (Path(__file__).parent / "drawings.js").read_text("utf-8")


def unsaid(page: Page) -> list[str]:
    """Return which drawings of a page are not said in words or a table, with the same numbers."""
    found: list[str] = _looked(page)["problems"]
    return found


def drawn(page: Page) -> set[str]:
    """Return the kinds of drawings that a page has."""
    return set(_looked(page)["kinds"])


def _looked(page: Page) -> Any:
    return page.evaluate(_LOOK)
