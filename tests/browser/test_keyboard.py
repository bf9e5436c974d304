"""Every page without a mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import NewPage
from tests.browser.keyboard import menus, walked
from tests.browser.site import Site
from tests.browser.test_access import golden_call, pages_of
from tests.support.browsing import until
from tests.support.live import a_running_call

PARTS = 4
ALIKE = {
    "overview of no calls", "a time of one's own", "no call fits", "wicked call", "refused call",
    "values of a property", "costs by day", "cohorts by filters", "a call to compare", "reference",
}  # fmt: skip
"""Pages with the controls of others, and one of text with links alone."""
WITH_HEADS = {"calls", "recovered call", "costs", "two cohorts", "two calls"}
"""Whose lists scroll below their heads: those are gone over from the end as well."""
LOW, NARROW = {"width": 1440, "height": 560}, {"width": 390, "height": 700}
"""Windows in which lists scroll below their heads, and to the side."""


def whole(page: Page) -> None:
    """Wait until the page is all there, and open what is folded."""
    page.evaluate(
        "for (const one of document.querySelectorAll('details:not(.menu)')) one.open = true"
    )
    if page.locator("#events").count():
        page.locator("#events").scroll_into_view_if_needed()
        expect(page.locator("#event-status")).not_to_have_text("…")
        expect(page.locator("#configuration [role=status]")).not_to_have_text("…")


def without_a_mouse(page: Page, paths: dict[str, str]) -> list[str]:
    """Return what is wrong with pages for somebody who has only keys."""
    page.emulate_media(reduced_motion="reduce")
    found: list[str] = []
    for name, path in paths.items():
        page.set_viewport_size(LOW)
        page.goto(path)
        whole(page)
        problems = [*menus(page), *walked(page)]
        if name in WITH_HEADS:
            page.set_viewport_size(NARROW)
            problems += walked(page, back=True)
        found += [f"{name}: {problem}" for problem in problems]
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_everything_is_reached_and_seen_and_left_by_keys(
    signed_in: NewPage, site: Site, part: int
) -> None:
    different = [one for one in pages_of(site).items() if one[0] not in ALIKE]
    paths = dict(different[part::PARTS])
    assert without_a_mouse(signed_in(), paths) == []


def test_the_navigation_and_the_doors_by_keys(
    new_page: NewPage, operating: NewPage, site: Site
) -> None:
    doors = {"sign in": "/sign-in", "sign up": "/sign-up", "a link": site.sign_in_link()}
    assert without_a_mouse(new_page(), doors) == []
    page = operating()
    assert without_a_mouse(page, {"system": "/system"}) == []
    page.goto("/system")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    links = page.locator(".side :is(a, button):visible")
    for number in range(links.count()):
        page.keyboard.press("Tab")
        expect(links.nth(number)).to_be_focused()
    skip.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_running_calls_are_watched_and_hung_up_by_keys(signed_in: NewPage, site: Site) -> None:
    calls = [site.stage.run_call(a_running_call(site.org_id, number)) for number in (1, 2)]
    page = signed_in("/calls/live")
    expect(page.get_by_role("link", name="Watch")).to_have_count(2)
    assert without_a_mouse(page, {"live": "/calls/live"}) == []
    hang_up = page.locator(".run .menu summary").first
    hang_up.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Hang up").first).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(hang_up).to_be_focused()
    for call in calls:
        site.stage.end_call(call)


def test_the_first_call_is_made_ready_by_keys(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/sign-up")
    page.get_by_label("E-mail").fill("keys@example.com")
    page.get_by_label("Organisation").fill("Keys")
    page.get_by_label("Password").fill("a long enough sentence")
    page.keyboard.press("Enter")
    page.wait_for_url("**/overview")
    assert without_a_mouse(page, {"overview": "/overview", "sessions": "/sessions"}) == []
    page.goto("/overview")
    page.locator("#snippet-1").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#code-2")).to_be_visible()


def test_a_walk_finds_what_keys_cannot_reach_or_see(signed_in: NewPage) -> None:
    page = signed_in("/prices")
    page.evaluate(
        """() => {
          const main = document.querySelector("#main");
          const bad = (html) => main.insertAdjacentHTML("beforeend", html);
          bad('<div id="mouse-only">Press</div>');
          bad('<button id="left-out" tabindex="-1">Left out</button>');
          bad('<button id="unseen">Unseen</button><ul role="menu" id="menu"></ul>');
          document.querySelector("#mouse-only").style.cursor = "pointer";
          document.querySelector("#unseen").style.outline = "none";
        }"""
    )
    told = " ".join(walked(page))
    assert "id=mouse-only> Press: only a mouse can press it" in told
    assert "id=left-out> Left out: only a mouse can press it" in told
    assert "id=unseen> Unseen: its focus cannot be seen" in told
    assert "id=menu> menu: its role promises arrows" in told


def test_the_keys_are_listed_and_single_characters_can_be_turned_off(
    signed_in: NewPage, site: Site
) -> None:
    page = signed_in(f"/calls/{site.call_id}")
    until(page, "document.querySelector('#audio').readyState > 0")
    play = page.get_by_role("button", name="Play")
    play.focus()
    page.keyboard.press("?")
    listed = page.get_by_role("dialog", name="Keyboard")
    expect(listed.get_by_role("button", name="Close")).to_be_focused()
    for key in ("j", "/", "[", "i", "Space"):
        expect(listed.locator("kbd", has_text=key).first).to_be_visible()
    page.keyboard.press("]")
    expect(page.get_by_role("slider", include_hidden=True)).to_have_attribute("aria-valuenow", "0")
    page.keyboard.press("Escape")
    expect(listed).to_be_hidden()
    expect(play).to_be_focused()
    shows = page.get_by_role("button", name="Keyboard shortcuts")
    shows.focus()
    page.keyboard.press("Enter")
    listed.get_by_role("checkbox").press("Space")
    page.keyboard.press("Escape")
    expect(shows).to_be_focused()
    page.reload()
    until(page, "document.querySelector('#audio').readyState > 0")
    slider = page.get_by_role("slider")
    for key in ("?", "]", "ArrowRight"):
        page.keyboard.press(key)
    expect(listed).to_be_hidden()
    expect(slider).to_have_attribute("aria-valuenow", "5")


def test_a_menu_closes_when_focus_leaves_it(signed_in: NewPage) -> None:
    page = signed_in(golden_call("recovered"))
    page.get_by_text("Download", exact=True).focus()
    page.keyboard.press("Enter")
    menu = page.locator("details.menu[data-region=downloads]")
    expect(menu.get_by_role("link").first).to_be_visible()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("link", name="Compare").last).to_be_focused()
    expect(menu.get_by_role("link").first).to_be_hidden()
