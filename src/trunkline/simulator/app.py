"""I/O. The simulator as a server: every provider path on one port."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections import deque
from typing import Any

import aiofastnet
import msgspec
import structlog
from picows import (
    WSAutoPingStrategy,
    WSListener,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # pyright: ignore[reportAttributeAccessIssue] not in its stub

from trunkline.clock import monotonic_ns, wall_ns
from trunkline.errors import OperatorError
from trunkline.protocol.webhooks import Delivery
from trunkline.simulator import voices
from trunkline.simulator.admission import (
    SUBPROTOCOL,
    Accepted,
    Arrival,
    Fatal,
    Rejected,
    Sideband,
    Verdict,
    shown,
)
from trunkline.simulator.chance import Chance
from trunkline.simulator.config import SimulatorConfig
from trunkline.simulator.direct_call import Attached, DirectCall
from trunkline.simulator.front import Front
from trunkline.simulator.living import Living
from trunkline.simulator.opening import Means, Opening
from trunkline.simulator.providers import admit
from trunkline.simulator.refusal import missing
from trunkline.simulator.rest import Posted, Reply, Rest
from trunkline.simulator.ringing import Ring, Wish, posted
from trunkline.simulator.secrets import Secrets
from trunkline.simulator.session import Session
from trunkline.simulator.shell import Connection, Doomed

_LARGEST_FRAME = 32 << 20
_REMEMBERED = 10_000
_JSON = {"Content-Type": "application/json"}
_log = structlog.get_logger(__name__)
_PICOWS = logging.getLogger("picows.server")


class Simulator:
    """A realtime provider. `start` it, dial it, `stop` it."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        config = config or SimulatorConfig()
        if config.seed is None:
            config = msgspec.structs.replace(config, seed=secrets.randbits(32))
        self.config = config
        self.arrivals: deque[Arrival] = deque(maxlen=_REMEMBERED)
        """Every handshake, the newest last, with its credentials: for tests only."""
        self.live: set[Connection] = set()
        """Sessions whose connection is open."""
        self._means: Means | None = None
        self._server: asyncio.Server | None = None
        self._arrived = 0
        self._secrets = Secrets(config.silence_ms)
        self._rest = Rest(config, self._secrets, self)
        self.direct: dict[str, DirectCall] = {}
        """Calls whose media would go direct, by id; those that are over too."""
        self._ringing: dict[str, Ring] = {}
        """Calls by telephone that nobody has answered, by each of their ids."""

    @property
    def connections(self) -> list[Arrival]:
        """Every handshake so far, refused ones too, the newest last."""
        return list(self.arrivals)

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, sock: socket.socket | None = None
    ) -> int:
        """Listen on `host`:`port`, or on a bound `sock`; return the port.

        Raises `OperatorError` when the address is taken, or known speech cannot be read.
        """
        self._means = Means(
            library=voices.library(),
            voice=voices.synthesise,
            known=voices.known_speech(self.config.known_speech),
        )
        if sock is None:
            sock = _bound(host, port)
        self._server = await aiofastnet.create_server(
            asyncio.get_running_loop(),
            lambda: Front(self._websocket, self._serve),
            sock=sock,
        )
        return self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End every connection and stop listening. Safe to call twice."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for call in self.direct.values():
            call.hang_up()
        for connection in list(self.live):
            if connection.transport is not None:
                connection.transport.disconnect(graceful=False)
        await server.wait_closed()

    # One connection

    def _websocket(self) -> Any:
        return WSProtocol(
            None, None, False, self._arrive, _PICOWS, True, 5, False, 20, 20,
            WSAutoPingStrategy.PING_WHEN_IDLE, False, _LARGEST_FRAME, None, 16 * 1024,
        )  # fmt: skip

    def begin(self, call_id: str, kind: str, change: dict[str, Any], model: str = "") -> None:
        """Begin a call whose media would go direct, `realtime` or `live`. Raises `Refused`."""
        model = model or change.get("model") or ""
        if not model:
            raise missing("session.model")
        self._arrived += 1
        if kind == "realtime" and change.get("type") == "transcription":
            kind = "transcription"
        opening = Opening(
            "ga", model, kind, self.config.session_s or 3600, wall_ns() // 10**9, self._arrived,
            change,
        )  # fmt: skip
        made = Living if kind == "live" else Session
        call = DirectCall(call_id, made(self.config, opening, self._ready(), monotonic_ns()))
        call.begin(change)
        self.direct[call_id] = call

    def has(self, call_id: str) -> bool:
        """Return whether such a call runs."""
        call = self.direct.get(call_id)
        return call is not None and not call.over

    def stored(self, call_id: str) -> dict[str, Any] | None:
        """Return the configuration of a session that was stored; None: there is none."""
        call = self.direct.get(call_id)
        return None if call is None else call.stored

    def hang_up(self, call_id: str) -> None:
        """End such a call."""
        self.direct[call_id].hang_up()

    def rings(self, call_id: str) -> bool:
        """Return whether such a call rings."""
        return call_id in self._ringing

    def answer(self, call_id: str) -> None:
        """It rings no more."""
        ring = self._ringing[call_id]
        for name in (ring.realtime_id, ring.live_id):
            self._ringing.pop(name, None)

    async def ring(self, wish: Wish) -> dict[str, Any]:
        """Let a call come by telephone. Returns what it is called, and who took its webhooks."""
        self._arrived += 1
        chance = Chance(self.config.seed or 0, -2_000_000 - self._arrived)
        ring = Ring(chance.id("rtc"), chance.id("live"))
        self._ringing.update({ring.realtime_id: ring, ring.live_id: ring})
        now_s, statuses = wall_ns() // 10**9, list[int]()
        for body in ring.events(wish, chance.id("evt"), now_s):
            delivery = Delivery(chance.id("wh"), now_s)
            statuses.append(await posted(wish.url, self.config.webhook_secret, delivery, body))
        _log.info("a call rings", call=ring.realtime_id, answered=statuses)
        return {"call_id": ring.realtime_id, "session_id": ring.live_id, "statuses": statuses}

    def _ready(self) -> Means:
        if self._means is None:
            raise RuntimeError("start() makes the means before it listens")
        return self._means

    async def _serve(self, request: Posted) -> Reply:
        if request.arrival.path == "/simulator/ring" and self.config.webhook_secret:
            try:
                wish = msgspec.json.decode(request.body, type=Wish)
            except (msgspec.DecodeError, UnicodeDecodeError) as exc:
                return Reply.of(400, {"error": {"code": "bad_ring", "message": str(exc)}})
            return Reply.of(200, await self.ring(wish))
        self.arrivals.append(request.arrival)
        return self._rest.answer(request, wall_ns() // 10**9)

    def _arrive(self, request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        arrival = Arrival(
            request.path.decode("latin-1"),
            tuple((str(name), value) for name, value in request.headers.items()),
        )
        if self.config.show_connections and arrival.path == "/simulator/connections":
            body = msgspec.json.encode([shown(one) for one in self.arrivals])
            return _http(200, body)
        self._arrived += 1
        self.arrivals.append(arrival)
        verdict = admit(arrival, self.config, self._secrets, wall_ns() / 1e9)
        return self._answer(arrival, verdict)

    def _answer(self, arrival: Arrival, verdict: Verdict) -> WSUpgradeResponseWithListener:
        chance = Chance(self.config.seed or 0, -self._arrived)
        match verdict:
            case Rejected(status, body):
                return _http(status, msgspec.json.encode(body))
            case Sideband(call_id):
                if not self.has(call_id):
                    return _http(404, b'{"error":{"code":"call_not_found"}}')
                listener: WSListener = Attached(self.direct[call_id])
            case Fatal():
                listener = Doomed(verdict, chance.id("event"))
            case Accepted():
                listener = Connection(verdict, self._ready(), self._arrived, self.live)
        headers = {"x-request-id": chance.id("req")}
        if SUBPROTOCOL in arrival.subprotocols:
            # Exactly this one: a credential offered as a subprotocol must not come back.
            headers["Sec-WebSocket-Protocol"] = SUBPROTOCOL
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_101_response(headers), listener
        )


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as exc:
        raise OperatorError(
            f"cannot listen on {host}:{port}: {exc.strerror or exc}; choose another port"
        ) from exc


def _http(status: int, body: bytes) -> WSUpgradeResponseWithListener:
    if status < 400:
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_ok_response(body, _JSON), None
        )
    return WSUpgradeResponseWithListener(
        WSUpgradeResponse.create_error_response(status, body, _JSON), None
    )
