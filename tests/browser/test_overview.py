"""The front page in a real browser: what needs attention, and the calls behind it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import NewPage
from tests.browser.site import Site


def test_a_number_leads_to_its_calls_and_back(signed_in: NewPage, site: Site) -> None:
    page = signed_in()
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="last 30 days").click()
    expect(page).to_have_url(re.compile(r"/overview\?span=30d$"))
    tile = page.locator("dl.facts > div").filter(has_text="Failed calls")
    failed = int((tile.locator(".s").text_content() or "").split(" of ")[0])
    assert failed
    tile.get_by_role("link").click()
    expect(page.locator("tbody tr")).to_have_count(failed)
    page.go_back()
    page.locator(".worst tbody tr").first.get_by_role("link").first.focus()
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/calls/call_"))


def test_the_drawing_has_a_table_beside_it(signed_in: NewPage) -> None:
    page = signed_in("/overview?span=30d")
    expect(page.get_by_role("img", name=re.compile("Waits by day: p50"))).to_be_visible()
    page.get_by_text("As a table").click()
    rows = page.get_by_role("region", name="By day").locator("tbody tr")
    expect(rows.first).to_be_visible()
    calls = sum(int(words) for words in rows.locator("td:nth-child(2)").all_text_contents())
    total = page.locator("dl.facts .v").first
    expect(total).to_have_text(str(calls))
    drawn = page.locator("svg.waits rect.all")
    expect(drawn).to_have_count(rows.count())


@pytest.mark.parametrize("width", [1440, 390], ids=["desk", "phone"])
def test_what_a_number_means_opens_at_its_label(signed_in: NewPage, width: int) -> None:
    page = signed_in("/overview?span=30d", width=width, height=844)
    card = page.locator("#means")
    expect(card).to_be_hidden()
    page.get_by_role("button", name="Barge-in rate").focus()
    page.keyboard.press("Enter")
    expect(card).to_have_text("Barge-ins per turn.")
    expect(card).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.get_by_role("button", name="Need attention", exact=True).click()
    expect(card).to_contain_text("a reason to look at them")
    page.get_by_role("heading", name="Overview").click()
    expect(card).to_be_hidden()
