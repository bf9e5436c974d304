"""I/O. The memory of a process that stays, once it is ready to work."""

from __future__ import annotations

import ctypes
import gc


def begin() -> None:
    """Look for no garbage until `settle`: what starting makes is kept.

    For who imports much: a fifth of the server's start was to go through it again and again.
    """
    gc.disable()


def settle() -> None:
    """Give back what starting has left, and never look through the rest again.

    What is imported stays for ever: the garbage collector would go through 50,000 objects
    of it, in the server 180,000, to find those of a call. The C library keeps freed memory
    until it is asked; where it is another one than glibc, it is not asked.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
