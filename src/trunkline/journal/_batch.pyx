# cython: language_level=3, boundscheck=False, wraparound=False
"""Pure. `batch.py` in C: the same records, in the same bytes.

Beside `add`, for records that Python makes, there is a way in two steps for frames that
only compiled code has seen: `room` says where the payload goes, `stage` writes the header
in front of it, and `commit` finishes all that is staged once it is known when the frames
were handed on. What is staged and not committed is not there.

Layout: `record.py`, of which `VERSION`, `HEADER` and `CRC` are repeated here; importing
this module fails when they are not the same.
"""

from cpython.buffer cimport PyBUF_READ, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from os import fsencode

from isal import isal_zlib

from trunkline.journal import record

cdef extern from "<dlfcn.h>" nogil:
    void* dlopen(const char* path, int flags)
    void* dlsym(void* library, const char* name)
    enum: RTLD_NOW, RTLD_NOLOAD

ctypedef uint32_t (*Crc)(uint32_t seed, const unsigned char* data, uint64_t size_bytes) noexcept nogil

cdef packed struct Header:
    uint32_t length
    uint8_t version
    uint8_t kind
    uint8_t leg
    uint8_t flags
    unsigned char call[16]
    uint32_t seq
    int64_t received_ns
    int64_t handed_ns

cdef enum:
    VERSION = 1
    CALL_BYTES = 16
    CRC_BYTES = 4
    HEADER_BYTES = 44
    OVERHEAD_BYTES = 48

cdef Header _probe
_probe.length = 1
if (
    sizeof(Header) != HEADER_BYTES
    or record.VERSION != VERSION
    or record.HEADER.size != HEADER_BYTES
    or record.CRC.size != CRC_BYTES
    or (<unsigned char*>&_probe)[0] != 1
):
    raise ImportError("compiled for another record layout, or for another byte order")

# ISA-L's own function, where its module shows it: Python's way to it takes as long as the sum.
cdef bytes _isal = fsencode(isal_zlib.__file__)
cdef Crc _crc32 = <Crc>dlsym(dlopen(_isal, RTLD_NOW | RTLD_NOLOAD), "crc32_gzip_refl")
if _crc32 is not NULL and _crc32(0, b"123456789", 9) != 0xCBF43926:
    _crc32 = NULL


cdef uint32_t crc32_of(const unsigned char* data, Py_ssize_t size_bytes) except? 0:
    """CRC-32 as in `record.py`."""
    if _crc32 is not NULL:
        return _crc32(0, data, size_bytes)
    return isal_zlib.crc32(PyMemoryView_FromMemory(<char*>data, size_bytes, PyBUF_READ))


cdef class Batch:
    """Whole records, one after the other."""

    def __cinit__(self, Py_ssize_t size_bytes):
        self._hold(memoryview(bytearray(size_bytes)))

    @property
    def used(self):
        """Bytes of `view` that are filled."""
        return self._used

    def add(
        self,
        int kind,
        bytes call not None,
        uint32_t seq,
        int leg,
        int flags,
        int64_t received_ns,
        int64_t handed_ns,
        const unsigned char[:] payload,
    ):
        """Copy a record to the end; False, and nothing done, when there is no room for it."""
        cdef Py_ssize_t payload_bytes = payload.shape[0]
        if PyBytes_GET_SIZE(call) != CALL_BYTES:
            raise ValueError("a call's id has 16 bytes")
        self._settle()
        if self._used + OVERHEAD_BYTES + payload_bytes > self._size_bytes:
            return False
        if payload_bytes:
            memcpy(self._start + self._used + HEADER_BYTES, &payload[0], payload_bytes)
        self.stage(
            kind, <unsigned char*>PyBytes_AS_STRING(call), seq, leg, flags, received_ns,
            payload_bytes,
        )
        self.commit(handed_ns)
        return True

    def swap(self, view not None):
        """Return what was filled, and go on at the beginning of `view`."""
        self._settle()
        filled = self.view[: self._used]
        self._hold(view)
        return filled

    cdef int _settle(self) except -1:
        """Finish what is staged before something else is added: nobody came back for it."""
        if self._staged != self._used:
            self.commit(0)
        return 0

    cdef void _hold(self, object view) except *:
        cdef Py_buffer buffer
        PyObject_GetBuffer(view, &buffer, PyBUF_WRITABLE)
        # The bytes stay where they are for as long as `view` lives. An export of our own
        # would make Python's garbage collector stumble over it at the process's end.
        PyBuffer_Release(&buffer)
        self.view = view
        self._start = <unsigned char*>buffer.buf
        self._size_bytes = buffer.len
        self._used = self._staged = self._staged_records = 0

    cdef unsigned char* room(self, Py_ssize_t payload_bytes) noexcept:
        """Where the payload of the next record goes; NULL: use the slow way."""
        if self.shut or self._staged + OVERHEAD_BYTES + payload_bytes > self._size_bytes:
            return NULL
        return self._start + self._staged + HEADER_BYTES

    cdef void stage(
        self,
        int kind,
        const unsigned char* call,
        uint32_t seq,
        int leg,
        int flags,
        int64_t received_ns,
        Py_ssize_t payload_bytes,
    ) noexcept:
        """Write the header of the payload that is where `room` said."""
        cdef Header* header = <Header*>(self._start + self._staged)
        header.length = <uint32_t>(OVERHEAD_BYTES + payload_bytes)
        header.version = VERSION
        header.kind = kind
        header.leg = leg
        header.flags = flags
        memcpy(header.call, call, CALL_BYTES)
        header.seq = seq
        header.received_ns = received_ns
        header.handed_ns = 0
        self._staged += OVERHEAD_BYTES + payload_bytes
        self._staged_records += 1

    cdef int commit(self, int64_t handed_ns) except -1:
        """Finish what is staged: all of it was handed on at `handed_ns`."""
        cdef unsigned char* at = self._start + self._used
        cdef unsigned char* end = self._start + self._staged
        cdef Header* header
        cdef Py_ssize_t body_bytes
        cdef uint32_t crc
        while at < end:
            header = <Header*>at
            header.handed_ns = handed_ns
            body_bytes = header.length - CRC_BYTES
            crc = crc32_of(at, body_bytes)
            memcpy(at + body_bytes, &crc, CRC_BYTES)
            at += header.length
        self.records += self._staged_records
        self._used = self._staged
        self._staged_records = 0
        return 0
