"""In real Chromium, with speech from a file as its microphone: Talk, through a whole Trunkline."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import subprocess
import wave
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocket, expect
from tests.browser.access import serious_findings, too_wide
from tests.support import speech
from tests.support.browsing import Complaints, open_browser
from tests.support.patience import PATIENCE_S
from tests.support.running import (
    COMMAND,
    Running,
    command,
    environment,
    running,
    sign_in_link,
)

SAID = re.compile("Go forward ten meters", re.IGNORECASE)
NewPage = Callable[..., Page]
PCM16_RATE = 24_000


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """Trunkline as `make up` starts it."""
    with running(tmp_path_factory.mktemp("talk") / "data") as found:
        yield found


@pytest.fixture(scope="module")
def browser(started: Running, tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser]:
    """Chromium whose microphone says one sentence after some silence, again and again.

    Whether a page may have it, its context says: `--use-fake-ui-for-media-stream` would always
    say yes.
    """
    sound = tmp_path_factory.mktemp("microphone") / "speech.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, speech.RATE, 0, "NONE", ""))
        file.writeframes(speech.silence(1_800) + speech.load("go_forward") + speech.silence(700))
    yield from open_browser(
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={sound}",
        "--host-resolver-rules=MAP gateway.test 127.0.0.1",
        microphone=True,
    )


@pytest.fixture(scope="module")
def cookies(started: Running, browser: Browser) -> list[tuple[str, str]]:
    """Names and values that a browser has of somebody who has signed in."""
    with ThreadPoolExecutor(1) as thread:
        link = thread.submit(asyncio.run, sign_in_link(started)).result()
    with contextlib.closing(browser.new_context(base_url=started.url)) as context:
        page = context.new_page()
        page.goto(urlsplit(link).path)
        page.get_by_role("button", name="Open the dashboard").click()
        page.wait_for_url("**/overview")
        return [(one.get("name", ""), one.get("value", "")) for one in context.cookies()]


@pytest.fixture
def new_page(
    started: Running, browser: Browser, complaints: Complaints, cookies: list[tuple[str, str]]
) -> Generator[NewPage]:
    """Return a function that opens Talk; `at` is another name for where it runs."""
    opened: list[BrowserContext] = []

    def new(*, microphone: bool = True, at: str = "") -> Page:
        url = started.url.replace("127.0.0.1", at) if at else started.url
        context = browser.new_context(base_url=url)
        opened.append(context)
        context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies])
        if not at:
            # What is not granted here is refused.
            context.grant_permissions(["microphone"] if microphone else ["clipboard-read"])
        page = context.new_page()
        complaints.watch(page)
        page.goto("/talk")
        return page

    yield new
    for context in opened:
        context.close()


@contextlib.contextmanager
def provider() -> Generator[str]:
    """A provider apart from everything: a simulator of its own."""
    process = subprocess.Popen(
        [*COMMAND, "simulator", "--port", "0"],
        stdout=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextlib.contextmanager
def stored(started: Running, url: str, secret: str) -> Generator[None]:
    """Have a provider at `url` stored under the name of `ours`."""
    data = ("--data", str(started.data))
    add = ("providers", "add", "--name", "ours", "--profile", "openai", "--url", url, *data)
    subprocess.run(
        [*COMMAND, *add], input=secret, text=True, check=True, timeout=PATIENCE_S, env=environment()
    )
    yield
    listed = command("providers", "list", *data).stdout.splitlines()
    provider_id = next(line for line in listed if " ours" in line).split()[0]
    assert command("providers", "delete", provider_id, *data).returncode == 0


class Wire:
    """What a page's WebSocket sent and received."""

    def __init__(self, page: Page) -> None:
        self.url = ""
        self.sent: list[dict[str, Any]] = []
        self.seen: list[str] = []
        """Everything that came, as text."""
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        self.url = socket.url
        socket.on("framesent", lambda frame: self.sent.append(json.loads(frame)))
        socket.on("framereceived", lambda frame: self.seen.append(str(frame)))

    def types(self) -> list[str]:
        return [event["type"] for event in self.sent]

    def spoken_ms(self) -> float:
        """How much sound the page has sent."""
        return sum(
            _sound_ms(event["audio"])
            for event in self.sent
            if event["type"] == "input_audio_buffer.append"
        )

    def answered_ms(self) -> float:
        """How much sound has come to the page."""
        events = [json.loads(frame) for frame in self.seen]
        return sum(
            _sound_ms(event["delta"])
            for event in events
            if event["type"] == "response.output_audio.delta"
        )


def _sound_ms(base64_pcm16: str) -> float:
    return len(base64.b64decode(base64_pcm16)) / 2 / PCM16_RATE * 1_000


def start(page: Page) -> None:
    page.get_by_role("button", name="Start talking").click()
    expect(page.locator("#saying")).to_be_visible()


def hang_up(page: Page) -> str:
    """Hang up; return the id of the call whose page comes."""
    page.get_by_role("button", name="Hang up").click()
    page.wait_for_url("**/calls/call_*")
    return page.url.rpartition("/")[2]


def lines(page: Page, who: str) -> Any:
    return page.locator(f"#lines li.{who} p")


def test_who_speaks_is_answered_and_lands_on_the_recorded_call(
    started: Running, new_page: NewPage
) -> None:
    page = new_page()
    wire = Wire(page)
    start(page)
    # The first time it may have begun before the call.
    expect(lines(page, "you").filter(has_text=SAID).first).to_be_visible()
    expect(page.locator("#phase")).to_have_text("Speaking")
    expect(lines(page, "assistant").first).to_have_text(re.compile("[A-Z].+"))
    spoken_ms, answered_ms = wire.spoken_ms(), wire.answered_ms()
    call_id = hang_up(page)
    expect(page.get_by_role("region", name="Transcript")).to_contain_text(SAID)
    call = started.sealed(call_id)
    assert wire.url == f"{started.websocket_url}/v1/realtime"
    assert (call["user_id"], call["session"]["name"]) == ("operator", "Talk")
    assert call["properties"]["source"] == "talk"
    assert call["status"] == "completed"
    assert call["audio"]["caller_ms"] >= spoken_ms > 0
    assert call["audio"]["assistant_ms"] >= answered_ms > 0
    roles = {line["role"] for line in call["transcript"] if line["text"]}
    assert roles == {"caller", "assistant"}


def test_who_interrupts_is_heard_and_the_model_knows_what_was_not(
    started: Running, new_page: NewPage
) -> None:
    page = new_page()
    wire = Wire(page)
    start(page)
    page.get_by_label("Say it in writing").fill("Tell me a story")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("You interrupted after")).to_be_visible()
    truncate = next(event for event in wire.sent if event["type"] == "conversation.item.truncate")
    assert 0 <= truncate["audio_end_ms"] < 21_621
    call = started.sealed(hang_up(page))
    assert call["counts"]["errors"] == 0
    assert call["counts"]["barge_ins"] >= 1


def test_who_has_no_microphone_types(started: Running, new_page: NewPage) -> None:
    page = new_page(microphone=False)
    wire = Wire(page)
    page.get_by_role("button", name="Start without a microphone").click()
    words = page.get_by_label("Say it in writing")
    expect(words).to_be_focused()
    page.keyboard.type("What is the weather like?")
    page.keyboard.press("Enter")
    expect(lines(page, "assistant")).to_have_text(re.compile("sunny in Paris"))
    expect(lines(page, "you")).to_have_text("What is the weather like?")
    assert serious_findings(page) + too_wide(page) == []
    call = started.call(hang_up(page))
    assert "input_audio_buffer.append" not in wire.types()
    assert call["transcript"][0]["text"] == "What is the weather like?"


def test_who_refuses_the_microphone_is_told_and_may_type(new_page: NewPage) -> None:
    page = new_page(microphone=False)
    page.get_by_role("button", name="Start talking").click()
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("microphone_refused")
    expect(problem).to_contain_text("or type instead")
    expect(page.get_by_role("button", name="Start without a microphone")).to_be_visible()
    assert serious_findings(page) == []


def test_a_button_that_is_held_makes_one_turn(started: Running, new_page: NewPage) -> None:
    page = new_page()
    wire = Wire(page)
    page.get_by_label("Hold a button while you speak").check()
    start(page)
    hold = page.get_by_role("button", name="Hold to speak")
    hold.focus()
    assert "input_audio_buffer.append" not in wire.types()
    page.keyboard.down("Space")
    expect(page.locator("#phase")).to_have_text("You are speaking")
    page.wait_for_timeout(500)
    page.keyboard.up("Space")
    expect(lines(page, "assistant").first).to_have_text(re.compile("[A-Z].+"))
    said = [kind for kind in wire.types() if kind != "input_audio_buffer.append"]
    assert said[:4] == [
        "session.update", "input_audio_buffer.clear", "input_audio_buffer.commit",
        "response.create",
    ]  # fmt: skip
    assert started.call(hang_up(page))["vad"] == "none"


def test_a_page_that_came_without_tls_says_what_is_missing_and_types(
    new_page: NewPage, complaints: Complaints
) -> None:
    page = new_page(at="gateway.test")
    wire = Wire(page)
    expect(page.get_by_role("button", name="Start talking")).to_be_disabled()
    expect(page.locator("#insecure")).to_contain_text("only to pages from https://")
    page.get_by_role("button", name="Start without a microphone").click()
    expect(page.get_by_label("Say it in writing")).to_be_focused()
    assert wire.url.startswith("ws://gateway.test:")
    hang_up(page)
    # Browsers trust no header of such an origin, and say so on each page.
    assert all("Cross-Origin-Opener-Policy" in text for text in complaints)
    complaints.clear()


def limit_calls(page: Page, a_minute: str) -> None:
    """Limit the key that the page calls with, on the page of keys."""
    page.goto("/keys")
    page.get_by_role("main").get_by_role("link", name="Talk", exact=True).click()
    page.get_by_label("New calls a minute").fill(a_minute)
    page.get_by_role("button", name="Save limits").click()
    expect(page.get_by_label("New calls a minute")).to_have_value(a_minute)


def test_what_the_gateway_refuses_is_told_with_its_code(
    started: Running, new_page: NewPage, complaints: Complaints
) -> None:
    page = new_page()
    page.get_by_role("button", name="Start without a microphone").click()
    expect(page.locator("#saying")).to_be_visible()
    hang_up(page)
    limit_calls(page, "1")
    told = page.get_by_role("alert")
    # The first one counts; and gateways know of the limit within a second.
    for _ in range(5):
        page.goto("/talk")
        page.get_by_role("button", name="Start without a microphone").click()
        expect(page.locator("#saying, #problem").and_(page.locator(":visible"))).to_have_count(1)
        if told.is_visible():
            break
    expect(told).to_contain_text("key_rate")
    limit_calls(page, "")
    assert all("429" in text for text in complaints)
    complaints.clear()


def test_a_stored_provider_is_spoken_with_and_its_key_stays_here(
    started: Running, new_page: NewPage
) -> None:
    secret = "sk-proj-canaryTALK0123456789"
    with provider() as url, stored(started, url, secret):
        page = new_page()
        wire = Wire(page)
        page.get_by_label("Provider", exact=True).select_option("ours · OpenAI")
        expect(page.get_by_label("Model")).to_have_value("gpt-realtime-2.1")
        page.get_by_role("button", name="Start without a microphone").click()
        page.get_by_label("Say it in writing").fill("Hello")
        page.keyboard.press("Enter")
        expect(lines(page, "assistant")).to_have_text(re.compile("help you"))
        held = page.content() + "".join(wire.seen) + json.dumps(wire.sent)
        assert secret not in held
        assert started.key not in held
        call = started.call(hang_up(page))
        assert (call["provider"], call["status"]) == ("openai", "completed")
        assert call["key"]["name"] == "Talk"
