"""The Live page in real Chromium, and what runs put on a board by hand."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from msgspec import structs
from playwright.sync_api import Page, expect
from tests.browser.access import serious_findings, too_wide
from tests.browser.conftest import NewPage
from tests.browser.site import WICKED, Site
from tests.support.live import a_running_call

from trunkline.live.running import Levels, Running, Said


class Calls:
    """The calls of a test."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._now_us = site.clock.now_us

    def run(self, number: int, levels: Levels = (-20, -96), **changes: object) -> Running:
        call = a_running_call(
            self._site.org_id, number, opened_at_us=self._now_us - number * 61_000_000, **changes
        )
        return self._site.stage.run_call(call, levels)

    def change(self, call: Running, levels: Levels = (-20, -96), **changes: object) -> Running:
        return self._site.stage.run_call(structs.replace(call, **changes), levels)

    def end(self, call: Running) -> None:
        self._site.stage.end_call(call)


@pytest.fixture
def calls(site: Site) -> Iterator[Calls]:
    yield Calls(site)
    site.stage.calls.clear()


def card(page: Page, name: str) -> object:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))


def test_cards_come_change_and_go_by_themselves(signed_in: NewPage, calls: Calls) -> None:
    first = calls.run(1, user_id="user_ada")
    page = signed_in()
    page.get_by_role("link", name="Live").click()
    page.evaluate("window.notReloaded = true")
    expect(page.get_by_role("status")).to_have_text("Follows by itself.")
    ada = card(page, "user_ada")
    expect(ada).to_contain_text("listening")
    expect(ada).to_contain_text("Nobody has said anything yet.")
    expect(ada.get_by_role("meter", name="Caller’s loudness")).to_have_js_property("value", -20)

    calls.change(
        first,
        (-96, -11),
        doing="speaking",
        last_line=Said("assistant", "How can I help you?"),
        turns=3,
        errors=1,
        cost_usd=Decimal("0.01234"),
    )
    expect(ada).to_contain_text("speaking")
    expect(ada).to_contain_text("How can I help you?")
    expect(ada).to_contain_text("$0.0123")
    expect(ada).to_contain_text("−11 dB")
    expect(ada).to_contain_text("silent")
    expect(ada.get_by_role("meter", name="Assistant’s loudness")).to_have_js_property("value", -11)

    second = calls.run(2, user_id="user_bob")
    expect(card(page, "user_bob")).to_be_visible()
    expect(page.locator(".head .chip")).to_have_text("2 calls")
    expect(ada).to_contain_text("How can I help you?")
    calls.end(second)
    expect(card(page, "user_bob")).to_have_count(0)
    expect(page.locator(".head .chip")).to_have_text("1 call")
    assert page.evaluate("window.notReloaded") is True


def test_the_same_words_with_and_without_scripts(
    signed_in: NewPage, new_page: NewPage, site: Site, calls: Calls
) -> None:
    call = calls.run(
        1, (-96, None), user_id="user_ada", doing="tool", last_line=Said("caller", "Hm")
    )
    for number, usd in enumerate(("0", "0.00000123", "0.5", "1.239", "1234.56"), 2):
        calls.run(number, user_id=f"user_{number}", cost_usd=Decimal(usd))
    without = new_page(scripts=False)
    without.goto(site.sign_in_link())
    without.get_by_role("button", name="Open the dashboard").click()
    without.goto("/calls/live")
    page = signed_in("/calls/live")
    expect(page.get_by_role("status")).to_have_text("Follows by itself.")
    calls.change(call, (-96, None), turns=1)
    expect(card(page, "user_ada").locator("[data-f=turns]")).to_have_text("1")
    without.reload()
    for name in ("user_ada", *(f"user_{number}" for number in range(2, 7))):
        for place in (
            "state",
            "speaker",
            "line",
            "cost",
            "turns",
            "caller-words",
            "assistant-words",
        ):
            words = card(without, name).locator(f"[data-f={place}]").inner_text()
            expect(card(page, name).locator(f"[data-f={place}]")).to_have_text(words)


def test_who_has_no_call_is_told_how_to_get_one(new_page: NewPage, signed_in: NewPage) -> None:
    page = new_page()
    page.goto("/sign-up")
    page.get_by_label("E-mail").fill("quiet@example.com")
    page.get_by_label("Organisation").fill("Quiet")
    page.get_by_label("Password").fill("a long enough sentence")
    page.get_by_role("button", name="Create account").click()
    page.goto("/calls/live")
    expect(page.get_by_role("heading", name="Nobody is on a call")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("link", name="Create a key")).to_be_visible()
    assert serious_findings(page) == []
    page = signed_in("/calls/live")
    expect(page.get_by_role("link", name="Calls that have ended")).to_be_visible()


def test_by_keyboard_to_a_call(signed_in: NewPage, site: Site, calls: Calls) -> None:
    calls.run(1, user_id="user_ada")
    page = signed_in("/calls/live")
    page.locator("#main").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="user_ada", exact=True)).to_be_focused()
    call = calls.run(2, user_id="user_bob")
    expect(card(page, "user_bob")).to_be_visible()
    expect(page.get_by_role("link", name="user_ada", exact=True)).to_be_focused()
    calls.end(call)


def test_a_page_that_nobody_sees_holds_no_connection(
    signed_in: NewPage, site: Site, calls: Calls
) -> None:
    page = signed_in("/calls/live")
    expect(page.get_by_role("status")).to_have_text("Follows by itself.")
    assert site.stage.board.watchers == 1
    hide = "Object.defineProperty(document, 'hidden', {configurable: true, value: %s});"
    page.evaluate(hide % "true" + "document.dispatchEvent(new Event('visibilitychange'))")
    for _ in range(200):
        if not site.stage.board.watchers:
            break
        page.wait_for_timeout(20)
    assert site.stage.board.watchers == 0
    calls.run(1, user_id="user_ada")
    page.evaluate(hide % "false" + "document.dispatchEvent(new Event('visibilitychange'))")
    expect(card(page, "user_ada")).to_be_visible()


def test_what_callers_call_themselves_is_only_words(signed_in: NewPage, calls: Calls) -> None:
    call = calls.run(1, user_id=WICKED, model=WICKED, last_line=Said("caller", WICKED))
    page = signed_in("/calls/live")
    expect(page.get_by_role("status")).to_have_text("Follows by itself.")
    calls.change(call, last_line=Said("assistant", WICKED + WICKED))
    expect(page.locator("[data-f=line]")).to_have_text(WICKED + WICKED)
    assert page.title() == "Live · Trunkline"
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390], ids=["desk", "phone"])
def test_everyone_can_use_it(signed_in: NewPage, calls: Calls, dark: bool, width: int) -> None:
    calls.run(1, (-14, -96), user_id="user_ada", doing="listening", turns=4)
    calls.run(
        2,
        (-41, -18),
        user_id="a-very-long-name-of-a-user-that-nobody-would-want-to-read-in-full@example.com",
        doing="speaking",
        last_line=Said("assistant", "word " * 55),
        cost_usd=Decimal("12.5"),
        errors=3,
    )
    calls.run(3, (None, None), doing="connecting", model="")
    calls.run(4, (None, None), doing="tool", transport="webrtc", unpriced=("brand-new",))
    page = signed_in("/calls/live", dark=dark, width=width)
    expect(page.get_by_role("status")).to_have_text("Follows by itself.")
    assert serious_findings(page) + too_wide(page) == []
