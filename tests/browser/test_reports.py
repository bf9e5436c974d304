"""Users, properties, costs, tools and errors in a real browser."""

from __future__ import annotations

import re

import msgspec
from playwright.sync_api import expect
from tests.browser.access import serious_findings, too_wide
from tests.browser.conftest import NewPage
from tests.browser.site import Site
from tests.support.facts import a_call
from tests.web import sample


def test_filters_go_with_the_reader_from_page_to_page(signed_in: NewPage) -> None:
    page = signed_in("/users?user=user_123")
    expect(page.locator("table.report tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Tools").click()
    expect(page).to_have_url(re.compile(r"/tools\?user=user_123$"))
    expect(page.locator("table.report tbody tr")).to_have_count(1)
    page.get_by_role("link", name="find_slot").click()
    expect(page).to_have_url(re.compile(r"/calls\?user=user_123&tool=find_slot&span=7d$"))
    expect(page.locator("tbody[data-keyed] tr")).to_have_count(1)


def test_a_heading_sorts_and_a_property_opens(signed_in: NewPage) -> None:
    page = signed_in("/users")
    page.get_by_role("link", name="Cost", exact=True).click()
    expect(page.get_by_role("columnheader", name="Cost")).to_have_attribute(
        "aria-sort", "descending"
    )
    page.get_by_role("link", name="Cost", exact=True).click()
    expect(page.get_by_role("columnheader", name="Cost")).to_have_attribute(
        "aria-sort", "ascending"
    )
    page.goto("/properties")
    page.get_by_role("link", name="tenant").click()
    page.get_by_role("link", name="north-clinic").click()
    expect(page).to_have_url(re.compile(r"/calls\?property=tenant%3Dnorth-clinic&span=7d$"))


def test_an_hour_of_the_week_and_a_stretch_lead_to_their_calls(signed_in: NewPage) -> None:
    page = signed_in("/analytics?metric=calls&zone=Asia/Kolkata")
    for drawing, address in (("svg.heat a", "hour="), ("svg.lines a", "from=")):
        page.goto("/analytics?metric=calls&zone=Asia/Kolkata")
        cell = page.locator(drawing).first
        n = int(re.sub(r".*: (\d+)\b.*", r"\1", cell.locator("title").inner_html()))
        cell.click()
        expect(page).to_have_url(re.compile(address))
        expect(page.locator("tbody[data-keyed] tr")).to_have_count(n)
    page.goto("/analytics?metric=calls&zone=Asia/Kolkata")
    page.locator("svg.heat a").first.click()
    for name in ("weekday", "hour", "zone"):
        expect(page.locator(f"li[data-filter={name}]")).to_be_visible()
    page.get_by_role("link", name=re.compile("Take away Hour ")).click()
    expect(page).to_have_url(re.compile(r"^(?!.*hour=).*weekday="))


def test_what_was_said_is_found_and_given_as_a_file(signed_in: NewPage) -> None:
    page = signed_in()
    page.get_by_label("Said").fill("HALF PAST THREE")
    page.get_by_label("Said").press("Enter")
    expect(page).to_have_url(re.compile("said=HALF"))
    expect(page.locator("tbody[data-keyed] tr")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text("utf-8").splitlines()
    assert lines[0].startswith("id,status,end_reason")
    assert len(lines) == 2


def test_sessions_show_all_their_columns_and_lead_to_failed_calls(
    signed_in: NewPage, site: Site
) -> None:
    long = "N" * 290
    named = {"session_id": long, "session_name": long, "user_id": long, "model_used": long}
    site.insert(msgspec.structs.replace(a_call(site.org_id, sample.OPENED_AT_US), **named))
    page = signed_in("/sessions")
    page.set_viewport_size({"width": 1280, "height": 800})
    table = page.get_by_role("region", name="Sessions")
    assert table.evaluate("(box) => box.scrollWidth - box.clientWidth") <= 0
    failed = page.locator("table.sessions td.bad a").first
    n = int(failed.inner_text())
    failed.click()
    expect(page).to_have_url(re.compile(r"/calls\?session=.*&attention=failed$"))
    expect(page.locator("tbody[data-keyed] tr")).to_have_count(n)


def test_sessions_are_narrowed_sorted_walked_and_exported(signed_in: NewPage, site: Site) -> None:
    rows = [
        a_call(
            site.org_id,
            sample.OPENED_AT_US + number,
            session_id=f"tour-{number % 3}",
            session_path=("/tour", "/tour/booking", "/other")[number % 3],
            session_name="",
            user_id=f"guest-{number}",
        )
        for number in range(9)
    ]
    site.insert(*rows)
    page = signed_in("/sessions")
    page.get_by_role("searchbox", name="Find").fill("tour-")
    page.get_by_role("searchbox", name="Find").press("Enter")
    expect(page).to_have_url(re.compile("search=tour-"))
    links = page.locator("tr.goes td:first-child a")
    expect(links).to_have_count(3)
    page.get_by_text("More filters").click()
    page.get_by_label("Session path").fill("tour")
    page.get_by_label("Session path").press("Enter")
    expect(page).to_have_url(re.compile("search=tour-.*session_path=tour"))
    expect(links).to_have_text(["tour-1", "tour-0"])
    expect(page.locator("tr.goes td:nth-child(5)")).to_have_text(["3", "3"])
    page.get_by_role("link", name="Session", exact=True).click()
    expect(page).to_have_url(re.compile("search=tour-.*sort=name&direction=asc"))
    expect(links).to_have_text(["tour-0", "tour-1"])
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(links.nth(1)).to_be_focused()
    with page.expect_download() as download:
        page.get_by_role("link", name="Sessions as CSV").click()
    lines = download.value.path().read_text("utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["id", "tour-0", "tour-1"]
    page.get_by_role("link", name="Take away Session path tour").click()
    expect(page).to_have_url(re.compile(r"^(?!.*session_path).*search=tour-"))
    expect(links).to_have_count(3)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Find")).to_be_focused()
    assert serious_findings(page) == []
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert too_wide(page) == []


def test_how_many_a_number_is_of_is_seen_and_no_table_is_wider_than_the_screen(
    signed_in: NewPage,
) -> None:
    page = signed_in("/tools")
    cell = page.locator("[data-group=find_slot] [data-column=latency_p50_ms]")
    expect(cell.get_by_text("n = 1")).to_be_visible()
    # Of fewer than a hundred, the p99 is their maximum.
    expect(page.locator("[data-group=find_slot] [data-column=latency_p99_ms]")).to_have_text("–")
    for name in ("Users", "Properties", "Tools", "Costs", "Errors", "Sessions"):
        page.goto(f"/{name.lower()}")
        table = page.get_by_role("region", name=name, exact=True)
        assert table.evaluate("(box) => box.scrollWidth - box.clientWidth") <= 0, name
