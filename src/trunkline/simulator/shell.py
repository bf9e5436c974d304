"""I/O. One WebSocket of the simulator: a session on a socket and a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import assert_never

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from trunkline import clock
from trunkline.simulator.admission import Accepted, Fatal
from trunkline.simulator.dictating import Dictating
from trunkline.simulator.faults import Close, Cut, Freeze, Output, Send
from trunkline.simulator.living import Living
from trunkline.simulator.opening import Means, Opening
from trunkline.simulator.session import Session
from trunkline.simulator.translating import Translating

_KINDS: dict[str, type[Translating | Dictating | Living]] = {
    "translation": Translating,
    "dictation": Dictating,
    "live": Living,
}
"""By kind; all others are realtime sessions."""
_CLOSE_WAIT_S = 2.0
"""How long the other end may take to answer our close frame."""
_THROTTLE_S = 0.05
"""A slow reader reads this often."""


def _send_close(transport: WSTransport, code: int, reason: bytes) -> None:
    # picows sends any number as it is, but its types know only the codes of RFC 6455.
    transport.send_close(code, reason)  # pyright: ignore[reportArgumentType]


class Doomed(WSListener):
    """A connection that is told why, and closed."""

    def __init__(self, fatal: Fatal, event_id: str) -> None:
        self._fatal, self._event_id = fatal, event_id

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Send the error and the close; the transport goes when the other end answers."""
        error = {"type": "error", "event_id": self._event_id, "error": self._fatal.error}
        transport.send(WSMsgType.TEXT, msgspec.json.encode(error))
        _send_close(transport, self._fatal.close_code, self._fatal.reason.encode())
        asyncio.get_running_loop().call_later(_CLOSE_WAIT_S, transport.disconnect)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Drop everything but the answer to our close."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


class Connection(WSListener):
    """A session that runs."""

    def __init__(
        self, accepted: Accepted, means: Means, number: int, live: set[Connection]
    ) -> None:
        self._accepted, self._means, self._number = accepted, means, number
        self._live = live
        self._config = accepted.config
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._parts: list[bytes] = []
        self._frozen = self._closing = False
        self.frames_received = 0
        """Messages of the caller, fragments counted as one."""
        self.transport: WSTransport | None = None
        """None before the handshake and after the end."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin the session."""
        self.transport = transport
        self._live.add(self)
        accepted = self._accepted
        opening = Opening(
            dialect=accepted.dialect,
            model=accepted.model,
            kind=accepted.kind,
            session_s=accepted.session_s,
            started_s=clock.wall_ns() // 1_000_000_000,
            connection=self._number,
            change=accepted.change,
        )
        kind = _KINDS.get(accepted.kind, Session)
        self._session = kind(self._config, opening, self._means, clock.monotonic_ns())
        self._carry_out(self._session.outputs())
        if self._config.ping_every_ms:
            self._ping()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Give a whole message to the session."""
        payload, kind = frame.get_payload_as_bytes(), frame.msg_type
        if self._frozen:
            return
        if kind == WSMsgType.PING:
            transport.send_pong(payload)
        elif kind == WSMsgType.CLOSE:
            self._answer_close(transport, frame)
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._message(payload, text=kind != WSMsgType.BINARY, whole=frame.fin)
            self._throttle(len(payload))

    def _message(self, payload: bytes, *, text: bool, whole: bool) -> None:
        if self._parts or not whole:
            self._parts.append(payload)
            if not whole:
                return
            payload, self._parts = b"".join(self._parts), []
        self.frames_received += 1
        self._carry_out(self._session.receive(payload, clock.monotonic_ns(), text=text))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Forget the session: there is no resume."""
        self.transport = None
        self._live.discard(self)
        for timer in self._timers.values():
            timer.cancel()

    def _answer_close(self, transport: WSTransport, frame: WSFrame) -> None:
        if not self._closing:
            # The code comes back as it came (RFC 6455, 5.5.1).
            code = int.from_bytes(frame.get_payload_as_bytes()[:2], "big") or 1000
            _send_close(transport, code, b"")
        transport.disconnect()

    # Outputs

    def _carry_out(self, outputs: list[Output]) -> None:
        transport = self.transport
        for output in outputs:
            if transport is None or self._closing or self._frozen:
                return
            match output:
                case Send(frame):
                    self._send(transport, frame)
                case Close(code, reason):
                    self._closing = True
                    _send_close(transport, code, reason.encode()[:123])
                    self._at("close", _CLOSE_WAIT_S, transport.disconnect)
                case Cut():
                    transport.disconnect(graceful=False)
                    return
                case Freeze():
                    self._frozen = True
                    transport.underlying_transport.pause_reading()
                case _:
                    assert_never(output)
        self._plan()

    def _send(self, transport: WSTransport, frame: bytes) -> None:
        size = self._config.fragment_bytes
        if not size or len(frame) <= size:
            transport.send(WSMsgType.TEXT, frame)
            return
        for at in range(0, len(frame), size):
            kind = WSMsgType.CONTINUATION if at else WSMsgType.TEXT
            transport.send(kind, frame[at : at + size], fin=at + size >= len(frame))

    # Time

    def _at(self, name: str, wait_s: float, action: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = self._loop.call_later(max(0.0, wait_s), action)

    def _plan(self) -> None:
        due_ns = self._session.due_ns
        if due_ns is not None and self.transport is not None:
            self._at("session", (due_ns - clock.monotonic_ns()) / 1e9, self._tick)

    def _tick(self) -> None:
        self._carry_out(self._session.tick(clock.monotonic_ns()))

    def _ping(self) -> None:
        if self.transport is not None and not self._frozen:
            self._at("ping", self._config.ping_every_ms / 1000, self._ping_now)

    def _ping_now(self) -> None:
        if self.transport is not None:
            self.transport.send_ping(b"")
            self._ping()

    def _throttle(self, size_bytes: int) -> None:
        """Stop reading for as long as a slow reader takes for `size_bytes`."""
        rate, transport = self._config.read_bytes_per_s, self.transport
        if not rate or transport is None or self._frozen:
            return
        transport.underlying_transport.pause_reading()
        self._at("read", max(_THROTTLE_S, size_bytes / rate), self._resume_reading)

    def _resume_reading(self) -> None:
        if self.transport is not None and not self._frozen:
            self.transport.underlying_transport.resume_reading()
