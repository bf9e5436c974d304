"""In real Chromium: the page of a call that was really made shows and plays what was said."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.e2e.test_guide import Played, play
from tests.support import speech
from tests.support.browsing import until
from tests.support.running import Running

from trunkline.web.pages import text

SCRIPT = Path(__file__).parent / "scripts" / "openai.mjs"
LOUDNESS = """async ([source, spans]) => {
  const file = await (await fetch(source)).arrayBuffer();
  const sound = await new OfflineAudioContext(2, 1, 48000).decodeAudioData(file);
  return spans.map(([channel, from_ms, to_ms]) => {
    const samples = sound.getChannelData(channel)
      .subarray(from_ms / 1000 * sound.sampleRate, to_ms / 1000 * sound.sampleRate);
    return Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / Math.max(1, samples.length));
  });
}"""
"""Root mean square of spans of the recording: [channel, from ms, to ms]."""


@pytest.fixture(scope="module")
def played(plain: Running, tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(plain, tmp_path_factory.mktemp("page"), SCRIPT.read_text("utf-8"))


def loudness(page: Page, call_id: str, spans: list[tuple[int, float, float]]) -> list[float]:
    return page.evaluate(LOUDNESS, [f"/v1/calls/{call_id}/audio", spans])


def spoken(played: Played) -> list[dict[str, Any]]:
    return [line for line in played.call["transcript"] if line["modality"] == "audio"]


def test_the_page_shows_who_said_what(page: Page, played: Played) -> None:
    page.goto(f"/calls/{played.call_id}")
    transcript = page.get_by_role("region", name="Transcript")
    for line in played.call["transcript"]:
        expect(transcript).to_contain_text(line["text"])
    body = page.locator("main")
    expect(body).to_contain_text("user_123")
    expect(body).to_contain_text("session_openai")
    expect(body).to_contain_text("north-clinic")
    expect(body).to_contain_text("gpt-realtime-2.1")
    # The API's cost is checked against a calculation by hand in test_guide.
    expect(body).to_contain_text(text.money(Decimal(played.call["cost_usd"])))


def test_the_player_plays(page: Page, played: Played) -> None:
    page.goto(f"/calls/{played.call_id}")
    page.evaluate("document.querySelector('audio').play()")
    until(page, "document.querySelector('audio').currentTime > 0.5")


def test_a_click_on_a_line_seeks_to_its_sound(page: Page, played: Played) -> None:
    page.goto(f"/calls/{played.call_id}")
    until(page, "document.querySelector('audio').readyState >= 1")
    line = spoken(played)[-1]
    page.get_by_text(line["text"]).first.click()
    at_s = line["starts_ms"] / 1000
    until(page, f"Math.abs(document.querySelector('audio').currentTime - {at_s}) < 1.5")


def test_the_words_sound_where_the_transcript_says(page: Page, played: Played) -> None:
    page.goto(f"/calls/{played.call_id}")
    channels = {"caller": 0, "assistant": 1}
    within = [
        (channels[line["role"]], line["starts_ms"], line["ends_ms"]) for line in spoken(played)
    ]
    across = [(1 - channel, start, end) for channel, start, end in within]
    # The caller's line begins and ends with the prefix and the silence of the voice detection.
    assert min(loudness(page, played.call_id, within)) > 0.01
    assert max(loudness(page, played.call_id, across)) < 0.001


def test_the_caller_is_heard_as_long_as_they_spoke(page: Page, played: Played) -> None:
    about = speech.about("young_man")
    line = next(line for line in spoken(played) if line["role"] == "caller")
    assert line["ends_ms"] - line["starts_ms"] == pytest.approx(
        about["speech_ends_ms"] - about["speech_begins_ms"], abs=700
    )


def test_what_passes_the_public_port_is_compressed_and_sound_is_not(
    page: Page, played: Played
) -> None:
    call = f"/v1/calls/{played.call_id}"
    for path in (f"/calls/{played.call_id}", call, "/docs"):
        answer = page.request.get(path, headers={"Accept-Encoding": "gzip"})
        assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip")
        assert answer.text()
    whole = page.request.get(f"{call}/audio", headers={"Accept-Encoding": "gzip"})
    ranged = {"Accept-Encoding": "gzip", "Range": "bytes=1000-2999"}
    part = page.request.get(f"{call}/audio", headers=ranged)
    assert (whole.status, part.status) == (200, 206)
    assert "content-encoding" not in {**whole.headers, **part.headers}
    assert part.body() == whole.body()[1000:3000]
