"""Trunkline carries, records and shows realtime voice calls."""

import sys
from importlib import import_module

__version__ = "0.1.0"

if "rich" not in sys.modules:
    # structlog loads rich where it is installed, for tracebacks in colours. We show none, and
    # it would take 6 MB of every process.
    sys.modules["rich"] = None  # pyright: ignore[reportArgumentType] how an import is made to fail
    import_module("structlog.dev")
    del sys.modules["rich"]
