"""I/O. One end of one WebSocket: a caller that sends, or a provider that answers.

Sockets that never block, read and written by hand: what the ends cost must be little beside
what is measured, since both share a machine.
"""

import abc
import contextlib
import select
import socket
import ssl

from bench import wire
from bench.mixes import MARK, MARK_WITHIN_BYTES, STAMP_BYTES
from bench.watch import Watch, clock

BUFFER = bytearray(512 * 1024)
VIEW = memoryview(BUFFER)
SKIP = len(MARK) - 1
"""From the mark to the stamp."""
HEAD_BYTES = MARK_WITHIN_BYTES + STAMP_BYTES
REFUSAL_CHARS = 300
_HEAD_BYTES = {126: 4, 127: 10}
"""Of a frame without its mask, by the length that its second byte tells."""
_READ = select.EPOLLIN
_BOTH = select.EPOLLIN | select.EPOLLOUT
_WAITS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Listening:
    """Where a provider is dialled."""

    def __init__(self, watch: Watch, port: int, context: ssl.SSLContext | None) -> None:
        """With a `context` it speaks TLS."""
        self._watch = watch
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._socket.setblocking(False)
        watch.listening[self._socket.fileno()] = self
        watch.epoll.register(self._socket.fileno(), _READ)

    def accept(self) -> None:
        """Take the next call."""
        with contextlib.suppress(BlockingIOError):
            sock, _ = self._socket.accept()
            if self._context is not None:
                sock = self._context.wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False
                )
            Provider(self._watch, sock)


class Peer(abc.ABC):
    """One end of one WebSocket."""

    masks = False
    """It masks what it sends, as callers must."""

    def __init__(self, watch: Watch, sock: socket.socket) -> None:
        """A TLS socket must not have shaken hands yet."""
        self.fd = sock.fileno()
        self.open = False
        """The handshake of the WebSocket is done."""
        self.deflates = False
        """Both sides have agreed to compress."""
        self.frames = 0
        """Heard of the frames that are counted, in this round."""
        self._watch = watch
        self._sock = sock
        self._secure = sock if isinstance(sock, ssl.SSLSocket) else None
        self._shaken = self._secure is None
        """TLS is ready, or there is none."""
        self._recv_into = sock.recv_into
        self._send = sock.send
        self._pending = bytearray()
        """Read, and not a whole frame yet."""
        self._needed = 0
        """Bytes of that frame, when they are known."""
        self._stamp_at = 0
        """In the last frame."""
        self._unsent = bytearray()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watch.peers[self.fd] = self
        watch.epoll.register(self.fd, _READ)
        if self._shaken:
            self.begin()
        else:
            self._shake()

    def _shake(self) -> None:
        """Go on with TLS's handshake."""
        if self._secure is None:
            return
        try:
            self._secure.do_handshake()
        except _WAITS:
            return
        except OSError:
            self.lost()
            return
        self._shaken = True
        self.begin()

    def send(self, data: bytes | bytearray) -> None:
        """Send now what the socket takes; the rest follows when it can be written again."""
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._send(data)
        except _WAITS:
            sent = 0
        except OSError:
            self.lost()
            return
        if sent < len(data):
            self._unsent += memoryview(data)[sent:]
            self._watch.epoll.modify(self.fd, _BOTH)

    def say(self, frame: wire.Stamped, stamp: bytes) -> None:
        """Send a text."""
        self.send(frame.deflated(stamp) if self.deflates else frame.stamp(stamp))

    def writable(self) -> None:
        """Send what had to wait."""
        try:
            # A TLS socket must be given again what it has refused; more may follow it.
            del self._unsent[: self._send(self._unsent)]
        except _WAITS:
            return
        except OSError:
            self.lost()
            return
        if not self._unsent:
            self._watch.epoll.modify(self.fd, _READ)

    def readable(self) -> None:
        """Read once, and take every frame that is whole."""
        if not self._shaken:
            self._shake()
            return
        self._read()
        # TLS keeps back what no poll will tell of.
        while self._secure is not None and self.connected and self._secure.pending():
            self._read()

    def _read(self) -> None:
        try:
            count = self._recv_into(BUFFER)
        except _WAITS:
            return
        except OSError:
            count = 0
        if not count:
            self.lost()
        elif self._pending:
            self._pending += VIEW[:count]
            if len(self._pending) >= self._needed:
                del self._pending[: self._take(self._pending, len(self._pending))]
        else:
            used = self._take(BUFFER, count)
            self._pending += VIEW[used:count]

    def _take(self, data: bytearray, end: int) -> int:
        """Take all that is whole of `data` up to `end`; return where the rest begins."""
        at = 0 if self.open else self.handshake(data, end)
        self._needed = 0
        while self.open and end - at >= 2:
            second = data[at + 1]
            length, body = second & 127, at + 2
            if end - at < _HEAD_BYTES.get(length, 2):
                break
            if length == 126:
                length, body = data[at + 2] << 8 | data[at + 3], at + 4
            elif length == 127:
                length, body = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if second & 128:
                body += 4
            if body + length > end:
                self._needed = body + length - at
                break
            if data[at] == wire.TEXT:
                self.heard(self._stamp(data, body, second & 128))
            else:
                mask = data[body - 4 : body] if second & 128 else b""
                self._other(data[at], mask, bytes(data[body : body + length]))
            at = body + length
        return at

    def _stamp(self, data: bytearray, body: int, masked: int) -> bytes:
        """Return the stamp of the frame whose payload begins at `body`; empty when it has none."""
        if not masked:
            at = data.find(MARK, body, body + HEAD_BYTES)
            return bytes(data[at + SKIP : at + SKIP + STAMP_BYTES]) if at >= 0 else b""
        # Where it was the last time, for that costs less than to look for it.
        mask, aligned = data[body - 4 : body], self._stamp_at & ~3
        near = wire.xor(data[body + aligned : body + aligned + STAMP_BYTES + 4], mask)
        stamp = near[self._stamp_at & 3 :][:STAMP_BYTES]
        if stamp.isdigit():
            return stamp
        head = wire.xor(data[body : body + HEAD_BYTES], mask)
        self._stamp_at = max(head.find(MARK), 0) + SKIP
        stamp = head[self._stamp_at : self._stamp_at + STAMP_BYTES]
        return stamp if stamp.isdigit() else b""

    def _other(self, first: int, mask: bytes | bytearray, payload: bytes) -> None:
        if mask:
            payload = wire.xor(payload, mask)
        if first == wire.DEFLATED:
            text = bytearray(wire.inflated(payload))
            self.heard(self._stamp(text, 0, 0))
        elif first == wire.PING:
            self.send(wire.frame(wire.PONG, payload, masked=self.masks))
        elif first == wire.CLOSE:
            self.lost()
        elif first != wire.PONG:
            raise SystemExit(f"the ends cannot read a frame that begins with {first:#x}")

    def begin(self) -> None:  # noqa: B027 (a provider has nothing to do then)
        """The socket can be written to."""

    @abc.abstractmethod
    def handshake(self, data: bytearray, end: int) -> int:
        """Read the other side's handshake, and be `open` if it is whole. Returns its length."""

    @abc.abstractmethod
    def heard(self, stamp: bytes) -> None:
        """Take a text frame."""

    @property
    def connected(self) -> bool:
        """It has not been lost."""
        return self.fd in self._watch.peers

    def lost(self) -> None:
        """The connection is over. May be told twice."""
        if self.connected:
            del self._watch.peers[self.fd]
            self._watch.epoll.unregister(self.fd)
            self._sock.close()

    def hang_up(self) -> None:
        """Say goodbye; the other side closes."""
        self.send(wire.frame(wire.CLOSE, b"\x03\xe8", masked=self.masks))


class Provider(Peer):
    """Greets; answers every n-th frame."""

    def handshake(self, data: bytearray, end: int) -> int:
        """Agree to everything, and greet."""
        at = data.find(wire.END, 0, end)
        if at < 0:
            return 0
        try:
            head = bytes(data[:at])
            response = wire.response(head, deflates=self._watch.deflates)
        except ValueError:
            # Somebody asks for models, or for our health.
            self.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.lost()
            return end
        self.open = True
        self.deflates = self._watch.deflates and wire.offers_deflate(head)
        self.send(response)
        self._watch.greet(self)
        return at + len(wire.END)

    def heard(self, stamp: bytes) -> None:
        """Answer, if it is time to. What is not ours needs no answer."""
        if not stamp:
            return
        tally = self._watch.tally
        tally.heard += 1
        self.frames += 1
        if self.frames % tally.mix.answer_every == 0:
            for answer in tally.answers:
                self.say(answer, stamp)


class Caller(Peer):
    """Sends in its rhythm, and looks at the answers."""

    masks = True

    def __init__(
        self, watch: Watch, address: tuple[str, int], request: bytes, context: ssl.SSLContext | None
    ) -> None:
        """With a `context` it speaks TLS."""
        self.began_ns = clock()
        self.upgraded_ns = self.greeted_ns = 0
        """When the 101 was read, and the provider's first frame."""
        self.refusal = ""
        self._request = request
        sock = socket.create_connection(address, 5)
        sock.setblocking(False)
        if context is not None:
            sock = context.wrap_socket(
                sock, do_handshake_on_connect=False, server_hostname="localhost"
            )
        super().__init__(watch, sock)

    def begin(self) -> None:
        """Ask for a WebSocket."""
        self.send(self._request)

    def handshake(self, data: bytearray, end: int) -> int:
        """Be told that the call is open, or that it is refused."""
        at = data.find(wire.END, 0, end)
        if at < 0:
            return 0
        if not data.startswith(b"HTTP/1.1 101"):
            self.refusal = bytes(data[:end]).decode("utf-8", "replace")[:REFUSAL_CHARS]
            self.lost()
            return end
        self.open = True
        self.deflates = wire.offers_deflate(data[:at])
        self.upgraded_ns = clock()
        return at + len(wire.END)

    def heard(self, stamp: bytes) -> None:
        """Take an answer, or the greeting."""
        now_ns = clock()
        if stamp:
            self._watch.tally.round_trips_ns.append(now_ns - int(stamp))
        elif not self.greeted_ns:
            self.greeted_ns = now_ns
