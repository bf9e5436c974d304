"""I/O. Calls of the simulator that come by telephone: it tells of them by webhook, and waits.

There is no telephone: whoever asks at `POST /simulator/ring` says who calls whom. The
webhook is a real one, signed as OpenAI's are.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from trunkline.protocol import webhooks
from trunkline.protocol.incoming import LIVE_CALL, REALTIME_CALL

ANSWER_S = 30.0
"""For the webhook's receiver."""


class Wish(msgspec.Struct, frozen=True, kw_only=True, rename={"caller": "from", "callee": "to"}):
    """Who is to call whom, and who is told of it."""

    url: str
    """Where the webhook goes."""
    caller: str = "+15550100"
    callee: str = "+15550199"
    api: Literal["realtime", "live", "both"] = "realtime"


class Ring(msgspec.Struct, frozen=True):
    """One call that rings. It may have two names: whoever accepts by one has answered it."""

    realtime_id: str
    live_id: str

    def events(self, wish: Wish, event_id: str, now_s: int) -> list[bytes]:
        """Return the bodies of the webhooks that tell of it."""
        headers = [
            {"name": "From", "value": f"sip:{wish.caller}@sip.example.com;tag=1"},
            {"name": "To", "value": f'"Desk" <sip:{wish.callee}@sip.example.com>'},
            {"name": "Call-ID", "value": f"{self.realtime_id}@sip.example.com"},
        ]
        shared = {"sip_headers": headers, "sip_media_security": "srtp"}
        said = {
            "realtime": (REALTIME_CALL, {"call_id": self.realtime_id, **shared}),
            "live": (LIVE_CALL, {"session_id": self.live_id, "type": "sip", **shared}),
        }
        return [
            msgspec.json.encode({
                "id": f"{event_id}_{api}", "object": "event", "created_at": now_s,
                "type": type_, "data": data,
            })
            for api, (type_, data) in said.items()
            if wish.api in (api, "both")
        ]  # fmt: skip


async def posted(url: str, secret: str, delivery: webhooks.Delivery, body: bytes) -> int:
    """Post a webhook; return the status of the answer, 0 when there is none."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    lines = (
        f"POST {parts.path or '/'} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Content-Type: application/json",
        "User-Agent: OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)",
        *(f"{name}: {value}" for name, value in webhooks.headers_of(secret, delivery, body)),
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection(
                parts.hostname,
                parts.port or (443 if secure else 80),
                ssl=ssl.create_default_context() if secure else None,
            )
            try:
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
                first = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return 0
    return int(first[1]) if len(first) > 1 and first[1].isdigit() else 0
