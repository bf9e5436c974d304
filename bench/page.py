"""I/O. How soon the page of a long call is of use: a whole installation, and a real browser.

    python -m bench.page [--rounds 7]

The journal gets a call of thirty minutes, as a gateway would have written it, and the recorder
makes of it what it makes of any call. Then Chromium opens its page, signed in: in a profile that
has never been here, again in the same, and as a machine with a fourth of the speed would.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import Browser, BrowserContext
from tests.support import speech
from tests.support.browsing import open_browser
from tests.support.running import Running, running, sign_in_link

from bench import conversation, journals, tables
from bench.conversation import BYTES_PER_MS, Manner, Voices
from bench.relay import Tell
from bench.results import CallPage, Visit
from trunkline.store.control.database import sqlite_url
from trunkline.store.control.store import ControlStore

MINUTES = 30
MANNER = Manner(turn_ms=8_350, tool_every=10)
ROUNDS = 7
SEALED_S = 90.0
SLOWER = 4
"""Times, of a machine like a cheap phone."""
FIRST, AGAIN = "first visit", "again"


class Seen(msgspec.Struct):
    """One visit, ms since the navigation began."""

    server_ms: float
    painted_ms: float
    usable_ms: float
    waveform_ms: float
    play_ms: float
    longest_task_ms: float
    lines: int
    elements: int
    html_bytes: int
    html_sent_bytes: int
    script_sent_bytes: int


def measure(rounds: int, tell: Tell) -> CallPage:
    """Have a long call recorded, and open its page again and again."""
    seen: dict[str, list[Seen]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="trunkline-bench-") as name,
        running(Path(name) / "data") as started,
    ):
        call = _recorded(started)
        tell("page: recorded")
        link = asyncio.run(sign_in_link(started))
        for browser in open_browser():
            cookies = Path(name) / "cookies.json"
            _sign_in(browser, link, cookies)
            seen = _visits(browser, f"{started.url}/calls/{call['id']}", cookies, rounds)
    visits = tuple(_visit(name, found) for name, found in seen.items())
    tell(f"page: usable after {visits[0].usable_ms:.0f} ms")
    one = seen[FIRST][0]
    return CallPage(
        minutes=MINUTES,
        turns=call["counts"]["turns"],
        lines=one.lines,
        frames=call["caller_leg"]["frames"] + call["provider_leg"]["frames"],
        elements=one.elements,
        html_bytes=one.html_bytes,
        html_sent_bytes=one.html_sent_bytes,
        script_sent_bytes=one.script_sent_bytes,
        visits=visits,
    )


def _voices() -> Voices:
    """Return clips that a turn has time for; one in five answers is too long, and cut off."""
    caller = ("cards", "amiable", "young_man", "go_forward")
    short = [speech.load(name)[: 3_300 * BYTES_PER_MS] for name in ("amiable", "cards")]
    long = speech.load("dashwood")[: 6_000 * BYTES_PER_MS]
    return Voices(tuple(map(speech.load, caller)), (*short, *short, long))


def _recorded(started: Running) -> dict[str, Any]:
    """Put the call into a journal of its own; return it when it can be played."""
    org_id = asyncio.run(_organisation(started.data))
    said = conversation.frames(1, MINUTES * 60, _voices(), MANNER)
    journal = journals.Journal(started.data, "gateway-bench")
    journal.write(conversation.call(1, said, journals.OPENED_NS, journals.WALL_NS, org_id))
    journal.close()

    def playable() -> dict[str, Any] | None:
        calls = started.get("/v1/calls?limit=1").json()["data"]
        return calls[0] if calls and calls[0]["audio"]["recorded"] else None

    return started.wait(playable, SEALED_S)


async def _organisation(data: Path) -> str:
    """Return the only one that there is."""
    async with ControlStore.opened(sqlite_url(data / "control.sqlite3")) as control:
        return (await control.ensure_operator()).id


def _sign_in(browser: Browser, link: str, cookies: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Open the dashboard").click()
    page.wait_for_url("**/overview")
    context.storage_state(path=cookies)
    context.close()


def _visits(browser: Browser, url: str, cookies: Path, rounds: int) -> dict[str, list[Seen]]:
    """Return what was seen, by the kind of visit."""
    slow = f"first visit, CPU {SLOWER} times slower"
    seen: dict[str, list[Seen]] = {FIRST: [], AGAIN: [], slow: []}
    for _ in range(rounds):
        context = browser.new_context(
            storage_state=cookies, viewport={"width": 1440, "height": 900}
        )
        seen[FIRST].append(_visited(context, url))
        seen[AGAIN].append(_visited(context, url))
        context.close()
        context = browser.new_context(
            storage_state=cookies, viewport={"width": 1440, "height": 900}
        )
        seen[slow].append(_visited(context, url, SLOWER))
        context.close()
    return seen


def _visited(context: BrowserContext, url: str, slower: int = 1) -> Seen:
    page = context.new_page()
    if slower > 1:
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.goto(url)
    found = msgspec.convert(page.evaluate(_LOOK), Seen)
    page.close()
    return found


_LOOK = """async () => {
  const at = async (name) => {
    for (;;) {
      const mark = performance.getEntriesByName(name)[0];
      if (mark) return mark.startTime;
      await new Promise((soon) => setTimeout(soon, 20));
    }
  };
  const kept = (type) => new Promise((tell) => {
    const found = [];
    const watching = new PerformanceObserver((list) => found.push(...list.getEntries()));
    watching.observe({ type, buffered: true });
    setTimeout(() => { watching.disconnect(); tell(found); }, 100);
  });
  const usable_ms = await at("trunkline:usable");
  const waveform_ms = await at("trunkline:waveform");
  const longest = (await kept("longtask")).map((task) => task.duration);
  const audio = document.querySelector("#audio");
  const clicked = performance.now();
  document.querySelector("#play").click();
  await new Promise((heard) => audio.addEventListener("timeupdate", heard, { once: true }));
  const play_ms = performance.now() - clicked;
  const [page] = performance.getEntriesByType("navigation");
  const scripts = performance.getEntriesByType("resource").filter((one) =>
    one.name.endsWith(".js"));
  return {
    server_ms: page.responseStart - page.requestStart,
    painted_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
    usable_ms, waveform_ms, play_ms,
    longest_task_ms: Math.max(0, ...longest),
    lines: document.querySelectorAll(".say").length,
    elements: document.querySelectorAll("*").length,
    html_bytes: page.decodedBodySize, html_sent_bytes: page.encodedBodySize,
    script_sent_bytes: scripts.reduce((sum, one) => sum + one.encodedBodySize, 0),
  };
}"""


def _visit(name: str, seen: Sequence[Seen]) -> Visit:
    def middle(field: str) -> float:
        return round(statistics.median(getattr(one, field) for one in seen), 1)

    fields = ("server_ms", "painted_ms", "usable_ms", "waveform_ms", "play_ms", "longest_task_ms")
    return Visit(
        name=name, rounds=len(seen), **{field: middle(field) for field in fields},
        usable_max_ms=round(max(one.usable_ms for one in seen), 1),
    )  # fmt: skip


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="How soon the page of a long call is of use.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    print(tables.page(measure(parser.parse_args().rounds, print)))


if __name__ == "__main__":
    main()
