"""A call's page: every number opens its moment, and the moment is to be seen and heard."""

from __future__ import annotations

import json
import re
import zipfile
from urllib.parse import parse_qs, urlsplit

import msgspec
from playwright.sync_api import Page, Route, expect
from tests.browser.access import serious_findings, too_wide
from tests.browser.conftest import NewPage
from tests.browser.site import Site
from tests.support import golden
from tests.support.browsing import until
from tests.support.facts import a_call
from tests.web import sample

from trunkline.ids import call_id

CLEAN = f"/calls/{call_id(golden.ulid_of('clean_turns'))}"
AT_MS = "document.querySelector('#audio').currentTime * 1000"
WITHIN_MS = 2
DAY_US = 86_400_000_000
TEXT = """() => {
  window.written = [];
  const fill = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (words, ...at) {
    window.written.push(words);
    return fill.call(this, words, ...at);
  };
}"""
"""Notes what is written on canvases from now on."""


def ready(page: Page) -> Page:
    until(page, "document.querySelector('#audio').readyState > 0")
    return page


def test_every_number_opens_the_sound_at_its_millisecond(signed_in: NewPage, site: Site) -> None:
    page = ready(signed_in(f"/calls/{site.call_id}"))
    # In one go: each is clicked as a finger would, and the player stands where it says.
    off = page.evaluate("""async () => {
      const audio = document.querySelector("#audio");
      const off = [];
      const numbers = [...document.querySelectorAll("#call [data-seek-ms]")];
      for (const number of numbers) {
        const moved = new Promise((done) => audio.addEventListener("seeked", done, { once: true }));
        audio.currentTime = 0.001;
        await moved;
        number.dispatchEvent(new MouseEvent("click", { bubbles: true }));
        const there = new Promise((done) => audio.addEventListener("seeked", done, { once: true }));
        if (audio.seeking) await there;
        const [at, wanted] = [audio.currentTime * 1000, Number(number.dataset.seekMs)];
        if (Math.abs(at - wanted) > 2) off.push([number.textContent, wanted, at]);
      }
      return { off, numbers: numbers.length };
    }""")  # fmt: skip
    assert off["off"] == []
    assert off["numbers"] >= 60


def test_a_wait_is_shown_with_its_ends_and_heard_from_its_beginning(
    signed_in: NewPage, site: Site
) -> None:
    page = ready(signed_in(f"/calls/{site.call_id}"))
    page.evaluate(TEXT)
    turns = page.get_by_role("region", name="Turns")
    wait = turns.get_by_role("button", name="4.40 s")
    wait.click()
    until(page, "window.written.includes('true end of speech 0:57.500')")
    until(page, "window.written.includes('speech_stopped 0:57.700')")
    until(page, "window.written.includes('first audio 1:01.900')")
    assert abs(page.evaluate(AT_MS) - 57_500) <= WITHIN_MS
    expect(page).to_have_url(re.compile(r"\?t=57\.500$"))
    expect(page.locator("#timeline")).to_be_in_viewport()
    turns.get_by_role("button", name="6.4 s unheard").click()
    until(page, "window.written.includes('heard until 0:34.600')")
    until(page, "window.written.includes('generated until 0:41.000')")
    page.get_by_role("button", name="Fit").click()
    page.evaluate("window.written.length = 0")
    page.get_by_role("button", name="Zoom in").click()
    until(page, "window.written.length > 0")
    assert not [words for words in page.evaluate("window.written") if "heard until" in words]


def test_one_voice_needs_no_other_file(signed_in: NewPage, site: Site) -> None:
    page = ready(signed_in(f"/calls/{site.call_id}?t=20.8"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Play").click()
    for name in ("Caller", "Assistant", "Both voices"):
        button = page.get_by_role("button", name=name, exact=True)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        at_ms = page.evaluate(AT_MS)
        until(page, f"{AT_MS} > {at_ms + 100}")
    page.get_by_role("button", name="Pause").click()
    assert not [url for url in asked if "track=caller" in url or "track=assistant" in url]


def test_what_is_billed_again_is_fetched_when_somebody_comes_near(signed_in: NewPage) -> None:
    page = signed_in("/calls", height=300)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(CLEAN)
    until(page, "performance.getEntriesByName('trunkline:usable').length === 1")
    assert not [url for url in asked if url.endswith("/flame")]
    with page.expect_response("**/flame"):
        page.locator("#flame-cap").scroll_into_view_if_needed()
    rows = page.get_by_role("region", name="Input of each turn").locator("tbody tr")
    expect(rows.first).to_be_visible()
    start_ms = rows.nth(1).get_attribute("data-start-ms")
    rows.nth(1).get_by_role("button", name="Turn 2").click()
    expect(page).to_have_url(re.compile(rf"\?t={int(start_ms or 0) / 1000:.3f}$"))
    assert serious_findings(page) == []


def test_a_call_is_downloaded_in_one_file(signed_in: NewPage) -> None:
    page = signed_in(CLEAN)
    page.get_by_text("Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="All of it, and a page to read it").click()
    with zipfile.ZipFile(download.value.path()) as bundle:
        assert {"call.json", "events.ndjson"} <= set(bundle.namelist())


def test_the_call_in_small_stays_in_view_at_any_width(signed_in: NewPage, site: Site) -> None:
    for width in (1440, 390):
        page = ready(signed_in(f"/calls/{site.call_id}", width=width, height=700))
        small = page.locator(".mini")
        expect(small).to_be_hidden()
        page.get_by_text("Gateway", exact=True).last.scroll_into_view_if_needed()
        expect(small).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("button", name="Play")).to_be_in_viewport(ratio=1)
        box = small.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        until(page, f"Math.abs({AT_MS} - 48200) < 500")


def test_the_events_of_a_moment_are_shown_opened_and_copied(signed_in: NewPage) -> None:
    page = signed_in(f"{CLEAN}?t=4")
    page.keyboard.press("e")
    here = page.locator(".ev.here")
    expect(here).to_be_in_viewport()
    expect(page.locator("#event-from")).to_contain_text("From 0:03.000 on.")
    expect(here.get_by_role("button")).to_be_focused()
    assert int(here.get_attribute("data-at-ms") or 0) >= 4_000
    assert int(page.locator(".ev").first.get_attribute("data-at-ms") or 0) >= 3_000
    page.get_by_role("button", name="From the beginning").click()
    expect(page.locator("#event-from")).to_be_hidden()
    first = page.locator(".ev").first
    first.get_by_role("button").first.click()
    shown = first.locator("pre")
    expect(shown).to_contain_text('"type"')
    first.get_by_role("button", name="Copy JSON").click()
    expect(first.get_by_text("Copied")).to_be_visible()
    assert json.loads(page.evaluate("navigator.clipboard.readText()"))["type"]
    assert serious_findings(page) == []


def test_the_frame_of_a_finding_is_opened_among_its_neighbours(signed_in: NewPage) -> None:
    page = signed_in(f"/calls/{call_id(golden.ulid_of('barge_in'))}")
    finding = page.locator("[data-frame]").first
    seq = finding.get_attribute("data-frame")
    finding.click()
    here = page.locator(".ev.here")
    expect(here).to_have_attribute("data-seq", seq or "")
    expect(here.locator("pre")).to_contain_text('"type"')
    expect(here).to_be_in_viewport()
    assert int(page.locator(".ev").first.get_attribute("data-seq") or 0) == int(seq or 0) - 11


def test_names_without_a_gap_stay_within_the_page(signed_in: NewPage, site: Site) -> None:
    long = "L" * 290
    named = {"session_id": long, "session_name": long, "user_id": long, "properties": {long: long}}
    call = msgspec.structs.replace(a_call(site.org_id, sample.OPENED_AT_US - 40 * DAY_US), **named)
    site.insert(call)
    for width in (1440, 390):
        page = signed_in(f"/calls/{call.call_id}", width=width)
        assert too_wide(page) == []
        for part in page.locator("h1 > *").all():
            box = part.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= width
        labels = page.locator(".chips .chip:has(b) > span:not(.dot)")
        cut = "(label) => label.scrollWidth > label.clientWidth"
        whole = {label.inner_text() for label in labels.all() if not label.evaluate(cut)}
        assert {"user", "session", "dialect", "key"} <= whole


PART, PARTS = 200, 8


def a_part(route: Route) -> None:
    """Answer with the next events of a call that has many."""
    begin = int(parse_qs(urlsplit(route.request.url).query)["after"][0]) + 1
    seqs = range(begin, begin + PART)
    events = [
        {
            "seq": n,
            "at_ms": n,
            "leg": "caller",
            "type": f"x.{n}",
            "record": "frame",
            "size_bytes": n,
        }
        for n in seqs
    ]
    route.fulfill(json={"events": events, "after": seqs[-1], "more": seqs[-1] < PART * PARTS - 1})


def test_of_very_many_events_those_around_are_kept_and_stand_still(signed_in: NewPage) -> None:
    page = signed_in(CLEAN)
    page.route(re.compile(r"/calls/[^/]+/events\?"), a_part)
    # The whole of the list is in the window, however long the page is below it.
    page.locator("#events").evaluate("panel => panel.scrollIntoView()")
    status, rows = page.locator("#event-status"), page.locator(".ev")
    expect(status).to_have_text("200 shown, more follow.")
    for part in range(2, PARTS + 1):
        last = page.locator(f'[data-seq="{PART * (part - 1) - 1}"]')
        last.scroll_into_view_if_needed()
        expect(page.locator(f'[data-seq="{PART * part - 1}"]')).to_be_attached()
        expect(last).to_be_in_viewport()
    expect(rows).to_have_count(1000)
    expect(status).to_have_text("1,000 shown, that is all.")
    expect(page.locator("#event-from")).to_contain_text("From frame 600 on.")
    page.get_by_role("button", name="From the beginning").click()
    expect(rows.first).to_have_attribute("data-seq", "0")
    expect(page.locator("#event-from")).to_be_hidden()
