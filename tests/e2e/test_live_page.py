"""In real Chromium: the page of a call that goes on, and what revoking its key does to it."""

import asyncio
import re
import threading
from collections.abc import Coroutine, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

from playwright.sync_api import Page, expect
from tests.support.browsing import until
from tests.support.calling import LISTENING, Connected, calling
from tests.support.control import audit_of
from tests.support.patience import PATIENCE_MS
from tests.support.running import Running
from websockets.exceptions import InvalidStatus

T = TypeVar("T")


class Line:
    """A call that goes on beside the browser, whose event loop lets no other into its thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, caller: Connected) -> None:
        self._loop, self._caller = loop, caller
        self.call_id = caller.call_id

    def configure(self) -> None:
        self._do(self._caller.configure(LISTENING))

    def say(self, name: str) -> None:
        self._do(self._caller.say(name))
        self._do(self._caller.answered())

    def hang_up(self) -> None:
        self._do(self._caller.hang_up())

    def refused(self, within_s: float) -> tuple[dict[str, Any], int | None]:
        """Return the error event that ends the call, and the code of the close."""
        error = self._do(self._caller.until("error"), within_s)
        code = self._do(self._caller.closed(), within_s)
        return error["error"], code

    def _do(self, coroutine: Coroutine[Any, Any, T], within_s: float = 60) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(within_s)


@contextmanager
def on_the_line(started: Running, **headers: str) -> Generator[Line]:
    """Yield a call; it is over at the latest when this ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="caller")
    thread.start()

    def do(coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    def dial() -> tuple[AbstractAsyncContextManager[Connected], Connected] | None:
        call = calling(started, **headers)
        try:
            return call, do(call.__aenter__())
        except InvalidStatus as exc:
            if exc.response.status_code != 401:
                raise
            # Gateways hear of a new key within a second.
            return None

    try:
        call, caller = started.wait(dial, 5)
        try:
            yield Line(loop, caller)
        finally:
            do(call.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def fact(page: Page, name: str) -> Any:
    return page.locator(".facts > div").filter(has=page.get_by_text(name, exact=True)).locator("dd")


def test_a_call_is_followed_while_it_goes_on(plain: Running, page: Page) -> None:
    with on_the_line(plain, **{"Helicone-User-Id": "user_live"}) as line:
        plain.call(line.call_id)
        page.goto(f"/calls/{line.call_id}")
        page.evaluate("window.notReloaded = true")
        expect(page.locator(".chips")).to_contain_text("live")
        expect(page.locator("#player")).to_contain_text("The call is running")
        now = page.locator("#now")
        expect(now.locator("[data-f=state]")).to_have_text("listening")
        # From here on the feed says when there is more to fetch.
        expect(page.locator("#call")).to_have_attribute("data-refresh-ms", "15000")
        line.configure()
        line.say("go_forward")
        expect(now).to_contain_text("How can I help you")

        transcript = page.get_by_role("log", name="Transcript")
        expect(transcript).to_contain_text("Go forward ten meters.")
        expect(transcript).to_contain_text("How can I help you")
        expect(fact(page, "Duration")).to_contain_text("1 turn")
        before = fact(page, "Duration").locator(".v").inner_text()
        expect(fact(page, "Duration").locator(".v")).not_to_have_text(before)
        expect(page.locator(".turns tbody tr[data-start-ms]")).to_have_count(1)
        read_an_event(page)

        line.hang_up()
        expect(page.locator(".chips")).to_contain_text("caller hung up")
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "document.querySelector('audio')?.currentTime > 0.5")
    assert page.evaluate("window.notReloaded") is True


def read_an_event(page: Page) -> None:
    page.locator("#events").scroll_into_view_if_needed()
    page.get_by_label("Filter by type").fill("session.updated")
    expect(page.locator("#event-status")).to_have_text("1 shown, that is all.")
    row = page.locator(".ev")
    row.get_by_role("button").click()
    expect(row.locator("pre")).to_contain_text('"turn_detection"')
    page.get_by_label("Filter by type").fill("")


def test_a_call_is_hung_up_from_the_page_of_what_runs(plain: Running, page: Page) -> None:
    with on_the_line(plain, **{"Helicone-User-Id": "user_hung_up"}) as line:
        page.goto("/calls/live")
        card = page.get_by_role("listitem").filter(has_text="user_hung_up")
        expect(card).to_contain_text("listening")
        card.get_by_text("Hang up …").click()
        card.get_by_role("button", name="Hang up").click()
        error, code = line.refused(within_s=PATIENCE_MS / 1000)
        assert (error["code"], code) == ("hung_up", 1008)
    page.wait_for_url(f"**/calls/{line.call_id}")
    expect(page.locator(".chips")).to_contain_text(
        re.compile("failed.*hung up by your organisation")
    )
    page.goto("/calls/live")
    expect(page.get_by_role("listitem").filter(has_text="user_hung_up")).to_have_count(0)


HEARD = """
window.loudest = 0;
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...when) {
  for (const channel of [0, 1]) {
    for (const sample of this.buffer.getChannelData(channel)) {
      window.loudest = Math.max(window.loudest, Math.abs(sample));
    }
  }
  return start.apply(this, when);
};
"""
"""Has a page tell how loud it is."""


def test_one_listens_in_once_an_owner_allows_it(plain: Running, page: Page) -> None:
    page.add_init_script(HEARD)
    page.goto("/calls/live")
    page.get_by_role("button", name="Allow listening in").click()
    expect(page.get_by_role("button", name="Forbid listening in")).to_be_visible()
    with on_the_line(plain) as line:
        plain.call(line.call_id)
        page.goto(f"/calls/{line.call_id}")
        page.get_by_role("button", name="Listen in").click()
        expect(page.locator("#listening")).to_contain_text("You hear the call")
        line.configure()
        line.say("go_forward")
        until(page, "window.loudest > 0.05")
        page.get_by_role("button", name="Stop listening").click()
        expect(page.get_by_role("button", name="Listen in")).to_be_visible()
        page.get_by_role("button", name="Listen in").click()
        expect(page.locator("#listening")).to_contain_text("You hear the call")
        line.hang_up()
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.goto("/calls/live")
    page.get_by_role("button", name="Forbid listening in").click()
    expect(page.get_by_role("button", name="Allow listening in")).to_be_visible()
    done = [action for action, _ in audit_of(plain.data, line.call_id)]
    assert done == ["call.listening_began", "call.listening_ended"] * 2


def test_revoking_a_key_ends_its_call(plain: Running, page: Page) -> None:
    page.goto("/keys")
    page.get_by_label("New key’s name").fill("to be revoked")
    page.get_by_role("button", name="Create key").click()
    key = page.get_by_label("The new key").input_value()
    with on_the_line(plain, **{"Helicone-Auth": f"Bearer {key}"}) as line:
        plain.call(line.call_id)
        page.goto("/keys")
        row = page.get_by_role("row", name="to be revoked")
        expect(row.locator("td").nth(4)).not_to_contain_text("never")
        row.get_by_text("Revoke …").click()
        row.get_by_role("button", name="Revoke it").click()
        error, code = line.refused(within_s=5)
        assert "revoked" in error["message"]
        assert code == 1008
    expect(page.get_by_role("row", name="to be revoked")).to_contain_text("revoked")
    page.goto(f"/calls/{line.call_id}")
    expect(page.locator(".chips")).to_contain_text(re.compile("failed.*key revoked"))
