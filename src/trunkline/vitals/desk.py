"""I/O. `/live`, `/ready` and `/metrics`: answered here, for gateways and server alike."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

import msgspec

from trunkline.clock import monotonic_ns
from trunkline.vitals.exposition import CONTENT_TYPE, exposition
from trunkline.vitals.files import read
from trunkline.vitals.fleet import Fleet, Seen, fleet
from trunkline.vitals.publisher import Source
from trunkline.vitals.ready import Verdict, verdict
from trunkline.vitals.summary import Summary, summary

LIVE, READY, METRICS = "/live", "/ready", "/metrics"
PATHS = frozenset({LIVE, READY, METRICS})
JSON = "application/json"

_FORWARDING = frozenset({
    "forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip",
})  # fmt: skip


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What decides on an answer."""

    method: str
    path: str
    local: bool
    """Asked from this machine, see `is_local`."""
    authorization: str = ""


class Answer(msgspec.Struct, frozen=True):
    """Status, body, and headers but for the body's length."""

    status: int
    body: bytes
    content_type: str = JSON
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return what goes on the wire, with what keeps a browser from making more of it."""
        return (
            ("Content-Type", self.content_type),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *self.extra,
        )


class Desk:
    """Answers for one process."""

    def __init__(self, run: Path, name: str, source: Source, metrics_token: str) -> None:
        """`source` is this process, `name` what it publishes as in the directory `run`."""
        self._run = run
        self._name = name
        self._source = source
        self._token = metrics_token

    async def answer(self, asked: Question) -> Answer:
        """Answer one of `PATHS`. Raises `OSError` when the machine does not let us look."""
        if asked.method not in ("GET", "HEAD"):
            message = "ask with GET"
            return _error(405, "method_not_allowed", message, (("Allow", "GET, HEAD"),))
        if asked.path == LIVE:
            return Answer(200, b'{"status":"ok"}')
        if asked.path == READY:
            said = await self.verdict()
            return Answer(said.http_status, msgspec.json.encode(said))
        if not asked.local and not self._has_token(asked.authorization):
            return self._no_token()
        return Answer(200, exposition(await self.fleet(), self._name), CONTENT_TYPE)

    async def verdict(self) -> Verdict:
        """Return what `/ready` says."""
        return verdict(await self.fleet(), self._name)

    async def summary(self) -> Summary:
        """Return what all processes tell, as one."""
        return summary(await self.fleet(), self._name)

    async def fleet(self) -> Fleet:
        """Return all processes: this one as it is now, the others as they last told."""
        others = await asyncio.to_thread(read, self._run, monotonic_ns())
        now_ns = monotonic_ns()
        here = Seen(self._name, self._source.tell(now_ns), 0, there=True)
        return fleet([here, *(one for one in others.seen if one.name != self._name)], now_ns)

    def _has_token(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        right = hmac.compare_digest(token.strip().encode(), self._token.encode())
        return bool(self._token) and scheme.lower() == "bearer" and right

    def _no_token(self) -> Answer:
        if not self._token:
            message = "metrics are told on this machine only: set TRUNKLINE_METRICS_TOKEN"
            return _error(403, "metrics_are_local", message)
        message = "send Authorization: Bearer <TRUNKLINE_METRICS_TOKEN>"
        return _error(401, "bad_metrics_token", message, (("WWW-Authenticate", "Bearer"),))


def is_local(peer: str, host: str, header_names: Iterable[str]) -> bool:
    """Return whether a request comes from this machine, and not through it.

    `peer` is the socket's other end, `host` the Host header. A proxy on this machine says
    for whom it asks. A page that had its own name point here (DNS rebinding) asks for
    that name.
    """
    forwarded = any(
        name.lower() in _FORWARDING or name.lower().startswith("x-forwarded-")
        for name in header_names
    )
    return not forwarded and _is_loopback(peer) and _is_loopback(_without_port(host))


def _is_loopback(address: str) -> bool:
    if address.lower() == "localhost":
        return True
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _error(status: int, code: str, message: str, extra: tuple[tuple[str, str], ...] = ()) -> Answer:
    kind = {401: "authentication_error", 403: "permission_error"}.get(
        status, "invalid_request_error"
    )
    error = {"type": kind, "code": code, "message": message}
    return Answer(status, msgspec.json.encode({"error": error}), extra=extra)
