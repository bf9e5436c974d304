"""Every path and every way of the gateway's key, over real sockets, to what the provider gets."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.relay.world import KEY, PROVIDER_KEY, echo, world
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request
from websockets.typing import Subprotocol

BEARER = {"Authorization": f"Bearer {PROVIDER_KEY}"}
OURS = {"Helicone-Auth": f"Bearer {KEY}"}
BOTH = {**BEARER, **OURS}
AZURE = {"api-key": PROVIDER_KEY, **OURS}

DIALLED: dict[str, tuple[str, dict[str, str], list[str], str]] = {
    "Helicone's": ("/v1/gateway/oai/realtime?model=m", BOTH, [], "/v1/realtime?model=m"),
    "its own example": (
        "/v1/gateway/oai/realtime/v1/realtime?model=m", BOTH, [], "/v1/realtime?model=m",
    ),
    "Azure's Node client": (
        "/v1/gateway/oai/v1/realtime?model=d&resource=rr", AZURE, [], "/openai/v1/realtime?model=d",
    ),
    "Semantic Kernel for Azure": (
        "/v1/gateway/oai/openai/v1/realtime?model=d", {**AZURE, "Trunkline-Resource": "rr"}, [],
        "/openai/v1/realtime?model=d",
    ),
    "OpenAI's": ("/v1/realtime?model=m&x=1", BOTH, [], "/v1/realtime?model=m&x=1"),
    "Azure's SDK, preview": (
        "/openai/realtime?api-version=2025-04-01-preview&deployment=d&resource=rr", AZURE, [],
        "/openai/realtime?api-version=2025-04-01-preview&deployment=d",
    ),
    "Azure's SDK, GA": (
        "/openai/v1/realtime?model=d&resource=rr&webrtcfilter=on", AZURE, [],
        "/openai/v1/realtime?model=d&webrtcfilter=on",
    ),
    "translations": (
        "/v1/realtime/translations?model=t", BOTH, [], "/v1/realtime/translations?model=t",
    ),
    "GPT-Live": ("/v1/live/sessions", BOTH, [], "/v1/live/sessions"),
    "GPT-Live, a sideband": (
        "/v1/live/sessions/live_1/attach", BOTH, [], "/v1/live/sessions/live_1/attach",
    ),
    "a call's sideband": ("/v1/realtime?call_id=rtc_1", BOTH, [], "/v1/realtime?call_id=rtc_1"),
    "a call's sideband, a model beside it": (
        "/v1/realtime?call_id=rtc_1&model=m", BOTH, [], "/v1/realtime?call_id=rtc_1",
    ),
    "transcription": (
        "/v1/realtime?intent=transcription&model=whisper-1", BOTH, [],
        "/v1/realtime?intent=transcription",
    ),
    "key in the path": (f"/k/{KEY}/v1/realtime?model=m", BEARER, [], "/v1/realtime?model=m"),
    "key in the query": (
        f"/v1/realtime?helicone-auth={KEY}&model=m", BEARER, [], "/v1/realtime?model=m",
    ),
    "key as a subprotocol": (
        "/v1/realtime?model=m", {},
        ["realtime", f"helicone-auth.{KEY}", f"openai-insecure-api-key.{PROVIDER_KEY}"],
        "/v1/realtime?model=m",
    ),
    "provider in the path": ("/p/openai/v1/realtime?model=m", BOTH, [], "/v1/realtime?model=m"),
}  # fmt: skip


def dialled(port: int, target: str, headers: dict[str, str], protocols: list[str]) -> connect:
    return connect(
        f"ws://127.0.0.1:{port}{target}",
        additional_headers=headers,
        subprotocols=[Subprotocol(one) for one in protocols] or None,
        proxy=None,
        compression=None,
    )


@pytest.mark.parametrize(
    ("target", "headers", "protocols", "expected"), DIALLED.values(), ids=DIALLED.keys()
)
async def test_what_is_dialled_for_each(
    tmp_path: Path, target: str, headers: dict[str, str], protocols: list[str], expected: str
) -> None:
    asked: list[Request] = []

    async def noted(connection: ServerConnection) -> None:
        assert connection.request is not None
        asked.append(connection.request)
        await echo(connection)

    async with serve(noted, "127.0.0.1", 0, compression=None) as provider:
        base = f"ws://127.0.0.1:{next(iter(provider.sockets)).getsockname()[1]}"
        places = {"openai_url": f"{base}/v1/realtime", "azure_url": base}
        async with world(tmp_path, **places) as w, dialled(w.port, target, headers, protocols) as c:
            await c.send("hello")
            assert await c.recv() == "hello"
            assert c.subprotocol == ("realtime" if protocols else None)
            await c.close()
            await w.journal.closed()
            recorded = b"".join(record.payload for record in w.journal.records)
    (request,) = asked
    assert request.path == expected
    assert PROVIDER_KEY in str(request.headers)
    assert KEY not in request.path + str(request.headers)
    assert KEY.encode() not in recorded
    assert PROVIDER_KEY.encode() not in recorded


@pytest.mark.parametrize(
    "target", [f"/k/{KEY}/v1/realtime?model=m", f"/v1/realtime?model=m&helicone-auth={KEY}"]
)
async def test_a_way_that_is_off_is_refused_with_what_to_do(tmp_path: Path, target: str) -> None:
    async with world(tmp_path, echo, key_ways=()) as w:
        with pytest.raises(InvalidStatus) as caught:
            await dialled(w.port, target, BEARER, [])
        closed = await w.journal.closed()
    assert caught.value.response.status_code == 401
    assert b"key_ways" in caught.value.response.body
    assert closed.error_code == "key_way_off"
    assert KEY not in repr((w.journal.opened, closed))
