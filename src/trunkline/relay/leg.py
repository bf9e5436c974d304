"""I/O. One leg of a call: picows' callbacks turned into events, commands into calls."""

from __future__ import annotations

import socket
import struct
from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable
from typing import cast

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from trunkline.clock import monotonic_ns
from trunkline.journal.record import Leg
from trunkline.relay.events import (
    CloseReceived,
    Congested,
    Drained,
    Event,
    Fragment,
    Frame,
    Lost,
    PingReceived,
    PongReceived,
    Violation,
)
from trunkline.relay.linger import Linger, linger
from trunkline.relay.wire import UNREAD, Reading

MIN_FRAGMENT_BYTES = 64
"""What fragments of the largest message have on average, at least: each costs time."""
READ_AHEAD_BYTES = 128 * 1024
"""For the kernel to hold of what a peer sends, which doubles it. Its own choice would grow to
megabytes, and picows' buffer with it, and one read would keep all other calls waiting."""
BLOCK_BYTES = 64 * 1024
"""What fragments are gathered in. One block that grew to the whole would be copied as it grows."""
CHECKED_BYTES = 64 * 1024
"""Looked at as text at once. One character beyond U+FFFF makes Python hold four bytes for each."""

_TCP_INFO = struct.Struct("=52xI")
"""Up to `tcpi_last_data_recv`: ms since bytes last came (linux/tcp.h)."""

_Utf8 = getincrementaldecoder("utf-8")
_TEXT, _BINARY, _CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION


class LegListener(WSListener):
    """Listens to one leg. What it hears it tells, as events, in order."""

    def __init__(
        self, leg: Leg, tell: Callable[[Event], None], max_frame_bytes: int, max_buffer_bytes: int
    ) -> None:
        self._leg = leg
        self._tell = tell
        self._max_frame_bytes = max_frame_bytes
        self._max_buffer_bytes = max_buffer_bytes
        self._parts: Parts | None = None
        """What has come of a message in fragments, or None."""
        self._binary = False
        self._text = _Utf8()
        self._transport: WSTransport | None = None
        self._linger: Linger | None = None
        self.reading: Reading = UNREAD
        """Another one from the moment that both legs are open."""

    # --- heard -----------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Bound what may wait for this leg before we are told, and what is read at once."""
        self._transport = transport
        high, below = self._max_buffer_bytes, transport.underlying_transport
        below.set_write_buffer_limits(high=high, low=high // 4)
        connection = below.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_AHEAD_BYTES)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Copy first: the frame points into a buffer that is used again after this call."""
        data = frame.get_payload_as_bytes()
        at_ns = monotonic_ns()
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._violated(1002, "a reserved bit is set: no extension was agreed on", at_ns)
        elif kind is _TEXT and frame.fin and self._parts is None:
            if data.isascii() or _is_utf8(data):
                self._tell(Frame(self._leg, data, False, at_ns))
            else:
                self._violated(1007, "a text message is not UTF-8", at_ns)
        elif kind in (_TEXT, _BINARY, _CONTINUATION):
            self._fragment(kind, data, bool(frame.fin), at_ns)
        else:
            self._control(kind, data, at_ns)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone, in whatever way."""
        if self._linger is not None:
            self._linger.hung_up()
        self._tell(Lost(self._leg, monotonic_ns()))
        # What refers to itself stays until the garbage collector comes by: ended calls
        # would take more memory than those that run.
        self._tell = _nobody_listens
        self._transport = self._linger = None
        self.reading = UNREAD

    def pause_writing(self) -> None:
        """More waits for this leg than may."""
        self._tell(Congested(self._leg, monotonic_ns()))

    def resume_writing(self) -> None:
        """What waited has gone out, but for a quarter."""
        self._tell(Drained(self._leg, monotonic_ns()))

    def _fragment(self, kind: WSMsgType, data: bytes, final: bool, at_ns: int) -> None:
        if (kind is _CONTINUATION) == (self._parts is None):
            self._violated(1002, "fragments came out of order", at_ns)
            return
        if self._parts is None:
            self._parts, self._binary = Parts(), kind is _BINARY
            self._text.reset()
        self._parts.add(data)
        limit = self._max_frame_bytes
        if self._parts.bytes > limit or self._parts.count > max(1024, limit // MIN_FRAGMENT_BYTES):
            self._violated(1009, f"a message has more than {limit} bytes or fragments", at_ns)
        elif not self._binary and not _continues(self._text, data, final):
            self._violated(1007, "a text message is not UTF-8", at_ns)
        elif final:
            whole, self._parts = self._parts.joined(), None
            self._tell(Frame(self._leg, whole, self._binary, at_ns))
        else:
            self._tell(Fragment(self._leg, at_ns))

    def _control(self, kind: WSMsgType, data: bytes, at_ns: int) -> None:
        if kind is WSMsgType.PING:
            self._tell(PingReceived(self._leg, data, at_ns))
        elif kind is WSMsgType.PONG:
            self._tell(PongReceived(self._leg, at_ns))
        else:
            code = int.from_bytes(data[:2], "big") if len(data) >= 2 else None
            self._tell(CloseReceived(self._leg, code, data[2:].decode(), at_ns))

    def violated(self, code: int, message: str) -> None:
        """picows found that the peer broke a rule.

        It reads one frame ahead: a close that came just before is not told yet, and
        what follows a close means nothing (RFC 6455, 5.5.1).
        """
        handshake = self._transport.close_handshake if self._transport is not None else None
        if handshake is not None and handshake.recv is not None:
            # 0 stands for none.
            code, reason = cast("int", handshake.recv.code), handshake.recv.reason
            self._tell(CloseReceived(self._leg, code or None, reason or "", monotonic_ns()))
        else:
            self._violated(code, message, monotonic_ns())
        # picows is out of step: it would only gather what comes until it hangs up, at once.
        self.pause()
        if self._transport is not None and self._linger is None:
            connection = self._transport.underlying_transport.get_extra_info("socket")
            self._linger = linger(connection.fileno())

    def _violated(self, code: int, message: str, at_ns: int) -> None:
        self._parts = None
        self._tell(Violation(self._leg, code, message, at_ns))

    # --- done ------------------------------------------------------------------------

    @property
    def backlog(self) -> int:
        """Bytes that wait to be written."""
        if self._transport is None or self._transport.is_disconnected:
            return 0
        return self._transport.underlying_transport.get_write_buffer_size()

    def received_within(self, ns: int) -> bool:
        """Return whether any bytes came in the last `ns`: a large message on a slow line.

        The kernel knows (Linux's TCP_INFO); picows tells of whole messages only.
        """
        if self._transport is None or self._transport.is_disconnected:
            return False
        connection = self._transport.underlying_transport.get_extra_info("socket")
        try:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        except (AttributeError, OSError):
            return False
        return len(info) == _TCP_INFO.size and _TCP_INFO.unpack(info)[0] * 1_000_000 < ns

    def send(self, data: bytes, binary: bool) -> None:
        """Write a message. After a close or a loss it is dropped."""
        if self._transport is not None:
            self._transport.send(_BINARY if binary else _TEXT, data)

    def ping(self) -> None:
        """Write a ping."""
        if self._transport is not None:
            self._transport.send_ping(b"")

    def pong(self, data: bytes) -> None:
        """Write a pong."""
        if self._transport is not None:
            self._transport.send_pong(data)

    def close(self, code: int | None, reason: bytes) -> None:
        """Write a close frame."""
        if self._transport is None:
            return
        if code is None:
            # picows would put a 0 on the wire for no code.
            self._transport.send(WSMsgType.CLOSE, b"")
        else:
            self._transport.send_close(cast("WSCloseCode", code), reason)

    def hang_up(self, *, graceful: bool = False) -> None:
        """Close the connection, after what waits has gone out if `graceful`."""
        if self._transport is not None:
            self._transport.disconnect(graceful)

    def pause(self) -> None:
        """Read no more."""
        self.reading.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self.reading.resume_reading()


class Parts:
    """A message in fragments: takes no more memory than they have bytes, however small they are."""

    __slots__ = ("_blocks", "_last", "bytes", "count")

    def __init__(self) -> None:
        self.bytes = 0
        self.count = 0
        self._blocks: list[bytes] = []
        self._last = bytearray()

    def add(self, data: bytes) -> None:
        """Add one fragment."""
        self.bytes += len(data)
        self.count += 1
        self._last += data
        if len(self._last) >= BLOCK_BYTES:
            self._blocks.append(bytes(self._last))
            self._last.clear()

    def joined(self) -> bytes:
        """Return the message."""
        return b"".join((*self._blocks, self._last))


def _nobody_listens(event: Event) -> None: ...


def _is_utf8(data: bytes) -> bool:
    text = _Utf8()
    parts = (data[at : at + CHECKED_BYTES] for at in range(0, len(data), CHECKED_BYTES))
    return all(_continues(text, part, False) for part in parts) and _continues(text, b"", True)


def _continues(text: IncrementalDecoder, data: bytes, final: bool) -> bool:
    """Return whether `data` goes on as UTF-8 from what `text` has seen."""
    try:
        text.decode(data, final)
    except UnicodeDecodeError:
        return False
    return True
