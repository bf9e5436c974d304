"""What people say of a call, said in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from tests.browser.access import serious_findings, too_wide
from tests.browser.conftest import NewPage
from tests.browser.site import Site
from tests.support.browsing import Complaints


def said(page: Page) -> None:
    expect(page.get_by_role("button", name="Thumbs up")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".marks .tag")).to_have_text(["needs a look×"])
    expect(page.locator(".marks .said")).to_have_text("Polite, but slow.")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_call_is_rated_tagged_and_commented(
    signed_in: NewPage, site: Site, *, scripts: bool
) -> None:
    page = signed_in(f"/calls/{site.wicked_id}", scripts=scripts)
    if scripts:
        page.evaluate("window.loadedOnce = true")
    page.get_by_role("button", name="Thumbs up").click()
    page.get_by_label("Add a tag").fill("needs a look")
    page.get_by_label("Add a tag").press("Enter")
    expect(page.locator(".marks .tag")).to_have_count(1)
    page.locator("#comment-open").click()
    page.locator("#comment").fill("Polite, but slow.")
    page.get_by_role("button", name="Save", exact=True).click()
    said(page)
    if scripts:
        assert page.evaluate("window.loadedOnce")
        expect(page.locator("#comment-open")).to_be_focused()
    page.reload()
    said(page)
    page.locator(".marks .tag a").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.go_back()
    page.get_by_role("button", name="Take off the tag needs a look").click()
    expect(page.locator(".marks .tag")).to_have_count(0)
    page.get_by_role("button", name="Thumbs up").click()
    expect(page.get_by_role("button", name="Thumbs up")).to_have_attribute("aria-pressed", "false")
    page.locator("#comment-open").click()
    page.locator("#comment").fill("")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".marks .said")).to_have_count(0)


def test_the_turn_that_is_heard_is_marked(signed_in: NewPage, site: Site) -> None:
    page = signed_in(f"/calls/{site.call_id}?t=35")
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", "0:35 of 1:36")
    page.locator("#part-open").click()
    menu = page.locator(".part")
    expect(menu.get_by_label("Of")).to_have_value("turn_3")
    menu.get_by_label("Thumbs").select_option("down")
    menu.get_by_label("Score").fill("accuracy")
    menu.get_by_label("is", exact=True).fill("0.4")
    menu.get_by_role("button", name="Save marks").click()
    notes = page.locator(".marks .tag")
    expect(notes).to_have_text(["turn 3 thumbs down×", "turn 3 accuracy 0.4×"])
    expect(page.locator("#part-open")).to_be_focused()
    page.keyboard.press("Home")
    notes.first.get_by_role("button", name="turn 3", exact=True).click()
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", "0:34 of 1:36")
    for words in ("turn 3: thumbs down", "turn 3 accuracy: 0.4"):
        page.get_by_role("button", name=f"Take back {words}").click()
    expect(notes).to_have_count(0)


def test_what_is_not_saved_is_told(signed_in: NewPage, site: Site, complaints: Complaints) -> None:
    page = signed_in(f"/calls/{site.call_id}")
    page.route("**/marks", lambda route: route.abort())
    page.get_by_role("button", name="Thumbs up").click()
    expect(page.get_by_role("status").first).to_contain_text("Not saved")
    expect(page.get_by_role("button", name="Thumbs up")).to_have_attribute("aria-pressed", "false")
    assert [what for what in complaints if "ERR_FAILED" not in what] == []
    complaints.clear()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_marks_are_usable_by_everyone(signed_in: NewPage, site: Site, *, dark: bool) -> None:
    page = signed_in(f"/calls/{site.call_id}", width=390, height=844, dark=dark)
    page.locator("#comment-open").click()
    expect(page.locator("#comment")).to_be_in_viewport()
    assert too_wide(page) == []
    assert serious_findings(page) == []
    page.locator("#part-open").click()
    expect(page.get_by_role("button", name="Save marks")).to_be_in_viewport()
    assert too_wide(page) == []
    assert serious_findings(page) == []
