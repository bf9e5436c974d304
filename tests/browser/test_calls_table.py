"""The table of calls: columns, views and keys, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from tests.browser.access import serious_findings, too_wide
from tests.browser.conftest import NewPage


def test_columns_are_chosen_kept_and_saved_as_a_view(signed_in: NewPage) -> None:
    page = signed_in()
    page.get_by_text("Columns", exact=True).first.click()
    choose = page.locator(".choose")
    choose.get_by_label("Model", exact=True).uncheck()
    choose.get_by_label("Tags", exact=True).check()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile("column=tags"))
    heads = page.locator("thead th")
    expect(heads.filter(has_text="Tags")).to_have_count(1)
    expect(heads.filter(has_text="Model")).to_have_count(0)
    page.locator("#f-status").select_option("completed")
    expect(page).to_have_url(re.compile("status=completed.*column=tags"))
    page.get_by_text("Views", exact=True).click()
    page.get_by_label("Save what is shown as").fill("Done & tagged")
    page.get_by_label("for everybody here").check()
    page.get_by_role("button", name="Save").click()
    page.goto("/calls")
    page.get_by_text("Views", exact=True).click()
    assert serious_findings(page) == []
    page.get_by_role("link", name="Done & tagged").click()
    expect(page).to_have_url(re.compile("status=completed.*column=tags"))
    page.get_by_text("Views", exact=True).click()
    page.get_by_role("button", name="Delete the view Done & tagged").click()
    page.get_by_text("Views", exact=True).click()
    expect(page.get_by_role("link", name="Done & tagged")).to_have_count(0)


def test_the_table_is_sorted_by_its_heads(signed_in: NewPage) -> None:
    page = signed_in()
    table = page.locator("table.sticky")
    assert table.evaluate("table => table.scrollWidth <= table.parentElement.clientWidth")
    turns = page.get_by_role("columnheader", name="Turns")
    expect(turns).not_to_have_attribute("aria-sort", re.compile("."))
    page.get_by_role("link", name="Turns").focus()
    page.keyboard.press("Enter")
    expect(turns).to_have_attribute("aria-sort", "descending")
    place = page.locator("thead th").all_text_contents().index("Turns ↓")

    def shown() -> list[int]:
        cells = page.locator(f"tbody td:nth-child({place + 1})").all_text_contents()
        return [int(words) for words in cells if words != "–"]

    assert shown() == sorted(shown(), reverse=True) != sorted(shown())
    page.locator("#f-user").fill("user_123")
    page.locator("#f-user").press("Enter")
    expect(page).to_have_url(re.compile(r"user=user_123&sort=turns$"))
    page.get_by_role("link", name="Clear").click()
    page.get_by_role("link", name="Turns").click()
    expect(turns).to_have_attribute("aria-sort", "ascending")
    expect(page).to_have_url(re.compile(r"\?sort=turns&direction=asc$"))
    assert shown() == sorted(shown())
    page.get_by_role("link", name="Opened").click()
    expect(page).to_have_url(re.compile(r"/calls\?$"))


def test_the_table_is_walked_by_keys(signed_in: NewPage) -> None:
    page = signed_in()
    links = page.locator("tr.goes td:first-child a")
    expect(links.first).to_be_visible()
    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(links.nth(2)).to_be_focused()
    page.keyboard.press("k")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Said")).to_be_focused()
    page.keyboard.type("jk/")
    expect(page.get_by_label("Said")).to_have_value("jk/")
    page.get_by_label("Said").fill("")
    page.locator("h1").click()
    page.keyboard.press("k")
    expect(links.last).to_be_focused()
    target = links.last.get_attribute("href") or ""
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape(target)))


def test_menus_fit_a_telephone(signed_in: NewPage) -> None:
    page = signed_in(width=390, height=844)
    for name, field in (("Columns", "Tags"), ("Views", "Save what is shown as")):
        page.get_by_text(name, exact=True).first.click()
        expect(page.get_by_label(field, exact=True).last).to_be_in_viewport()
        assert too_wide(page) == []
        assert serious_findings(page) == []
        page.keyboard.press("Escape")


def test_on_a_phone_filters_are_folded_until_they_are_asked_for(signed_in: NewPage) -> None:
    page = signed_in(width=390, height=844)
    status = page.locator("#f-status")
    expect(page.locator("#f-span")).to_be_visible()
    expect(status).to_be_hidden()
    page.get_by_role("button", name="All filters").click()
    expect(status).to_be_focused()
    status.select_option("live")
    expect(page).to_have_url(re.compile(r"status=live$"))
    expect(page.locator("#f-status")).to_be_visible()
    page.goto("/costs")
    expect(page.locator("#f-model")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#f-said")).to_be_focused()
    page.goto("/overview")
    page.get_by_text("Filter the calls").click()
    expect(page.locator("#f-status")).to_be_visible()


def test_on_a_phone_without_scripts_all_filters_are_there(signed_in: NewPage) -> None:
    page = signed_in(width=390, height=844, scripts=False)
    expect(page.locator("#f-status")).to_be_visible()
    expect(page.get_by_role("button", name="All filters")).to_be_hidden()


def test_the_place_in_the_navigation_is_seen_on_a_phone(signed_in: NewPage) -> None:
    page = signed_in("/providers", width=390, height=844)
    expect(page.get_by_role("link", name="Providers")).to_be_in_viewport(ratio=1)


def test_more_filters_unfold_by_keys_and_are_taken_away_one_by_one(signed_in: NewPage) -> None:
    for width in (1440, 390):
        page = signed_in(width=width, height=900)
        every = page.locator("tbody[data-keyed] tr").count()
        if width == 390:
            page.get_by_role("button", name="All filters").press("Enter")
        more = page.get_by_text("More filters")
        expect(page.locator("#f-duration_s")).to_be_hidden()
        more.press("Enter")
        expect(page.locator("#f-key")).to_be_visible()
        more.press("Tab")
        expect(page.locator("#f-key")).to_be_focused()
        page.locator("#f-duration_s").fill(">0")
        page.locator("#f-duration_s").press("Enter")
        expect(page).to_have_url(re.compile(r"duration_s=%3E0$"))
        assert 0 < page.locator("tbody[data-keyed] tr").count() < every
        expect(page.locator("#f-duration_s")).to_have_value(">0")
        page.locator("#f-end_reason").select_option("caller_closed")
        expect(page).to_have_url(re.compile("end_reason=caller_closed"))
        assert serious_findings(page) + too_wide(page) == []
        page.get_by_role("link", name="Take away Length, s >0").press("Enter")
        expect(page).to_have_url(re.compile(r"calls\?end_reason=caller_closed$"))
        page.get_by_role("link", name="Take away Ended by").press("Enter")
        expect(page).to_have_url(re.compile(r"calls$"))
        expect(page.locator("tbody[data-keyed] tr")).to_have_count(every)


def test_a_wrong_filter_is_told_and_can_be_mended(signed_in: NewPage) -> None:
    page = signed_in()
    page.get_by_text("More filters").click()
    wait = page.locator("#f-wait_max_s")
    wait.fill("3,5")
    wait.press("Enter")
    expect(wait).to_have_attribute("aria-invalid", "true")
    expect(wait).to_have_accessible_description(re.compile("was left out: write >3.5"))
    expect(wait).to_have_value("3,5")
    wait.fill("<3.5")
    wait.press("Enter")
    expect(page).to_have_url(re.compile(r"wait_max_s=%3C3\.5$"))
    expect(wait).not_to_have_attribute("aria-invalid", "true")
