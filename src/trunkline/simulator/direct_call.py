"""I/O. One call of the simulator whose media would go direct, and whoever listens to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from trunkline import clock
from trunkline.simulator.direct import HUNG_UP, Speaker
from trunkline.simulator.faults import Close, Output, Send
from trunkline.simulator.living import Living
from trunkline.simulator.refusal import Refused
from trunkline.simulator.session import Session

_HELLO = ("session.created", "session.updated", "session.started")
_APPENDS = b'"session.input_audio.append"'


class DirectCall:
    """A session without a connection of its own: it lives until somebody hangs up."""

    def __init__(self, call_id: str, session: Session | Living) -> None:
        self.call_id = call_id
        self._session = session
        self._speaker = Speaker()
        self._listening: dict[Attached, WSTransport] = {}
        self._said: list[bytes] = []
        """What was said before anybody listened: a sideband begins with `session.created`."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.over = False
        self.stored: dict[str, Any] | None = None
        """The configuration of a session that is kept after its end, for forks."""

    @property
    def listeners(self) -> int:
        """Sidebands that are attached."""
        return len(self._listening)

    def begin(self, session: dict[str, Any]) -> None:
        """The caller has its answer: the session begins. Raises `Refused` for one that cannot."""
        if isinstance(self._session, Living):
            config = {name: value for name, value in session.items() if name != "type"}
            start = msgspec.json.encode({"type": "session.start", "session": config})
            outputs = self._session.receive(start, clock.monotonic_ns())
            if refused := _error_in(outputs):
                raise Refused(refused["code"], refused["message"], refused.get("param"))
            self._carry_out(outputs)
            self.stored = config if config.get("store") else None
        else:
            self._carry_out(self._session.outputs())

    def attach(self, listener: Attached, transport: WSTransport) -> None:
        """Somebody listens from now on."""
        self._listening[listener] = transport
        for frame in self._said:
            transport.send(WSMsgType.TEXT, frame)

    def detach(self, listener: Attached) -> None:
        """It listens no more. The call goes on."""
        self._listening.pop(listener, None)

    def receive(self, frame: bytes, *, text: bool) -> None:
        """Take what a sideband sends, as if the caller had."""
        if not self.over:
            self._carry_out(self._session.receive(frame, clock.monotonic_ns(), text=text))
            if isinstance(self._session, Living) and _APPENDS in frame:
                # GPT-Live reflects what comes from the caller, before it is muted.
                self._tell(frame)

    def break_off(self) -> None:
        """Cut the connection of each sideband. The call goes on."""
        for transport in tuple(self._listening.values()):
            transport.disconnect(graceful=False)

    def hang_up(self) -> None:
        """End the call for all."""
        if self.over:
            return
        if isinstance(self._session, Living):
            self._carry_out(self._session.hang_up())
        else:
            self._end(HUNG_UP)

    def _tick(self) -> None:
        self._carry_out(self._session.tick(clock.monotonic_ns()))

    def _carry_out(self, outputs: list[Output]) -> None:
        # What GPT-Live says is reflected, sound and all.
        flows = isinstance(self._session, Living)
        sent, done = (outputs, dict[str, int]()) if flows else self._speaker.heard(outputs)
        for output in sent:
            if isinstance(output, Send):
                self._tell(output.frame)
            else:
                self._end(output if isinstance(output, Close) else Close(1011, ""))
                return
        for response_id, plays_ms in done.items():
            stopped = self._speaker.told("stopped", response_id).frame
            self._at(response_id, plays_ms / 1000, lambda frame=stopped: self._tell(frame))
        due_ns = self._session.due_ns
        if due_ns is not None:
            self._at("session", (due_ns - clock.monotonic_ns()) / 1e9, self._tick)

    def _tell(self, frame: bytes) -> None:
        if len(self._said) < 2 and msgspec.json.decode(frame)["type"] in _HELLO:
            self._said.append(frame)
        for transport in self._listening.values():
            transport.send(WSMsgType.TEXT, frame)

    def _at(self, name: str, wait_s: float, action: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(max(0.0, wait_s), action)

    def _end(self, close: Close) -> None:
        self.over = True
        for timer in self._timers.values():
            timer.cancel()
        for transport in tuple(self._listening.values()):
            # picows sends any number as it is, but its types know only those of RFC 6455.
            transport.send_close(close.code, close.reason.encode()[:123])  # pyright: ignore[reportArgumentType]


def _error_in(outputs: list[Output]) -> dict[str, Any] | None:
    """Return the error in what a session says, if there is one."""
    events = (msgspec.json.decode(one.frame) for one in outputs if isinstance(one, Send))
    return next((event["error"] for event in events if event["type"] == "error"), None)


class Attached(WSListener):
    """A sideband."""

    def __init__(self, call: DirectCall) -> None:
        self._call = call

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Listen."""
        self._call.attach(self, transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Give what it sends to the call."""
        payload, kind = frame.get_payload_as_bytes(), frame.msg_type
        if kind == WSMsgType.PING:
            transport.send_pong(payload)
        elif kind == WSMsgType.CLOSE:
            self._call.detach(self)
            transport.disconnect()
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY):
            self._call.receive(payload, text=kind == WSMsgType.TEXT)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """It is gone."""
        self._call.detach(self)
