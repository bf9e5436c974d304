"""I/O. The memory of a gateway process, once it is ready to take calls."""

from __future__ import annotations

import ctypes
import gc


def settle() -> None:
    """Give back what starting has left, and never look through the rest again.

    What is imported stays for ever: the garbage collector would go through 50,000 objects
    of it to find those of a call. The C library keeps freed memory until it is asked; where
    it is another one than glibc, it is not asked.
    """
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
