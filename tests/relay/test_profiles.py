"""A call to each provider, over real sockets: the gateway, and the simulator in its place.

What is checked of a provider here, docs/reference/providers.md says was checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.relay.world import KEY, ORG, World, key, world
from tests.support.patience import PATIENCE_S
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from trunkline.journal.record import Leg
from trunkline.protocol.profiles.catalogue import PROFILES
from trunkline.sealing import Vault, context_of
from trunkline.simulator.app import Simulator
from trunkline.simulator.config import SimulatorConfig
from trunkline.snapshot import Provider

SECRET = "canary-0123456789"
PATHS = {
    "openai": "/v1/realtime",
    "voice-live": "/voice-live/realtime",
    "qwen": "/api-ws/v1/realtime",
    "inworld": "/api/v1/realtime/session",
    "elevenlabs": "/v1/convai/realtime",
    "azure": "",
}
"""Where the simulator answers as each; the others are at OpenAI's path."""
AS = {"xai", "localai", "speaches", "vllm", "together"}
"""Whom the simulator has to be told to be."""
BETA = {"OpenAI-Beta": "realtime=v1"}
QUERY = {"voice-live": "model=m&api-version=2025-10-01", "vllm": ""}
HELLO = {"together": "transcription_session.created"}
REFUSE = set(PROFILES) - {"openai", "compatible", "compatible-beta"}
"""OpenAI lets everybody in, and sends an error and a close 3000."""
TALKERS = sorted(set(PROFILES) - {"vllm", "together"})


@dataclass
class There:
    """A gateway with one stored provider, and the simulator behind it."""

    world: World
    simulator: Simulator
    profile: str

    def dial(self, query: str | None = None, path: str = "/v1/realtime") -> connect:
        beta = PROFILES[self.profile].name in ("voice-live", "qwen", "together", "compatible-beta")
        query = QUERY.get(self.profile, "model=m") if query is None else query
        return connect(
            f"ws://127.0.0.1:{self.world.port}{path}?{query}",
            additional_headers={"Authorization": f"Bearer {KEY}", **(BETA if beta else {})},
            proxy=None,
            compression=None,
        )


@contextlib.asynccontextmanager
async def there(directory: Path, profile: str, secret: str = SECRET) -> AsyncIterator[There]:
    beta = "serve" if profile == "compatible-beta" else "refuse"
    known: Any = profile if profile in AS else "openai"
    simulator = Simulator(SimulatorConfig(seed=1, beta=beta, provider=known, first_audio_ms=1))
    port = await simulator.start()
    vault = Vault(directory / "master.key")
    stored = Provider(
        provider_id="prov_1",
        org_id=ORG,
        name="it",
        profile=profile,
        url=f"ws://127.0.0.1:{port}{PATHS.get(profile, '/v1/realtime')}",
        sealed=vault.seal(secret, context_of(ORG, "prov_1")) if secret else "",
    )
    try:
        async with world(directory, vault=vault) as w:
            w.publish(key(), providers=(stored,))
            yield There(w, simulator, profile)
    finally:
        await simulator.stop()


async def read(caller: ClientConnection, *kinds: str) -> list[dict[str, Any]]:
    """Read up to an event of each of `kinds`, in this order; return all that came."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_S):
        for kind in kinds:
            while not events or events[-1]["type"] != kind:
                events.append(json.loads(await caller.recv()))
    return events


async def send(caller: ClientConnection, type_: str, **fields: Any) -> None:
    await caller.send(json.dumps({"type": type_, **fields}))


@pytest.mark.parametrize("profile", TALKERS)
async def test_a_text_turn(tmp_path: Path, profile: str) -> None:
    async with there(tmp_path, profile) as t:
        async with t.dial() as caller:
            part = {"type": "input_text", "text": "hello"}
            item = {"type": "message", "role": "user", "content": [part]}
            ga = PROFILES[profile].name not in ("voice-live", "qwen", "compatible-beta")
            only = {"output_modalities" if ga else "modalities": ["text"]}
            await send(caller, "conversation.item.create", item=item)
            await send(caller, "response.create", response=only)
            events = await read(caller, "session.created", "response.done")
        await t.world.journal.closed()
    assert events[-1]["response"]["status"] == "completed"
    text = "response.output_text.delta" if ga else "response.text.delta"
    assert text in {event["type"] for event in events}
    opened = t.world.journal.opened
    assert (opened.provider, opened.provider_dialect) == (profile, "ga" if ga else "beta")
    sent = [record.payload for record in t.world.journal.records]
    assert not [payload for payload in sent if SECRET.encode() in payload]
    # What the provider said is what the caller got, and what is recorded.
    recorded = [json.loads(frame) for frame in t.world.journal.frames(Leg.PROVIDER)]
    assert recorded[: len(events)] == events


@pytest.mark.parametrize("profile", sorted(PROFILES))
async def test_its_credential_arrives_as_it_wants_it_and_nothing_of_ours(
    tmp_path: Path, profile: str
) -> None:
    async with there(tmp_path, profile) as t:
        async with t.dial() as caller:
            await read(caller, HELLO.get(profile, "session.created"))
        (arrival,) = t.simulator.connections
    assert sum(SECRET in value for _, value in arrival.headers) == 1
    assert SECRET not in arrival.target
    assert KEY not in repr(arrival)
    assert not [name for name, _ in arrival.headers if "helicone" in name.lower()]


@pytest.mark.parametrize("profile", sorted(REFUSE))
async def test_a_bad_credential_is_refused_at_the_handshake(tmp_path: Path, profile: str) -> None:
    async with there(tmp_path, profile, "bad-0123456789") as t:
        with pytest.raises(InvalidStatus) as caught:
            await t.dial()
        closed = await t.world.journal.closed()
    assert caught.value.response.status_code == 401
    assert closed.end_reason == "refused_by_provider"


@pytest.mark.parametrize("profile", ["localai", "speaches", "vllm"])
async def test_who_asks_for_no_credential_gets_none(tmp_path: Path, profile: str) -> None:
    async with there(tmp_path, profile, "") as t:
        async with t.dial() as caller:
            await read(caller, "session.created")
        (arrival,) = t.simulator.connections
    names = {name.lower() for name, _ in arrival.headers}
    assert not names & {"authorization", "api-key", "x-api-key", "sec-websocket-protocol"}


async def test_vllm_writes_down_what_it_hears_in_its_own_words(tmp_path: Path) -> None:
    async with there(tmp_path, "vllm") as t:
        async with t.dial() as caller:
            await send(caller, "session.update", model="voxtral")
            await send(caller, "input_audio_buffer.append", audio="AAAA" * 8000)
            await send(caller, "input_audio_buffer.commit", final=True)
            events = await read(caller, "session.created", "transcription.done")
        await t.world.journal.closed()
    assert events[-1]["text"] == "(0.8 seconds of speech)"
    frames = [json.loads(frame) for frame in t.world.journal.frames(Leg.PROVIDER)]
    assert frames == events


async def test_together_transcribes_in_beta(tmp_path: Path) -> None:
    async with there(tmp_path, "together") as t:
        async with t.dial() as caller:
            await read(caller, "transcription_session.created")
        (arrival,) = t.simulator.connections
    assert arrival.header("OpenAI-Beta") == "realtime=v1"
    assert arrival.query["input_audio_format"] == "pcm_s16le_16000"


async def test_inworlds_session_is_named_as_our_call(tmp_path: Path) -> None:
    async with there(tmp_path, "inworld") as t:
        async with t.dial() as caller:
            assert caller.response is not None
            call_id = caller.response.headers["Helicone-Id"]
        (arrival,) = t.simulator.connections
    assert (arrival.query["key"], arrival.query["protocol"]) == (call_id, "realtime")


async def test_a_caller_of_voice_live_is_understood_on_its_own_path(tmp_path: Path) -> None:
    async with there(tmp_path, "voice-live") as t:
        async with t.dial(path="/voice-live/realtime") as caller:
            await read(caller, "session.created")
        (arrival,) = t.simulator.connections
        assert t.world.journal.opened.caller_dialect == "beta"
    assert arrival.query == {"api-version": "2025-10-01", "model": "m"}
