"""I/O. What the web was asked, and how long it took. Plain ASGI."""

from __future__ import annotations

from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.clock import monotonic_ns
from trunkline.vitals import figures

BUCKETS = 64
"""One for each number of bits that a time in ns may have, as in `relay.meter`."""

_KINDS = (("/v1/", "api"), ("/static/", "static"))


class Traffic:
    """Counts since the process began."""

    def __init__(self) -> None:
        self._requests: Counter[str] = Counter()
        self._times = [0] * BUCKETS
        self._times_ns = 0

    def answered(self, path: str, status: int, took_ns: int) -> None:
        """Count an answer. Its first byte left after `took_ns`."""
        kind = next((kind for prefix, kind in _KINDS if path.startswith(prefix)), "page")
        self._requests[f"{kind} {status // 100}xx"] += 1
        self._times[took_ns.bit_length()] += 1
        self._times_ns += took_ns

    def tell(self) -> figures.Web:
        """Return what this process publishes of its web."""
        return figures.Web(
            requests=dict(self._requests), times=tuple(self._times), times_ns=self._times_ns
        )


class Counted:
    """Has the application's `Traffic` count every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count the answer when it begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        traffic: Traffic = scope["app"].state.deps.traffic
        began_ns = monotonic_ns()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                traffic.answered(scope["path"], message["status"], monotonic_ns() - began_ns)
            await send(message)

        await self._app(scope, receive, send_counted)
