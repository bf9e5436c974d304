"""The dashboard in a real browser, over real stores."""

from __future__ import annotations

import json
import re

import msgspec
from playwright.sync_api import expect
from tests.browser.access import serious_findings
from tests.browser.conftest import Complaints, NewPage
from tests.browser.processes import IN_TROUBLE
from tests.browser.site import EMAIL, WICKED, Site, live_call
from tests.support import golden
from tests.support.browsing import until
from tests.web import sample

from trunkline.ids import call_id


def test_a_stranger_signs_up_makes_a_key_and_revokes_it(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/")
    expect(page).to_have_url(re.compile("/sign-in"))
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail").fill("new@example.com")
    page.get_by_label("Organisation").fill("New & Co")
    page.get_by_label("Password").fill("a long enough sentence")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Make the first call")).to_be_visible()
    page.get_by_role("link", name="Create a key").click()
    page.get_by_label("New key’s name").fill("front desk")
    page.get_by_role("button", name="Create key").click()
    key = page.get_by_label("The new key").input_value()
    assert len(key) > 30
    page.locator(".once").get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key
    page.reload()
    assert key not in page.content()
    row = page.get_by_role("row", name="front desk")
    row.get_by_text("Revoke …").click()
    row.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_role("row", name="front desk").get_by_text("revoked")).to_be_visible()


def test_the_first_call_is_explained_with_this_servers_address(
    new_page: NewPage, site: Site
) -> None:
    page = new_page()
    page.goto("/sign-up")
    page.get_by_label("E-mail").fill("empty@example.com")
    page.get_by_label("Organisation").fill("Empty")
    page.get_by_label("Password").fill("a long enough sentence")
    page.get_by_role("button", name="Create account").click()
    address = site.url.replace("http", "ws")
    expect(page.locator("#code-1")).to_contain_text(f'"{address}/v1/gateway/oai/realtime?model=')
    tab = page.get_by_text("Azure, Node")
    bounds = tab.evaluate("""node => {
      const own = node.getBoundingClientRect(), bar = node.parentElement.getBoundingClientRect();
      return [own.height, bar.bottom - own.bottom];
    }""")
    assert bounds[0] > 20
    assert bounds[1] >= -2, "the bar cuts its tabs off"
    tab.click()
    expect(page.locator("#code-2")).to_be_visible()
    expect(page.locator("#code-1")).not_to_be_visible()
    expect(page.locator("#code-2")).to_contain_text("?resource=${process.env.AZURE_RESOURCE}")
    expect(page.get_by_role("note")).to_contain_text("The simulator answers every call")
    assert serious_findings(page) == []


def test_signing_out_ends_the_session(signed_in: NewPage) -> None:
    page = signed_in()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.goto("/keys")
    expect(page).to_have_url(re.compile(r"/sign-in\?next=%2Fkeys"))


def test_a_one_time_link_works_once_and_survives_being_looked_at(
    new_page: NewPage, site: Site, complaints: Complaints
) -> None:
    link = site.sign_in_link()
    new_page().goto(link)
    page = new_page()
    page.goto(link)
    page.get_by_role("button", name="Open the dashboard").click()
    expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
    other = new_page()
    other.goto(link)
    other.get_by_role("button", name="Open the dashboard").click()
    expect(other.get_by_role("alert")).to_contain_text("used already")
    assert [text for text in complaints if "status of 4" not in text] == []
    complaints.clear()


def test_a_wrong_password_is_told_without_a_hint(new_page: NewPage, complaints: Complaints) -> None:
    page = new_page()
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The e-mail address or the password is wrong.")
    assert serious_findings(page) == []
    assert [text for text in complaints if "status of 401" not in text] == []
    complaints.clear()


def test_calls_are_filtered_by_the_address(signed_in: NewPage, site: Site) -> None:
    page = signed_in()
    page.locator("#f-user").fill("user_123")
    page.locator("#f-user").press("Enter")
    expect(page).to_have_url(re.compile(r"/calls\?user=user_123$"))
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Property").fill("tenant=nobody")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("heading", name="No call fits")).to_be_visible()
    page.goto("/calls?status=live")
    expect(page.locator("tbody tr.islive")).to_have_count(1)
    page.get_by_role("link", name="Clear").click()
    page.locator(f'a[href="/calls/{site.call_id}"]').click()
    expect(page.get_by_role("heading", name="VoiceAssistant")).to_be_visible()


def test_a_time_of_ones_own_is_chosen_in_the_form(signed_in: NewPage, site: Site) -> None:
    page = signed_in(zone="Asia/Kolkata")
    since = page.get_by_label("From")
    expect(since).not_to_be_visible()
    page.get_by_label("Opened").select_option("custom …")
    since.fill("2026-11-20T15:29")
    page.get_by_label("Until").fill("2026-11-20T15:31")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(r"\?from=2026-11-20T09%3A59Z&to=2026-11-20T10%3A01Z$"))
    expect(page.get_by_text("In numbers: the time chosen")).to_be_visible()
    expect(page.get_by_label("Opened")).to_have_value("custom")
    expect(since).to_have_value("2026-11-20T15:29")
    calls = page.locator("tbody tr").count()
    assert calls > 1
    expect(page.locator(".facts .v").first).to_have_text(str(calls))
    expect(page.locator(f'a[href="/calls/{site.call_id}"]')).to_have_count(0)
    page.get_by_label("Opened").select_option("any time")
    expect(page).to_have_url(re.compile(r"/calls\??$"))


def test_a_time_is_chosen_without_scripts(signed_in: NewPage) -> None:
    page = signed_in(scripts=False)
    page.get_by_label("Opened").select_option("custom …")
    page.get_by_label("From").fill("2026-11-20T09:59")
    page.get_by_label("Until").fill("2026-11-20T09:58")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("The time ends before it begins.")).to_be_visible()
    page.get_by_label("Opened").select_option("any time")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_label("From")).not_to_be_visible()
    assert page.locator("tbody tr").count() > 1


def test_the_transcript_shows_what_was_heard_and_seeks(signed_in: NewPage, site: Site) -> None:
    page = signed_in(f"/calls/{site.call_id}")
    lines = page.locator("#transcript li")
    expect(lines.nth(0)).to_contain_text("Hi, I'd like to move my appointment")
    expect(lines.nth(3).locator("del")).to_contain_text("eight thirty and close at six")
    expect(lines.nth(4)).to_contain_text("barge-in, stopped in 0.28 s")
    lines.nth(4).click()
    expect(lines.nth(4)).to_have_attribute("aria-current", "true")
    until(page, "Math.abs(document.querySelector('#audio').currentTime - 34.3) < 0.1")
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", "0:34 of 1:36")
    expect(page).to_have_url(re.compile(r"\?t=34\.300$"))


def test_the_player_plays_and_the_page_follows(signed_in: NewPage, site: Site) -> None:
    page = signed_in(f"/calls/{site.call_id}?t=20.8")
    page.get_by_role("button", name="Play").click()
    until(page, "document.querySelector('#audio').currentTime > 21.3")
    expect(page.locator("#transcript li").nth(2)).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Caller", exact=True).click()
    at_s = page.evaluate("document.querySelector('#audio').currentTime")
    until(page, f"document.querySelector('#audio').currentTime > {at_s + 0.2}")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_the_player_goes_on_where_it_was_when_its_file_is_another_one(
    signed_in: NewPage, site: Site
) -> None:
    page = signed_in()
    page.goto(f"/calls/{site.call_id}?t=20.8")
    page.get_by_role("button", name="Play").click()
    until(page, "document.querySelector('#audio').currentTime > 21.3")
    page.evaluate("""() => {
      const audio = document.querySelector("#audio");
      audio.addEventListener("loadstart", () => { window.begun = true; });
      audio.dispatchEvent(new Event("error"));
    }""")
    until(page, "window.begun && document.querySelector('#audio').currentTime > 21.3")
    until(page, "!document.querySelector('#audio').paused")


def test_the_page_says_when_it_was_of_use(signed_in: NewPage, site: Site) -> None:
    """`bench/page.py` measures it."""
    page = signed_in()
    page.goto(f"/calls/{site.call_id}")
    until(page, "performance.getEntriesByName('trunkline:waveform').length === 1")
    page.get_by_role("button", name="Zoom in").click()
    assert page.evaluate("performance.getEntriesByName('trunkline:usable').length") == 1


def test_every_lane_has_its_name_beside_it_at_any_width(signed_in: NewPage, site: Site) -> None:
    page = signed_in()
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto(f"/calls/{site.call_id}")
        names = page.locator("#timeline .lanes span")
        stage = page.locator("#timeline .stage").bounding_box()
        boxes = [box for name in names.all()[1:] if (box := name.bounding_box())]
        assert names.all_inner_texts()[1:] == [
            "Caller", "Assistant", "Turns", "VAD", "Wait", "Responses", "Tools", "Events", "Traffic"
        ]  # fmt: skip
        assert stage is not None
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= stage["x"] for box in boxes)
        assert boxes[-1]["y"] + boxes[-1]["height"] <= stage["y"] + stage["height"]
        cut = "(name) => name.scrollWidth > name.clientWidth"
        assert not any(name.evaluate(cut) for name in names.all())


def test_the_player_stays_at_hand_while_the_page_scrolls(signed_in: NewPage, site: Site) -> None:
    page = signed_in(f"/calls/{site.call_id}", height=600)
    finding = page.get_by_role("button", name=re.compile("^Turn 4: 2.5 s of silence"))
    finding.click()
    page.get_by_text("Gateway", exact=True).last.scroll_into_view_if_needed()
    play = page.get_by_role("button", name="Play")
    expect(play).to_be_in_viewport(ratio=1)
    expect(play).to_contain_text("0:54.0")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    play.click()
    until(page, "!document.querySelector('#audio').paused")


def test_keys_move_through_the_call(signed_in: NewPage, site: Site) -> None:
    page = signed_in(f"/calls/{site.call_id}")
    until(page, "document.querySelector('#audio').readyState > 0")
    slider = page.get_by_role("slider")
    for key, valuetext in (("]", "0:03"), ("]", "0:21"), ("i", "0:34"), ("[", "0:21")):
        page.keyboard.press(key)
        expect(slider).to_have_attribute("aria-valuetext", f"{valuetext} of 1:36")
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0:26 of 1:36")
    page.keyboard.press(" ")
    until(page, "!document.querySelector('#audio').paused")


def test_the_waveform_is_drawn(signed_in: NewPage, site: Site) -> None:
    page = signed_in()
    with page.expect_response("**/peaks"):
        page.goto(f"/calls/{site.call_id}")
    until(
        page,
        """() => {
          const canvas = document.querySelector('canvas');
          const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
          copy.drawImage(canvas, 0, 0);
          const pixels = copy.getImageData(0, 0, canvas.width, canvas.height);
          const seen = new Set();
          for (let at = 0; at < pixels.data.length; at += 4) {
            if (pixels.data[at + 3] === 255) seen.add(pixels.data.slice(at, at + 3).join());
          }
          return ['11,112,121', '98,69,208'].every((colour) => seen.has(colour));
        }""",
    )


def test_raw_events_are_filtered_and_opened(signed_in: NewPage, site: Site) -> None:
    page = signed_in()
    page.get_by_role("link", name=re.compile("20 Nov")).first.click()
    page.locator("#events").scroll_into_view_if_needed()
    rows = page.locator(".ev")
    expect(rows.first).to_be_visible()
    assert "input_audio_buffer.append" not in page.locator(".evs").inner_text()
    page.get_by_label("Filter by type").fill("session.created")
    expect(rows).to_have_count(1)
    rows.first.get_by_role("button").click()
    content = page.locator(".ev pre")
    expect(content).to_contain_text('"type": "session.created"')
    assert json.loads(content.inner_text())["type"] == "session.created"


def test_a_live_call_grows_on_the_page_and_becomes_playable(signed_in: NewPage, site: Site) -> None:
    page = signed_in(f"/calls/{site.live_id}")
    expect(page.locator("#player")).to_contain_text("The call is running")
    expect(page.locator("#transcript li")).to_have_count(1)
    said = msgspec.structs.replace(
        sample.ITEMS[1], org_id=site.org_id, call_id=site.live_id, version=60
    )
    site.insert(said, *live_call(site, 60))
    expect(page.locator("#transcript li")).to_have_count(2)
    expect(page.locator("#transcript li").nth(1)).to_contain_text("Which day next week")
    site.insert(*live_call(site, 70, status="completed", end_reason="caller_closed",
                           ended_at_us=site.clock.now_us, duration_us=50_000_000))  # fmt: skip
    expect(page.locator("#player")).to_contain_text("Its recording is being written")
    site.insert(*live_call(site, 71, status="completed", end_reason="caller_closed",
                           ended_at_us=site.clock.now_us, duration_us=50_000_000,
                           caller_audio_us=0, assistant_audio_us=0))  # fmt: skip
    expect(page.locator("#player")).to_contain_text("This call has no recording")
    expect(page.locator(".chips")).to_contain_text("caller hung up")
    site.insert(*live_call(site, 80))


def test_what_a_caller_says_stays_text(signed_in: NewPage, site: Site) -> None:
    page = signed_in()
    for path in (f"/calls/{site.wicked_id}", "/calls", "/sessions"):
        page.goto(path)
        expect(page.get_by_text(WICKED).first).to_be_attached()
        assert page.title() != "owned"
    page.get_by_role("link", name=WICKED).first.click()
    expect(page.get_by_role("heading", name=WICKED)).to_be_visible()
    assert page.locator("img").count() == 0


def test_limits_of_a_key_are_set_and_what_is_wrong_is_told_at_its_field(
    signed_in: NewPage, site: Site, complaints: Complaints
) -> None:
    page = signed_in()
    page.get_by_role("link", name="Keys").click()
    page.get_by_label("New key’s name").fill("Night shift")
    page.get_by_text("Limits", exact=True).first.click()
    page.get_by_label("Calls at once").fill("7")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("7 at once")).to_be_visible()
    page.get_by_role("link", name="Night shift").click()
    expect(page.get_by_label("Calls at once")).to_have_value("7")
    page.get_by_label("Dollars a month").fill("a lot")
    page.get_by_role("button", name="Save limits").click()
    told = page.get_by_role("alert")
    expect(told).to_have_text("Write an amount in dollars, like 12.50.")
    field = page.get_by_label("Dollars a month")
    expect(field).to_have_value("a lot")
    expect(field).to_have_accessible_description("Write an amount in dollars, like 12.50.")
    # A browser says of an answer with 422 that a resource could not be loaded.
    complaints[:] = [said for said in complaints if "422" not in said]
    field.fill("0.25")
    page.get_by_role("button", name="Save limits").click()
    expect(page.get_by_text("of $0.25")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_money_without_a_price_is_told_on_the_page_of_keys(signed_in: NewPage, site: Site) -> None:
    page = signed_in("/keys")
    row = page.get_by_role("row", name="Front desk")
    expect(row).to_contain_text("+ unpriced")
    expect(row).to_contain_text("of $12.50")
    page.goto(f"/keys/{site.key_id}")
    expect(page.get_by_text("Not counted, because no price is known: brand-new.")).to_be_visible()


def test_sessions_are_shown_as_a_tree(signed_in: NewPage) -> None:
    page = signed_in()
    page.get_by_role("link", name="Sessions").click()
    page.get_by_role("searchbox", name="Find").fill("session_1795356191")
    page.get_by_role("searchbox", name="Find").press("Enter")
    page.get_by_role("link", name="VoiceAssistant").click()
    branches = page.locator("tr.branch")
    expect(branches.nth(0)).to_contain_text("/voice-assistant")
    expect(branches.nth(1)).to_contain_text("/conversation")
    expect(page.locator("tr.goes")).to_have_count(1)
    assert serious_findings(page) == []


def test_what_is_not_there_is_a_page_that_says_so(
    signed_in: NewPage, complaints: Complaints
) -> None:
    page = signed_in()
    for path in ("/calls/call_01JD3W8Q7KZ9V5T2M4N6P8R0SX", "/calls/nonsense", "/sessions/none"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    assert all("status of 404" in text for text in complaints)
    complaints.clear()


def test_the_system_page_keeps_itself_up_to_date(operating: NewPage, site: Site) -> None:
    page = operating()
    page.get_by_role("link", name="System").click()
    expect(page.get_by_text("Everything is well")).to_be_visible()
    page.get_by_role("heading", name="Processes").evaluate("node => { node.dataset.kept = '1' }")
    with site.desk.telling(IN_TROUBLE):
        expect(page.get_by_text("New calls are refused")).to_be_visible()
        expect(page.get_by_role("status")).to_contain_text(
            "Stop Trunkline and run trunkline reindex."
        )
        expect(page.get_by_role("row", name="gateway-1")).to_contain_text("gone")
    expect(page.get_by_text("Everything is well")).to_be_visible()
    expect(page.locator("[data-kept]")).to_have_text("Processes")


def test_what_was_configured_is_shown_with_each_change(signed_in: NewPage) -> None:
    page = signed_in(f"/calls/{call_id(golden.ulid_of('push_to_talk'))}")
    page.locator("#configuration summary").click()
    rows = page.get_by_role("region", name="Configuration").locator("tbody tr")
    under = "audio.input.turn_detection"
    switched_off = {
        under: ("", "null"),
        f"{under}.create_response": ("true", ""),
        f"{under}.interrupt_response": ("true", ""),
        f"{under}.prefix_padding_ms": ("300", ""),
        f"{under}.silence_duration_ms": ("500", ""),
        f"{under}.threshold": ("0.5", ""),
        f"{under}.type": ("server_vad", ""),
    }
    expect(rows).to_have_count(17 + len(switched_off))
    shown = [row.locator("td").all_inner_texts() for row in rows.all()]
    assert ["audio.output.voice", "", "marin"] in [row[1:] for row in shown[:17]]
    assert {row[1]: (row[2], row[3]) for row in shown[17:]} == switched_off
    rows.nth(17).get_by_role("button", name="0:00.3").click()
    expect(page).to_have_url(re.compile(r"\?t=0\.36\d$"))
    assert serious_findings(page) == []
