# cython: language_level=3, boundscheck=False, wraparound=False
"""I/O. Waits for all sockets of a gateway's process, and has those of calls read.

    asyncio ─▶ PumpSelector ─▶ Pump ─▶ Source (an end of a call, `_lane.pyx`)
"""

from libc.errno cimport errno
from libc.stdint cimport INT64_MAX, int64_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

import os

import structlog

from trunkline.journal.record import Leg

cdef extern from "<sys/epoll.h>" nogil:
    ctypedef union epoll_data_t:
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_ctl(int epfd, int op, int fd, epoll_event* event)
    int epoll_create1(int flags)
    int epoll_wait(int epfd, epoll_event* events, int maxevents, int timeout)
    enum:
        EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLET
        EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLL_CLOEXEC

cdef extern from "<sys/timerfd.h>" nogil:
    struct itimerspec:
        timespec it_value
    int timerfd_create(int clock, int flags)
    int timerfd_settime(int fd, int flags, const itimerspec* fresh, itimerspec* before)
    enum:
        TFD_TIMER_ABSTIME, TFD_CLOEXEC, TFD_NONBLOCK

cdef enum:
    READY = 64  # sockets that are asked for at once
    ALARM_SLACK_NS = 100_000  # so much later is not too late: the alarm is not set anew

log = structlog.get_logger("trunkline.relay")

cdef int64_t NEVER_NS = INT64_MAX
cdef int CALLER = Leg.CALLER
cdef int PROVIDER = Leg.PROVIDER


cdef class Source:
    """Something whose socket the pump watches."""

    cdef int readable(self, bint ended) except -1:
        """Read once. `ended`: the peer says no more after what is there."""
        raise NotImplementedError

    cdef int go_on(self) except -1:
        """Have the turn of which the pump was to remind it."""
        raise NotImplementedError

    cdef int drop(self) except -1:
        """End the connection: there is a bug in the above."""
        raise NotImplementedError


cdef class Pump:
    """Waits for all sockets of this process, reads those of calls, and counts what went on.

    The event loop waits in here (`selector.py`). It is left only for what is Python's: while
    frames go the short way, nothing but this code, a TLS engine's and the kernel's runs.
    """

    def __cinit__(self):
        self._slots = NULL
        self._sources = []
        self._resting = []
        self.busy = False
        memset(self._frames, 0, sizeof(self._frames))
        memset(self._bytes, 0, sizeof(self._bytes))
        memset(self._relay_ns, 0, sizeof(self._relay_ns))
        self._alarm_ns = NEVER_NS
        self._epoll = epoll_create1(EPOLL_CLOEXEC)
        self._alarm = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)
        self.buffer = <unsigned char*>malloc(READ_BYTES)
        if self._epoll < 0 or self._alarm < 0 or self.buffer is NULL or self._watch_alarm() < 0:
            raise OSError(errno, "the pump cannot be made")

    def __dealloc__(self):
        free(self.buffer)
        free(self._slots)
        for fd in (self._epoll, self._alarm):
            if fd >= 0:
                os.close(fd)

    def want(self, int fd, bint read, bint write):
        """Have `wait` return `fd` when it can be read, or written, or neither any more."""
        self._reach(fd)
        self._slots[fd].wanted = (EPOLLIN if read else 0) | (EPOLLOUT if write else 0)
        self._register(fd)

    def wait(self, timeout_s):
        """Return (fd, may be read, may be written) of what is wanted, once there is any.

        After `timeout_s` at the latest, None: never; and after frames that had to go the
        long way, since what Python has been told may have left something for it to do.
        """
        cdef epoll_event ready[READY]
        cdef bint over = False
        cdef int timeout_ms, count, number, fd
        cdef uint32_t events
        cdef Source source
        cdef list wanted = [], resting
        self.python_ran = False
        if timeout_s is not None:
            over = timeout_s <= 0
            if not over:
                self._set_alarm(monotonic_ns() + <int64_t>(timeout_s * 1e9))
        while True:
            timeout_ms = 0 if over or self._resting else -1
            with nogil:
                count = epoll_wait(self._epoll, ready, READY, timeout_ms)
            for number in range(count):
                fd, events = ready[number].data.fd, ready[number].events
                if fd == self._alarm:
                    # Perhaps too early, for somebody who was called off: then it is set again.
                    self._alarm_ns = NEVER_NS
                    over = True
                    continue
                source = self._sources[fd]
                if source is not None and events & ~<uint32_t>EPOLLOUT:
                    try:
                        source.readable(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                    except Exception:
                        self._failed(source)
                if self._slots[fd].wanted and events:
                    wanted.append((fd, events & ~<uint32_t>EPOLLOUT, events & ~<uint32_t>EPOLLIN))
            if self._resting:
                resting, self._resting = self._resting, []
                for source in resting:
                    try:
                        source.go_on()
                    except Exception:
                        self._failed(source)
            over = over or timeout_ms == 0 or count < 0
            if wanted or self.python_ran or over:
                return wanted

    def drain(self, meter):
        """Add to `meter` what has gone on since the last time."""
        for leg in (CALLER, PROVIDER):
            if not self._relay_ns[leg]:
                continue
            meter.bytes[leg] += self._bytes[leg]
            meter.relay_ns[leg] += self._relay_ns[leg]
            buckets = meter.relay[leg]
            for bits in range(BUCKETS):
                if self._frames[leg][bits]:
                    buckets[bits] += self._frames[leg][bits]
            memset(self._frames[<int>leg], 0, sizeof(self._frames[0]))
            self._bytes[leg] = self._relay_ns[leg] = 0

    cdef int add(self, int fd, Source source) except -1:
        """Have `source` read when `fd` can be."""
        self._reach(fd)
        self._sources[fd] = source
        return self._register(fd)

    cdef int remove(self, int fd) except -1:
        """Have nobody read `fd`."""
        self._sources[fd] = None
        return self._register(fd)

    cdef int remind(self, Source source) except -1:
        """Have `source` go on, when all others had their turn."""
        self._resting.append(source)
        return 0

    cdef int _failed(self, Source source) except -1:
        """Go on after a bug, as the event loop would: it must not end every call of the process."""
        self.python_ran = True
        log.exception("a connection failed")
        source.drop()
        return 0

    cdef int _watch_alarm(self) noexcept:
        # Told once of each time that it goes off: it need not be read.
        cdef epoll_event event
        event.events = EPOLLIN | EPOLLET
        event.data.fd = self._alarm
        return epoll_ctl(self._epoll, EPOLL_CTL_ADD, self._alarm, &event)

    cdef int _set_alarm(self, int64_t deadline_ns) except -1:
        """Have `wait` return at `deadline_ns`, or soon after it.

        With a timeout of `epoll_wait` the kernel would set its clock, and set it back, with
        every frame, which took a twelfth of what a frame takes on a virtual machine.
        """
        cdef itimerspec alarm
        if deadline_ns > self._alarm_ns - ALARM_SLACK_NS:
            return 0
        memset(&alarm, 0, sizeof(alarm))
        alarm.it_value.tv_sec = deadline_ns // 1_000_000_000
        alarm.it_value.tv_nsec = deadline_ns % 1_000_000_000
        if timerfd_settime(self._alarm, TFD_TIMER_ABSTIME, &alarm, NULL) < 0:
            raise OSError(errno, os.strerror(errno))
        self._alarm_ns = deadline_ns
        return 0

    cdef int _reach(self, int fd) except -1:
        """Have a place for `fd`."""
        cdef Py_ssize_t places = len(self._sources)
        cdef Py_ssize_t wanted = max(fd + 1, 2 * places)
        if fd < places:
            return 0
        cdef Slot* slots = <Slot*>realloc(self._slots, wanted * sizeof(Slot))
        if slots is NULL:
            raise MemoryError
        memset(slots + places, 0, (wanted - places) * sizeof(Slot))
        self._slots = slots
        self._sources.extend([None] * (wanted - places))
        return 0

    cdef int _register(self, int fd) except -1:
        """Tell the kernel what is wanted of `fd` now, by Python and by its source."""
        cdef epoll_event event
        cdef Slot* slot = &self._slots[fd]
        cdef int how = EPOLL_CTL_MOD
        event.events = slot.wanted
        if self._sources[fd] is not None:
            # Told once of what has come: else the kernel would look after every frame whether
            # there is more. Python's way to write may rely on being told again.
            event.events |= EPOLLIN | EPOLLRDHUP | (0 if slot.wanted else <uint32_t>EPOLLET)
        event.data.fd = fd
        if event.events == slot.registered:
            return 0
        if not event.events:
            how = EPOLL_CTL_DEL
        elif not slot.registered:
            how = EPOLL_CTL_ADD
        slot.registered = event.events
        # A socket that was closed is not there any more, which is as well.
        if epoll_ctl(self._epoll, how, fd, &event) < 0 and how != EPOLL_CTL_DEL:
            slot.registered = 0
            raise OSError(errno, os.strerror(errno))
        return 0

    cdef void count(
        self, int leg, Py_ssize_t frames, Py_ssize_t size_bytes, int64_t relay_ns
    ) noexcept:
        """Remember `frames` of one leg, of which each took `relay_ns`."""
        cdef int bits = 0
        cdef int64_t rest = relay_ns
        while rest:
            rest >>= 1
            bits += 1
        self._frames[leg][bits] += frames
        self._bytes[leg] += size_bytes
        self._relay_ns[leg] += relay_ns * frames
