"""A call as a file, opened without a server and without a network, in a real browser."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect
from tests.browser.access import serious_findings, too_wide
from tests.browser.conftest import NewPage
from tests.browser.site import Site
from tests.support import golden
from tests.support.browsing import until
from tests.web import sample

from trunkline.ids import call_id

AT_MS = "document.querySelector('#audio').currentTime * 1000"
ALL = "All of it, and a page to read it"
SCRUBBED = "For a bug report: no sound, no texts"


def unpacked(page: Page, link: str, directory: Path) -> Path:
    """Download a bundle from the page of a call; return where it is unpacked."""
    page.get_by_text("Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name=link).click()
    with zipfile.ZipFile(download.value.path()) as bundle:
        bundle.extractall(directory)
    return directory


def opened(new_page: NewPage, directory: Path, **options: object) -> Page:
    page = new_page(**options)
    page.context.set_offline(True)
    page.goto((directory / "index.html").as_uri())
    return page


def test_a_call_opens_from_its_file_as_it_did_on_its_page(
    signed_in: NewPage, new_page: NewPage, site: Site, tmp_path: Path
) -> None:
    path = f"/calls/{site.call_id}"
    online = signed_in(path)
    lines = online.locator("#transcript .say").all_inner_texts()
    facts = online.locator("dl.facts").inner_text()
    page = opened(new_page, unpacked(online, ALL, tmp_path))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.locator("#transcript .say").all_inner_texts() == lines
    assert page.locator("dl.facts").inner_text() == facts
    until(page, "performance.getEntriesByName('trunkline:waveform').length === 1")

    page.get_by_role("button", name="Play").click()
    until(page, f"{AT_MS} > 200")
    for voice in ("Caller", "Both voices"):
        page.get_by_role("button", name=voice, exact=True).click()
        at_ms = page.evaluate(AT_MS)
        until(page, f"{AT_MS} > {at_ms + 100}")
    page.get_by_role("button", name="Pause").click()
    page.locator("#transcript .say .t").nth(3).click()
    start_ms = int(page.locator("#transcript .say").nth(3).get_attribute("data-start-ms") or 0)
    until(page, f"Math.abs({AT_MS} - {start_ms}) < 60")
    expect(page.locator("#transcript .say").nth(3)).to_have_class(re.compile(r"\bnow\b"))

    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    leading = page.locator("a[href]").evaluate_all(
        "links => links.map((link) => link.getAttribute('href'))"
    )
    assert [href for href in leading if not href.startswith("#")] == []
    assert serious_findings(page) == []
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert too_wide(page) == []


def test_its_events_and_configuration_are_in_the_file(
    signed_in: NewPage, new_page: NewPage, tmp_path: Path
) -> None:
    online = signed_in(f"/calls/{call_id(golden.ulid_of('clean_turns'))}")
    directory = unpacked(online, ALL, tmp_path)
    page = opened(new_page, directory, dark=True)
    page.locator("#events").scroll_into_view_if_needed()
    rows = page.locator(".evs li")
    expect(rows.first).to_be_visible()
    page.get_by_label("Filter by type").fill("session.created")
    expect(rows).to_have_count(1)
    rows.first.get_by_role("button").first.click()
    expect(rows.first.locator("pre")).to_contain_text('"type": "session.created"')
    page.get_by_text("Configuration").first.click()
    expect(
        page.get_by_role("region", name="Configuration").locator("tbody tr").first
    ).to_be_visible()
    page.locator("#flame-cap").scroll_into_view_if_needed()
    expect(page.get_by_role("region", name="Input of each turn")).to_be_visible()


def test_a_scrubbed_file_has_no_sound_and_nothing_that_was_said(
    signed_in: NewPage, new_page: NewPage, site: Site, tmp_path: Path
) -> None:
    online = signed_in(f"/calls/{site.call_id}")
    said = [line for line in online.locator("#transcript .say bdi").all_inner_texts() if line]
    directory = unpacked(online, SCRUBBED, tmp_path)
    held = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert "audio.opus" not in held
    assert {"index.html", "call.json", "peaks.json"} <= set(held)
    assert len(said) > 5
    for content in held.values():
        for words in (*said, sample.CALL_ROW.user_id, sample.CALL_ROW.session_name):
            assert words.encode() not in content
        assert b"data:audio" not in content
    assert json.loads(held["call.json"])["id"] == site.call_id
    page = opened(new_page, directory)
    expect(page.get_by_text("Scrubbed: without sound and texts.")).to_be_visible()
    expect(page.locator("#transcript .say").first).to_contain_text("characters)")
    expect(page.locator("#play")).to_have_count(0)
    until(page, "performance.getEntriesByName('trunkline:waveform').length === 1")
