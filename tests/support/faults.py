"""Lies that are told to whole processes: what the time is, and that the disk failed a sync.

A small library (`faults.c`) is loaded before the C library of the processes. It needs a C
compiler, as Trunkline's own compiled parts do, and Linux.
"""

from __future__ import annotations

import mmap
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")
WALL_NS, FAILING, FAILED, REPEATED = range(4)
"""The words that are shared, in their order."""


class Faults:
    """What processes started with `environment` are told from now on."""

    def __init__(self, directory: Path) -> None:
        """Skips the test where no compiler is."""
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler")
        library, words = directory / "faults.so", directory / "faults"
        made = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(SOURCE)]
        subprocess.run(made, check=True)
        words.write_bytes(bytes(mmap.PAGESIZE))
        with words.open("r+b") as file:
            self._words = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
        self.environment = {"LD_PRELOAD": str(library), "TESTS_FAULTS": str(words)}

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward, or back."""
        self._words[WALL_NS] += round(seconds * 1e9)

    def fail_syncs(self, failing: bool) -> None:
        """Have every sync of a journal or a spool fail, or work again."""
        self._words[FAILING] = failing

    @property
    def failed_syncs(self) -> int:
        return self._words[FAILED]

    @property
    def repeated_syncs(self) -> int:
        """Syncs of a file whose sync had failed: the kernel may say of it what is not so."""
        return self._words[REPEATED]
