"""A call by telephone through a whole Trunkline: rung, accepted, talked on, and on its page.

The simulator is the provider, in this process: it has no telephone and no media, so an
application's sideband, through Trunkline too, speaks in the caller's place.
"""

from __future__ import annotations

import asyncio
import base64
import subprocess
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI
from tests.e2e.test_webrtc import spoken_into
from tests.support import speech
from tests.support.application import application
from tests.support.patience import PATIENCE_S
from tests.support.running import COMMAND, Running, command, environment, running

from trunkline.simulator.app import Simulator
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.ringing import Wish

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
SESSION: dict[str, Any] = {
    "type": "realtime", "model": "gpt-realtime-2.1",
    "audio": {"input": {"transcription": {"model": "whisper-1"}}},
}  # fmt: skip


class Telephone:
    """A Trunkline of two gateways, and the provider that rings."""

    def __init__(self, started: Running, simulator: Simulator) -> None:
        self.started, self.simulator = started, simulator

    def sdk(self) -> AsyncOpenAI:
        return AsyncOpenAI(
            api_key="sk-of-the-provider", base_url=f"{self.started.url}/v1",
            webhook_secret=SECRET, default_headers=self.started.headers,
        )  # fmt: skip

    def stored(self, url: str) -> str:
        """Store a webhook by the command line; return its address."""
        done = subprocess.run(
            [*COMMAND, "webhooks", "add", "--name", "desk", "--url", url,
             "--data", str(self.started.data)],
            input=SECRET, text=True, check=True, capture_output=True, timeout=PATIENCE_S,
            env=environment({}),
        )  # fmt: skip
        return self.started.url + done.stdout.strip()


@pytest.fixture
async def telephone(tmp_path: Path) -> AsyncIterator[Telephone]:
    known = str(Path(speech.__file__).parent.parent / "speech")
    simulator = Simulator(SimulatorConfig(seed=5, known_speech=(known,), webhook_secret=SECRET))
    port = await simulator.start()
    env = {"TRUNKLINE_SIMULATOR_URL": f"ws://127.0.0.1:{port}"}
    started = running(tmp_path / "data", "--simulator", "--workers", "2", env=env)
    try:
        yield Telephone(await asyncio.to_thread(started.__enter__), simulator)
        await asyncio.to_thread(started.__exit__, None, None, None)
    finally:
        await simulator.stop()


async def test_it_is_answered_recorded_and_shown_with_who_called(telephone: Telephone) -> None:
    sdk = telephone.sdk()
    started, accepted = telephone.started, asyncio.Event()

    async def answer(headers: dict[str, str], body: bytes) -> int:
        event = sdk.webhooks.unwrap(body, headers)
        assert event.type == "realtime.call.incoming"
        await sdk.realtime.calls.accept(event.data.call_id, **SESSION)
        accepted.set()
        return 200

    async with application(answer) as app:
        address = await asyncio.to_thread(telephone.stored, app.url)
        rung = await telephone.simulator.ring(Wish(url=address, caller="+15550123"))
        assert (rung["statuses"], accepted.is_set()) == ([200], True)
        await spoken_into(started, rung["call_id"])
        await sdk.realtime.calls.hangup(rung["call_id"])
        second = await telephone.simulator.ring(Wish(url="http://127.0.0.1:1/"))
        assert second["statuses"] == [0]
    path = "/v1/calls?property=Sip-From=sip:%2B15550123@sip.example.com"
    listed = await asyncio.to_thread(lambda: started.wait(lambda: ended(started, path)))
    (row,) = listed
    call = await asyncio.to_thread(lambda: started.sealed(row["id"], audio=False))
    assert (call["transport"], call["kind"], call["status"]) == ("sip", "realtime", "completed")
    assert call["properties"]["Sip-To"] == "sip:+15550199@sip.example.com"
    said = {line["role"]: line["text"] for line in call["transcript"]}
    assert said["caller"] == speech.transcript("cards")
    assert said["assistant"]
    assert Decimal(call["cost_usd"]) > 0
    # Who spoke when, and what was heard, passed the gateway by.
    talk = {name: value for name, value in call["talk"].items() if "words" not in name}
    assert set(talk.values()) == {None}
    shown = await asyncio.to_thread(signed_in, started, f"/calls/{row['id']}")
    for measure in ("Longest monologue", "Silence", "Both at once", "Paid for what nobody heard"):
        assert f">{measure}</button>" not in shown
    assert ">Endpointing, p50</button>" in shown
    listing = await asyncio.to_thread(command, "webhooks", "list", "--data", str(started.data))
    assert ("desk" in listing.stdout, SECRET in listing.stdout) == (True, False)


async def test_one_that_is_rejected_is_on_the_list(telephone: Telephone) -> None:
    sdk, started = telephone.sdk(), telephone.started

    async def answer(headers: dict[str, str], body: bytes) -> int:
        event = sdk.webhooks.unwrap(body, headers)
        assert event.type == "realtime.call.incoming"
        await sdk.realtime.calls.reject(event.data.call_id, status_code=486)
        return 200

    async with application(answer) as app:
        address = await asyncio.to_thread(telephone.stored, app.url)
        rung = await telephone.simulator.ring(Wish(url=address))
        assert rung["statuses"] == [200]
    (row,) = await asyncio.to_thread(lambda: started.wait(lambda: ended(started, "/v1/calls")))
    assert (row["status"], row["end_reason"], row["transport"]) == ("refused", "rejected", "sip")
    page = await asyncio.to_thread(signed_in, started, f"/calls/{row['id']}")
    for words in ("rejected by the application", "sip:+15550100@sip.example.com"):
        assert words.lower() in page.lower()


def ended(started: Running, path: str) -> list[dict[str, Any]]:
    """Return the calls of a list, once there are some and all are over."""
    rows = started.get(path).json()["data"]
    return [] if any(row["status"] == "live" for row in rows) else rows


def signed_in(started: Running, path: str) -> str:
    """Return a page."""
    with httpx2.Client(base_url=started.url, follow_redirects=True) as http:
        token = started.sign_in.rpartition("/")[2]
        http.post(f"/sign-in/{token}", headers={"Origin": started.url}).raise_for_status()
        return http.get(path).raise_for_status().text
