"""Everyone can use every page: on a desk and on a phone, in light and in dark."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Literal, TypeVar
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect
from starlette.routing import Route
from tests.browser.access import serious_findings, too_wide
from tests.browser.conftest import Complaints, NewPage
from tests.browser.drawings import drawn, unsaid
from tests.browser.processes import IN_TROUBLE
from tests.browser.site import Site
from tests.support import golden

from trunkline.ids import call_id
from trunkline.web import pages

Colours = Literal["light", "dark"]
Test = TypeVar("Test", bound=Callable[..., None])


def looks(test: Test) -> Test:
    """Run a test in every width and colour: what it does changes the page."""
    dark = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    width = pytest.mark.parametrize("width", [1440, 390], ids=["desk", "phone"])
    return dark(width(test))


LOOKS: dict[tuple[int, Colours], tuple[str, ...]] = {
    (1440, "light"): (),
    (1440, "dark"): ("color-contrast",),
    (390, "light"): (),
    (390, "dark"): ("color-contrast",),
}
"""Every page is loaded once and looked at like this: what colours change is contrast alone."""
PARTS = 6

_number = itertools.count(1)


def looked_at(page: Page, paths: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with pages in any look, all their details open."""
    for name, path in paths.items():
        page.goto(path)
        for details in page.locator("details:is(.more, .rest)").all():
            details.evaluate("one => { one.open = true; }")
        yield from (f"{name}: {problem}" for problem in unsaid(page))
        for (width, colours), rules in LOOKS.items():
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=colours)
            found = serious_findings(page, *rules) + too_wide(page)
            yield from (f"{name}, {width}, {colours}: {problem}" for problem in found)


def problems(page: Page, paths: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with pages as they are, each after its name."""
    for name, path in paths.items():
        page.goto(path)
        yield from (f"{name}: {problem}" for problem in serious_findings(page) + too_wide(page))


def golden_call(name: str) -> str:
    return f"/calls/{call_id(golden.ulid_of(name))}"


def pages_of(site: Site) -> dict[str, str]:
    """Return every page that whoever has calls can see, and what is special about some."""
    return {
        "overview": "/overview?span=30d",
        "overview of no calls": "/overview?user=nobody",
        "calls": "/calls",
        "a time of one's own": "/calls?from=2026-11-20T09:00&to=2026-11-21T00:00&user=user-1",
        "no call fits": "/calls?user=nobody",
        "wrong filters": "/calls?duration_s=long&status=odd&provider=openai&has_audio=true",
        "call": f"/calls/{site.call_id}?t=36.4",
        "live call": f"/calls/{site.live_id}",
        "wicked call": f"/calls/{site.wicked_id}",
        "refused call": golden_call("refused"),
        "recovered call": golden_call("recovered"),
        "sessions": "/sessions",
        "session": "/sessions/ses-golden",
        "keys": "/keys",
        "key": f"/keys/{site.key_id}",
        "talk": "/talk",
        "live": "/calls/live",
        "users": "/users",
        "properties": "/properties",
        "values of a property": "/properties/tenant",
        "costs": "/costs",
        "analytics": "/analytics?metric=turn.wait&aggregate=p95&by=model&bucket=hour",
        "costs by day": "/costs?by=billed_day",
        "prices": "/prices",
        "tools": "/tools",
        "errors": "/errors",
        "providers": "/providers",
        "telephone": "/webhooks",
        "compare": "/compare",
        "two cohorts": "/compare?by=provider&a=openai&b=simulator&span=30d",
        "cohorts by filters": "/compare?by=&a.user=user-1&b.status=completed&span=30d",
        "a call to compare": f"/compare?call={site.call_id}",
        "reference": "/docs",
        "two calls": f"/compare?call={site.call_id}&call={site.wicked_id}",
    }


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_for_everybody(signed_in: NewPage, site: Site, part: int) -> None:
    pages = dict(list(pages_of(site).items())[part::PARTS])
    assert list(looked_at(signed_in(), pages)) == []


def test_drawings_are_found(signed_in: NewPage, site: Site) -> None:
    page, found = signed_in(), set[str]()
    for name in ("overview", "recovered call", "call", "costs", "two cohorts", "analytics"):
        page.goto(pages_of(site)[name])
        found |= drawn(page)
    assert found == {
        "canvas", "spark", "waits", "bars", "spread", "waterfall", "waits lines", "heat"
    }  # fmt: skip


def test_a_drawing_that_says_less_than_it_shows_is_found(signed_in: NewPage, site: Site) -> None:
    page = signed_in(f"/calls/{site.call_id}")
    page.evaluate(
        """() => {
          document.querySelector("canvas").removeAttribute("aria-details");
          document.querySelector(".waterfall").setAttribute("aria-label", "a wait");
        }"""
    )
    told = " ".join(unsaid(page))
    assert "canvas" in told
    assert "there is no table beside it" in told
    assert "its name leaves out “endpoint 0.20 s”" in told
    page.goto("/costs")
    page.get_by_text("As a table").click()
    page.evaluate("document.querySelector('details.more td:nth-child(2)').textContent = '$5'")
    assert "row 0 does not say" in " ".join(unsaid(page))


def test_no_page_is_left_out(site: Site) -> None:
    app = FastAPI(openapi_url=None)
    pages.install(app)
    seen = [urlsplit(path).path for path in (*pages_of(site).values(), *ELSEWHERE)]
    missing = [
        route.path
        for route in app.routes
        if isinstance(route, Route)
        and "GET" in (route.methods or ())
        and not any(route.path_regex.match(path) for path in seen)
    ]
    assert missing == []


ELSEWHERE = (
    "/", "/system", "/sign-in", "/sign-up", "/sign-in/a-token", "/calls/export",
    "/static/a/b.js", "/calls/call_x/listen",
)  # fmt: skip
"""Pages that a test of their own looks at, and what is none."""


@looks
def test_pages_before_the_first_call(new_page: NewPage, dark: bool, width: int) -> None:
    page = new_page(dark=dark, width=width)
    page.goto("/sign-up")
    page.get_by_label("E-mail").fill(f"somebody{next(_number)}@example.com")
    page.get_by_label("Organisation").fill("Somebody & Sons")
    page.get_by_label("Password").fill("a long enough sentence")
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/overview")
    paths = {
        "overview": "/overview",
        "calls": "/calls",
        "sessions": "/sessions",
        "keys": "/keys",
        "providers": "/providers",
    }
    assert list(problems(page, paths)) == []


@looks
def test_keys(new_page: NewPage, signed_in: NewPage, dark: bool, width: int) -> None:
    page = signed_in("/keys", dark=dark, width=width)
    page.get_by_label("New key’s name").fill("a key with a name that does not fit on a telephone")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_label("The new key")).to_be_visible()
    assert serious_findings(page) + too_wide(page) == []
    page.get_by_text("Revoke …").first.click()
    expect(page.get_by_role("button", name="Revoke it").first).to_be_in_viewport()
    assert serious_findings(page) + too_wide(page) == []


@looks
def test_providers(signed_in: NewPage, complaints: Complaints, dark: bool, width: int) -> None:
    page = signed_in("/providers", dark=dark, width=width)
    name = f"a-long-name-of-a-provider-{next(_number)}"
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Its key or token").fill("short")
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("alert")).to_contain_text("8 to 4,096")
    assert all("status of 422" in text for text in complaints)
    complaints.clear()
    assert serious_findings(page) + too_wide(page) == []
    page.get_by_label("Its key or token").fill("sk-proj-0123456789abcdef")
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("cell", name=name)).to_be_visible()
    assert serious_findings(page) + too_wide(page) == []
    page.get_by_label(f"Change {name}").click()
    expect(
        page.get_by_role("button", name="Delete it").and_(page.locator(":visible"))
    ).to_be_in_viewport()
    assert serious_findings(page) + too_wide(page) == []


@looks
def test_the_system(operating: NewPage, site: Site, dark: bool, width: int) -> None:
    page = operating(dark=dark, width=width)
    assert list(problems(page, {"all is well": "/system"})) == []
    with site.desk.telling(IN_TROUBLE):
        assert list(problems(page, {"much is wrong": "/system"})) == []
        expect(page.get_by_text("New calls are refused")).to_be_visible()


@looks
def test_the_doors(
    new_page: NewPage, site: Site, complaints: Complaints, dark: bool, width: int
) -> None:
    page = new_page(dark=dark, width=width)
    paths = {
        "sign in": "/sign-in",
        "sign up": "/sign-up",
        "one-time link": site.sign_in_link(),
        "nothing there": "/nowhere",
    }
    assert list(problems(page, paths)) == []
    assert all("status of 404" in text for text in complaints)
    complaints.clear()
