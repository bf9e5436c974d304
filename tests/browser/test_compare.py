"""Two calls are chosen in the list and compared, by mouse and by keyboard."""

import re

from playwright.sync_api import expect
from tests.browser.conftest import NewPage
from tests.browser.site import Site


def test_two_calls_are_ticked_and_lead_to_their_moments(signed_in: NewPage, site: Site) -> None:
    page = signed_in()
    for call_id in (site.call_id, site.wicked_id):
        page.locator(f"tr[data-key={call_id}] input").check()
    expect(page).to_have_url(re.compile("/calls$"))
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("heading", name="Two calls, turn by turn")).to_be_visible()
    page.get_by_role("link", name="Turn 2 of").first.click()
    page.wait_for_url(re.compile(r"/calls/call_\w+\?t=\d+\.\d\d"))
    at = re.search(r"t=([\d.]+)", page.url)
    assert at
    expect(page.locator("#clock")).to_have_text(re.compile(r"^\d+:\d\d"))


def test_one_call_is_compared_from_its_page_without_a_mouse(signed_in: NewPage, site: Site) -> None:
    page = signed_in(f"/calls/{site.call_id}")
    page.get_by_role("link", name="Compare").last.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Compare it with which call?")).to_be_visible()
    page.get_by_label("The other call’s id").fill(site.wicked_id)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Two calls, turn by turn")).to_be_visible()


def test_another_dimension_is_chosen_without_scripts(new_page: NewPage, site: Site) -> None:
    page = new_page(scripts=False)
    page.goto(site.sign_in_link())
    page.get_by_role("button", name="Open the dashboard").click()
    page.goto("/compare?span=30d")
    page.get_by_label("Told apart by").select_option("provider")
    page.get_by_label("A", exact=True).fill("openai")
    page.get_by_label("B", exact=True).fill("simulator")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("region", name="Numbers of both")).to_contain_text("Wait")
