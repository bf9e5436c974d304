# cython: language_level=3
from libc.stdint cimport int64_t, uint32_t


cdef class Batch:
    cdef:
        readonly object view
        public bint shut
        readonly Py_ssize_t records
        unsigned char* _start
        Py_ssize_t _size_bytes
        Py_ssize_t _used
        Py_ssize_t _staged
        Py_ssize_t _staged_records

    cdef unsigned char* room(self, Py_ssize_t payload_bytes) noexcept
    cdef void stage(
        self,
        int kind,
        const unsigned char* call,
        uint32_t seq,
        int leg,
        int flags,
        int64_t received_ns,
        Py_ssize_t payload_bytes,
    ) noexcept
    cdef int commit(self, int64_t handed_ns) except -1
    cdef int _settle(self) except -1
    cdef void _hold(self, object view) except *
