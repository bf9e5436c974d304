# cython: language_level=3
from libc.stdint cimport int64_t, uint32_t

cdef extern from "<time.h>" nogil:
    struct timespec:
        int64_t tv_sec
        int64_t tv_nsec
    int clock_gettime(int clock, timespec* now)
    enum: CLOCK_MONOTONIC

cdef enum:
    READ_BYTES = 256 * 1024  # at once, from one socket; then it is the next one's turn
    BUCKETS = 64             # as in `meter.py`


cdef inline int64_t monotonic_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1_000_000_000 + now.tv_nsec


cdef struct Slot:
    uint32_t wanted      # by Python: EPOLLIN, EPOLLOUT or both
    uint32_t registered  # with the kernel


cdef class Source:
    cdef int readable(self, bint ended) except -1
    cdef int go_on(self) except -1
    cdef int drop(self) except -1


cdef class Pump:
    cdef:
        unsigned char* buffer  # of READ_BYTES, for whoever reads; what is left in it is lost
        bint busy              # something in it is being handled
        bint python_ran        # the loop may have something to do
        int _epoll
        int _alarm         # a timer of the kernel, with which the event loop is called back
        int64_t _alarm_ns  # for when it is set
        Slot* _slots
        list _sources
        list _resting
        int64_t _frames[3][BUCKETS]
        int64_t _bytes[3]
        int64_t _relay_ns[3]

    cdef int add(self, int fd, Source source) except -1
    cdef int remove(self, int fd) except -1
    cdef int remind(self, Source source) except -1
    cdef int _failed(self, Source source) except -1
    cdef int _watch_alarm(self) noexcept
    cdef int _set_alarm(self, int64_t deadline_ns) except -1
    cdef int _reach(self, int fd) except -1
    cdef int _register(self, int fd) except -1
    cdef void count(
        self, int leg, Py_ssize_t frames, Py_ssize_t size_bytes, int64_t relay_ns
    ) noexcept
