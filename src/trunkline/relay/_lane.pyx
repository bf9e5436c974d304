# cython: language_level=3, boundscheck=False, wraparound=False
"""I/O. The short way of a frame: from one leg's socket to the other's, and into the journal.

Nearly every frame of nearly every call is a whole text message that neither rule nor
bridge changes. Those go on here, byte for byte as they were read, without a Python object
made for them. Everything else is given to picows and `leg.py`, which is how all frames go
where nothing was compiled: fragments, pings, closes, binary messages, breaches of the
protocol, session updates that may show a caller's dialect, frames in which a provider
quotes a credential, whatever comes while the core says `SHUT`. So there is one place that
knows what to do with them, and `End` need only know where a frame ends.

The long way costs fifty times as much. So that one call cannot keep all others waiting, its
frames go there in turns: what was read beyond that rests, and no more is read before.

    socket ─▶ Pump ─▶ End ─┬─ a run of plain frames ─▶ the other end, then the journal
      (and a TLS engine)   └─ anything else ─▶ picows ─▶ LegListener ─▶ Core

Under TLS the engine of the leg's transport is used without the transport, which does the
handshake before and whatever is rare afterwards: what its socket does not take at once, the
farewell, an error. It gets the reading back when the peer says no more.
"""

from cpython.buffer cimport PyBUF_READ, PyBUF_WRITE
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

from aiofastnet.ssl_engine cimport SSLEngine, SSLError

from trunkline.journal._batch cimport Batch
from trunkline.relay._frame cimport (
    MAX_HEADER_BYTES, Frame, copied_ascii, frame_at, memmem, unmasked_ascii
)
from trunkline.relay._pump cimport READ_BYTES, Pump, Source, monotonic_ns

import aiofastnet
from aiofastnet.ssl_transport import SSLTransport_Socket

from trunkline.journal.record import Kind, Leg
from trunkline.relay.ledger import MAX_QUOTE_BYTES
from trunkline.relay.way import MARK, MARK_WITHIN_BYTES, Way

cdef extern from "<sys/socket.h>" nogil:
    ssize_t recv(int fd, void* buffer, size_t size, int flags)
    ssize_t send(int fd, const void* data, size_t size, int flags)
    enum: MSG_DONTWAIT, MSG_NOSIGNAL

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX
    object PyUnicode_DecodeUTF8(const char* data, Py_ssize_t size_bytes, const char* errors)

cdef enum:
    KEPT_BYTES = 256 * 1024  # a larger frame that is not here whole goes the other way
    AHEAD_BYTES = 16 * 1024  # read beyond what is missing of a frame
    LONG_WAYS = 64           # frames for picows of one leg; then it is the next one's turn
    MANY_FRAMES = 1_000      # then somebody looks whether the leg keeps its pace (`pace.py`)
    MANY_BYTES = 2 * 1024 * 1024

BUILT_FOR = "1.2.0"
"""Of aiofastnet: of another one the engine may be built otherwise, and is not called."""

cdef bint _engine_is_known = aiofastnet.__version__ == BUILT_FOR
cdef int FRAME = Kind.FRAME
cdef int CALLER = Leg.CALLER
cdef int PROVIDER = Leg.PROVIDER
cdef int SHUT = Way.SHUT
cdef int WATCHED = Way.WATCHED
cdef bytes _MARK = MARK
cdef Py_ssize_t _MARK_WITHIN_BYTES = MARK_WITHIN_BYTES
cdef Py_ssize_t _MAX_QUOTE_BYTES = MAX_QUOTE_BYTES


cdef class Lane:
    """The short way of one call: what its two ends share."""

    cdef:
        readonly End caller
        readonly End provider
        public bint pressed
        int _way
        bint _free[3]
        bint _seq_is_ours
        uint32_t _seq
        object _ledger
        object _failed
        Batch _batch
        bytes _call
        tuple _secrets
        Py_ssize_t _max_frame_bytes

    def __init__(self, Pump pump, Batch batch, ledger, Py_ssize_t max_frame_bytes, failed):
        """`ledger` numbers the records; `failed` is called when there is a bug in here."""
        self._way = SHUT
        self._seq_is_ours = False
        self._free[CALLER] = self._free[PROVIDER] = False
        self._batch = batch
        self._ledger = ledger
        self._call = ledger.call
        self._secrets = tuple(ledger.secrets)
        self._max_frame_bytes = max_frame_bytes
        self._failed = failed
        self.caller = End(self, pump, CALLER)
        self.provider = End(self, pump, PROVIDER)
        self.caller._other = self.provider
        self.provider._other = self.caller

    @property
    def way(self):
        return self._way

    @way.setter
    def way(self, int way):
        """Set after whatever Python did to the call: what was known of its legs is void."""
        self._way = way
        self._free[CALLER] = self._free[PROVIDER] = False

    cdef int part(self) except -1:
        """Both legs are lost. What refers to itself would wait for the garbage collector."""
        self._way = SHUT
        self._failed = None
        self.caller._other = self.provider._other = None
        self.caller = self.provider = None
        return 0

    def settle(self):
        """Let Python number the call's next record."""
        if self._seq_is_ours:
            self._ledger.seq = self._seq
            self._seq_is_ours = False


cdef class End(Source):
    """One leg: an `asyncio.BufferedProtocol` in front of the leg's picows protocol."""

    cdef:
        Lane _lane
        Pump _pump
        End _other
        int _leg
        int _fd        # that is read here; -1: the transport reads, or nobody
        SSLEngine _engine  # deciphers what is read here; None: nothing is to be deciphered
        bint _wanted   # by Python
        bint _reading
        bint _resting  # whole frames are kept: nothing is read before they had their turn
        bint _unread   # the kernel may have more of it, and will not say so again
        bint _held     # the engine may have more of it
        bint _ended    # by the peer, after what the kernel still has
        bint _queued   # for a turn
        object _transport
        object _write_to
        object _waiting_bytes
        object _wire
        object _feed
        # Read, and not yet the whole of a frame, or resting. NULL: nothing is.
        unsigned char* _kept
        Py_ssize_t _kept_bytes
        Py_ssize_t _room_bytes
        # Of the frame that picows is given, how much is to come.
        Py_ssize_t _feeding_bytes
        bint _in_message
        # Since `passed` was asked.
        Py_ssize_t _frames
        Py_ssize_t _bytes
        int64_t _at_ns
        # Of the run that is staged.
        Py_ssize_t _run_frames
        Py_ssize_t _run_bytes

    def __cinit__(self, Lane lane, Pump pump, int leg):
        self._lane = lane
        self._pump = pump
        self._leg = leg
        self._fd = -1
        self._kept = NULL

    def __dealloc__(self):
        free(self._kept)

    # --- from Python --------------------------------------------------------------------

    def open(self, transport, wire, feed):
        """Stand between `transport` and `wire`, which is at the beginning of a frame.

        `feed(wire, data)` has `wire` read `data`. Nothing is read before `resume_reading`.
        """
        transport.pause_reading()
        self._transport, self._wire, self._feed = transport, wire, feed
        self._write_to = transport.write
        self._waiting_bytes = transport.get_write_buffer_size
        engine = transport.get_extra_info("ssl_object")
        if engine is not None and _engine_is_known and isinstance(transport, SSLTransport_Socket):
            self._engine = engine
            # Of what the transport has read already.
            self._held = True
        if engine is None or self._engine is not None:
            self._fd = transport.get_extra_info("socket").fileno()
        transport.set_protocol(self)

    def pause_reading(self):
        """Read no more: TCP makes the peer wait. What was read and not yet looked at waits too."""
        self._wanted = False
        self._mind()

    def resume_reading(self):
        """Read, or read again."""
        self._wanted = True
        self._mind()

    def take(self, bytes data not None):
        """Read `data` as if it came from the socket, before all that does."""
        self._received(<unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    def passed(self):
        """Return frames, bytes and time of the last, ns, since this was asked; None: none."""
        if not self._frames:
            return None
        told = self._frames, self._bytes, self._at_ns
        self._frames = self._bytes = 0
        return told

    # --- from the transport -------------------------------------------------------------

    def is_buffered_protocol(self):
        return True

    def get_buffer(self, sizehint):
        """Return where a TLS transport may write what it has deciphered."""
        cdef Py_ssize_t room_bytes
        cdef unsigned char* at = self._where(&room_bytes)
        return PyMemoryView_FromMemory(<char*>at, room_bytes, PyBUF_WRITE)

    def buffer_updated(self, Py_ssize_t size_bytes):
        self._arrived(size_bytes)

    def eof_received(self):
        """The end of a TLS peer, which may come right after what it said before."""
        self._pump.python_ran = True
        while self._resting:
            self._wanted = True
            self._turn()
        return self._wire.eof_received()

    def connection_lost(self, exc):
        if self._reading and self._fd >= 0:
            self._pump.remove(self._fd)
        self._fd = -1
        self._engine = None
        self._wanted = self._reading = self._resting = self._held = False
        free(self._kept)
        self._kept = NULL
        self._kept_bytes = 0
        self._wire.connection_lost(exc)
        self._transport = self._write_to = self._waiting_bytes = self._wire = self._feed = None
        if self._other._wire is None:
            self._lane.part()

    def pause_writing(self):
        self._pump.python_ran = True
        self._wire.pause_writing()

    def resume_writing(self):
        self._pump.python_ran = True
        self._wire.resume_writing()

    # --- reading ------------------------------------------------------------------------

    cdef int readable(self, bint ended) except -1:
        cdef Py_ssize_t room_bytes
        cdef unsigned char* at
        cdef ssize_t count
        self._ended = self._ended or ended
        if self._held:
            self._decipher()
            if self._held or not self._reading or self._fd < 0:
                return self._queue()
        if self._engine is None:
            at = self._where(&room_bytes)
        else:
            self._engine.incoming_bio_get_write_buf(<char**>&at, &room_bytes)
        count = recv(self._fd, at, room_bytes, MSG_DONTWAIT)
        # Less than there was room for: that was all (epoll(7), question 9).
        self._unread = self._ended or count == room_bytes or (count < 0 and errno == EINTR)
        if count > 0 and self._engine is None:
            self._arrived(count)
        elif count > 0:
            self._engine.incoming_bio_produce(count)
            self._decipher()
        elif count == 0 or (errno != EAGAIN and errno != EINTR):
            # The end: the transport will see the same, and knows what to do.
            self._give_back()
        return self._queue()

    cdef int _decipher(self) except -1:
        """Handle what the engine makes of what was read, as long as that is wanted."""
        cdef Py_ssize_t room_bytes, count = 0
        cdef unsigned char* at
        cdef SSLError said = SSLError.SSL_ERROR_NONE
        self._held = False
        while self._reading and said == SSLError.SSL_ERROR_NONE:
            at = self._where(&room_bytes)
            try:
                said = self._engine.read(self._transport, <char*>at, room_bytes, &count)
            except Exception as exc:
                self._pump.python_ran = True
                if count:
                    self._arrived(count)
                if self._transport is not None:
                    self._transport._force_close(exc)
                return 0
            if count:
                self._arrived(count)
        if self._engine is None:
            return 0
        if not self._reading:
            self._held = True
        elif said != SSLError.SSL_ERROR_WANT_READ:
            # The peer's farewell: the transport will see the same.
            transport = self._transport
            self._give_back()
            transport._retry_ssl_read()
        elif self._engine.outgoing_bio_pending():
            # An answer of TLS itself.
            self._pump.python_ran = True
            self._transport._write_ready()
        return 0

    cdef int _give_back(self) except -1:
        """Have the transport read from now on, if that is wanted."""
        cdef bint enciphered = self._engine is not None
        self._pump.python_ran = True
        self._reading = self._held = False
        self._pump.remove(self._fd)
        self._fd = -1
        self._engine = None
        self._lane._free[self._leg] = False
        if enciphered and self._transport.is_closing():
            # It waits for a farewell, and would not read on.
            self._transport.abort()
        return self._mind()

    cdef int _mind(self) except -1:
        """Read or do not: as Python wants, and when nothing rests."""
        cdef bint reads = self._wanted and not self._resting
        self._queue()
        if reads == self._reading:
            return 0
        self._reading = reads
        # Whoever asks to be told again is told at once of what is there.
        self._unread = False
        if self._fd >= 0:
            self._pump.add(self._fd, self) if reads else self._pump.remove(self._fd)
        elif self._transport is not None:
            self._transport.resume_reading() if reads else self._transport.pause_reading()
        return 0

    cdef int _queue(self) except -1:
        """Wait for a turn, if there is something that nobody else would remind us of."""
        if not self._wanted or self._queued:
            return 0
        if self._resting or self._unread or self._held:
            self._queued = True
            self._pump.remind(self)
        return 0

    cdef int go_on(self) except -1:
        # With what rests, or with what was not read, or not deciphered.
        self._queued = False
        if self._wanted and self._resting:
            self._turn()
        elif self._reading and (self._unread or self._held) and self._fd >= 0:
            self.readable(False)
        return 0

    cdef int drop(self) except -1:
        if self._transport is not None:
            self._transport.abort()
        return 0

    cdef int _turn(self) except -1:
        self._resting = False
        return self._received(self._kept, self._kept_bytes)

    cdef unsigned char* _where(self, Py_ssize_t* room_bytes) except NULL:
        """Where to read to: behind what is kept, or into the buffer of all."""
        if self._kept is NULL and self._pump.busy:
            self._keep(NULL, 0, READ_BYTES)
        if self._kept is NULL:
            room_bytes[0] = READ_BYTES
            return self._pump.buffer
        if self._kept_bytes == self._room_bytes:
            self._keep(self._kept, self._kept_bytes, 2 * self._kept_bytes)
        room_bytes[0] = self._room_bytes - self._kept_bytes
        return self._kept + self._kept_bytes

    cdef int _arrived(self, Py_ssize_t size_bytes) except -1:
        """Handle what was read to `_where`."""
        if self._resting:
            # A TLS transport had that much left when it was told to read no more.
            self._kept_bytes += size_bytes
            return 0
        if self._kept is NULL:
            return self._received(self._pump.buffer, size_bytes)
        return self._received(self._kept, self._kept_bytes + size_bytes)

    cdef int _received(self, unsigned char* data, Py_ssize_t size_bytes) except -1:
        cdef bint was_busy = self._pump.busy
        self._pump.busy = True
        try:
            self._split(data, size_bytes)
        except Exception:
            # A bug of ours must end this call alone, not the process.
            self._lane._way = SHUT
            self._lane._failed()
        finally:
            self._pump.busy = was_busy
        return self._mind()

    cdef int _split(self, unsigned char* data, Py_ssize_t size_bytes) except -1:
        """Give each frame of `data` its way, in order; keep the beginning of the last."""
        cdef int64_t received_ns = monotonic_ns()
        cdef unsigned char* at = data
        cdef unsigned char* end = data + size_bytes
        cdef unsigned char* run = data
        cdef Frame frame
        cdef Py_ssize_t whole_bytes
        cdef int long_ways = 0
        while at < end:
            if self._feeding_bytes:
                at = run = self._fed(at, end)
                continue
            if long_ways == LONG_WAYS or not self._wanted:
                self._resting = True
                whole_bytes = end - at
                break
            frame = frame_at(at, end - at, self._leg == CALLER, self._lane._max_frame_bytes)
            whole_bytes = frame.header_bytes + frame.payload_bytes
            if frame.broken:
                # picows says why, and ends the call: all that follows is for it.
                whole_bytes = PY_SSIZE_T_MAX
            elif not frame.header_bytes:
                whole_bytes = MAX_HEADER_BYTES
                break
            elif frame.plain and end - at < whole_bytes <= KEPT_BYTES:
                break
            elif end - at >= whole_bytes and self._staged(at, frame, received_ns):
                at += whole_bytes
                continue
            self._handed(run, at, received_ns)
            run = at
            if (at[0] & 0x0F) < 8:
                self._in_message = not at[0] & 0x80
            self._feeding_bytes = whole_bytes
            long_ways += 1
        else:
            whole_bytes = 0
        self._handed(run, at, received_ns)
        self._keep(at, end - at, whole_bytes)
        return 0

    cdef unsigned char* _fed(self, unsigned char* at, unsigned char* end) except NULL:
        """Give picows what is here of its frame; return where that ends."""
        cdef Py_ssize_t size_bytes = min(self._feeding_bytes, <Py_ssize_t>(end - at))
        self._feeding_bytes -= size_bytes
        self._pump.python_ran = True
        self._lane.settle()
        self._feed(self._wire, PyMemoryView_FromMemory(<char*>at, size_bytes, PyBUF_READ))
        return at + size_bytes

    cdef int _keep(self, unsigned char* at, Py_ssize_t size_bytes, Py_ssize_t whole_bytes) except -1:
        """Keep `size_bytes` for later, with room for a frame of `whole_bytes`."""
        cdef unsigned char* fresh
        if not whole_bytes:
            free(self._kept)
            self._kept = NULL
            self._kept_bytes = 0
            return 0
        if self._kept is NULL or self._room_bytes < whole_bytes:
            fresh = <unsigned char*>malloc(whole_bytes + AHEAD_BYTES)
            if fresh is NULL:
                raise MemoryError
            if size_bytes:
                memcpy(fresh, at, size_bytes)
            free(self._kept)
            self._kept, self._room_bytes = fresh, whole_bytes + AHEAD_BYTES
        else:
            memmove(self._kept, at, size_bytes)
        self._kept_bytes = size_bytes
        return 0

    # --- the short way ------------------------------------------------------------------

    cdef bint _staged(
        self, const unsigned char* at, Frame frame, int64_t received_ns
    ) except *:
        """Put the frame into the journal, unfinished, if it may go the short way."""
        cdef Lane lane = self._lane
        cdef Py_ssize_t size_bytes = frame.payload_bytes
        cdef unsigned char* text
        cdef bint ascii_only
        if lane._way == SHUT or not frame.plain or self._in_message:
            return False
        text = lane._batch.room(size_bytes)
        if text is NULL:
            return False
        if self._leg == CALLER:
            ascii_only = unmasked_ascii(
                text, at + frame.header_bytes, size_bytes, at + frame.header_bytes - 4
            )
        else:
            ascii_only = copied_ascii(text, at + frame.header_bytes, size_bytes)
        if not ascii_only and not is_utf8(text, size_bytes):
            return False
        if self._special(text, size_bytes):
            return False
        if not lane._seq_is_ours:
            lane._seq = lane._ledger.seq
            lane._seq_is_ours = True
        lane._batch.stage(
            FRAME, <unsigned char*>PyBytes_AS_STRING(lane._call), lane._seq, self._leg, 0,
            received_ns, size_bytes,
        )
        lane._seq += 1
        self._run_frames += 1
        self._run_bytes += size_bytes
        return True

    cdef bint _special(self, const unsigned char* text, Py_ssize_t size_bytes) except *:
        """Whether somebody must look at this frame: see `core.py` and `ledger.py`."""
        cdef bytes secret
        if self._leg == CALLER:
            return self._lane._way == WATCHED and is_marked(text, size_bytes)
        if size_bytes <= _MAX_QUOTE_BYTES:
            for secret in self._lane._secrets:
                if memmem(text, size_bytes, PyBytes_AS_STRING(secret), PyBytes_GET_SIZE(secret)):
                    return True
        return False

    cdef int _handed(
        self, const unsigned char* run, const unsigned char* end, int64_t received_ns
    ) except -1:
        """Send the run of staged frames, which ends at `end`, as it was read; then record it."""
        cdef int64_t handed_ns
        if not self._run_frames:
            return 0
        self._other._write(run, end - run)
        handed_ns = monotonic_ns()
        self._lane._batch.commit(handed_ns)
        self._pump.count(self._leg, self._run_frames, self._run_bytes, handed_ns - received_ns)
        self._frames += self._run_frames
        self._bytes += self._run_bytes
        self._at_ns = received_ns
        self._run_frames = self._run_bytes = 0
        if self._frames >= MANY_FRAMES or self._bytes >= MANY_BYTES:
            self._lane.pressed = True
        return 0

    cdef int _write(self, const unsigned char* data, Py_ssize_t size_bytes) except -1:
        """Write to this leg, behind whatever waits for it already."""
        cdef ssize_t sent = 0
        cdef bint* clear = &self._lane._free[self._leg]
        if self._fd >= 0 and (clear[0] or self._is_clear()):
            clear[0] = True
            if self._engine is None:
                sent = send(self._fd, data, size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL)
            else:
                sent = self._encipher(data, size_bytes)
            if sent == size_bytes:
                return 0
            # It is full, or it failed: then the transport will fail too, and knows what to do.
            clear[0] = False
            sent = max(sent, 0)
        self._pump.python_ran = True
        self._lane.settle()
        self._write_to(PyMemoryView_FromMemory(<char*>data + sent, size_bytes - sent, PyBUF_READ))
        if <Py_ssize_t>self._waiting_bytes():
            self._lane.pressed = True
        return 0

    cdef bint _is_clear(self) except *:
        """Whether nothing waits in the transport, before which nothing may be sent."""
        if <Py_ssize_t>self._waiting_bytes():
            return False
        return self._engine is None or not self._transport.is_closing()

    cdef Py_ssize_t _encipher(self, const unsigned char* data, Py_ssize_t size_bytes) except -1:
        """Send `data`; return how much of it the transport need not be given any more."""
        cdef Py_ssize_t taken = 0, count = 0, enciphered_bytes
        cdef ssize_t sent
        cdef char* enciphered
        cdef SSLError said = SSLError.SSL_ERROR_WANT_WRITE
        while said == SSLError.SSL_ERROR_WANT_WRITE and taken < size_bytes:
            try:
                said = self._engine.write(
                    self._transport, <char*>data + taken, size_bytes - taken, &count
                )
            except Exception:
                # The transport will see the same, and knows what to do.
                break
            taken += count
            enciphered_bytes = self._engine.outgoing_bio_get_data(&enciphered)
            sent = send(self._fd, enciphered, enciphered_bytes, MSG_DONTWAIT | MSG_NOSIGNAL)
            if sent > 0:
                self._engine.outgoing_bio_consume(sent)
            if sent < enciphered_bytes:
                # The transport waits until the socket takes the rest of it.
                self._lane._free[self._leg] = False
                self._lane.pressed = self._pump.python_ran = True
                self._transport._write_ready()
                break
        return taken


cdef bint is_marked(const unsigned char* text, Py_ssize_t size_bytes) noexcept:
    """Whether `text` may be a session update: the same as `core.is_marked`."""
    cdef Py_ssize_t within = min(size_bytes, _MARK_WITHIN_BYTES)
    cdef const char* mark = PyBytes_AS_STRING(_MARK)
    cdef Py_ssize_t mark_bytes = PyBytes_GET_SIZE(_MARK)
    return (
        memmem(text, within, mark, mark_bytes) is not NULL
        or memmem(text + size_bytes - within, within, mark, mark_bytes) is not NULL
    )


cdef bint is_utf8(const unsigned char* text, Py_ssize_t size_bytes):
    try:
        PyUnicode_DecodeUTF8(<const char*>text, size_bytes, NULL)
    except UnicodeDecodeError:
        return False
    return True
