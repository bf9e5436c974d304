# cython: language_level=3
"""Pure. A frame as it lies in memory (RFC 6455, 5.2): where it ends, and its payload."""

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #define _GNU_SOURCE
    #include <string.h>
    void* memmem(const void*, size_t, const void*, size_t);

    /* Copy, and say whether all of it is ASCII. Loops that compilers turn into SIMD. */
    static int copied_ascii(unsigned char* restrict to, const unsigned char* restrict from,
                            size_t size) {
        uint64_t word, high = 0;
        size_t at = 0;
        for (; at + 8 <= size; at += 8) {
            memcpy(&word, from + at, 8);
            high |= word;
            memcpy(to + at, &word, 8);
        }
        for (; at < size; at++) high |= to[at] = from[at];
        return !(high & 0x8080808080808080u);
    }

    static int unmasked_ascii(unsigned char* restrict to, const unsigned char* restrict from,
                              size_t size, const unsigned char* mask) {
        uint64_t word, high = 0, key;
        size_t at = 0;
        memcpy(&key, mask, 4);
        memcpy((char*)&key + 4, mask, 4);
        for (; at + 8 <= size; at += 8) {
            memcpy(&word, from + at, 8);
            word ^= key;
            high |= word;
            memcpy(to + at, &word, 8);
        }
        for (; at < size; at++) high |= to[at] = from[at] ^ mask[at & 3];
        return !(high & 0x8080808080808080u);
    }
    """
    void* memmem(const void* hay, size_t hay_size, const void* needle, size_t size) nogil
    bint copied_ascii(unsigned char* to, const unsigned char* source, size_t size) nogil
    bint unmasked_ascii(
        unsigned char* to, const unsigned char* source, size_t size, const unsigned char* mask
    ) nogil

cdef enum:
    WHOLE_TEXT = 0x81        # FIN, opcode 1, no reserved bits
    MAX_HEADER_BYTES = 14


cdef struct Frame:
    Py_ssize_t header_bytes  # 0: not all of the header is here
    Py_ssize_t payload_bytes
    bint plain               # a whole text message
    bint broken              # no frame that a peer may send, and how it goes on is unknown


cdef inline Frame frame_at(
    const unsigned char* at, Py_ssize_t here_bytes, bint masked, Py_ssize_t max_frame_bytes
) noexcept nogil:
    """Read the header of the frame that begins at `at`, as far as it is here."""
    cdef Frame frame
    cdef uint64_t length, least = 0
    cdef Py_ssize_t header_bytes = 2
    cdef int byte
    frame.header_bytes = frame.payload_bytes = 0
    frame.plain = frame.broken = False
    if here_bytes < 2:
        return frame
    frame.broken = (at[1] >> 7) != masked
    length = at[1] & 0x7F
    if length == 126:
        header_bytes, least = 4, 126
    elif length == 127:
        header_bytes, least = 10, 65536
    if here_bytes < header_bytes:
        return frame
    if least:
        length = 0
        for byte in range(2, <int>header_bytes):
            length = length << 8 | at[byte]
        frame.broken = frame.broken or length < least or length > <uint64_t>max_frame_bytes
    header_bytes += 4 if masked else 0
    if here_bytes < header_bytes or frame.broken:
        return frame
    frame.header_bytes = header_bytes
    frame.payload_bytes = <Py_ssize_t>length
    frame.plain = at[0] == WHOLE_TEXT
    return frame
