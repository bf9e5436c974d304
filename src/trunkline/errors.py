"""Who has to act when something is wrong.

    TrunklineError
     ├── OperatorError   whoever runs Trunkline: one clear line, exit 2
     └── PeerError       the other end of a leg: close that leg, carry on

Anything else that is raised is a bug of ours: logged with its traceback, the
call is closed, the process goes on.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator


class TrunklineError(Exception):
    """Root of every error that Trunkline raises on purpose."""


class OperatorError(TrunklineError):
    """A setting, a path or a port is wrong. The message says which, and what to do."""


class PeerError(TrunklineError):
    """The other end of a leg broke the rules."""

    close_code = 1008
    """WebSocket close code to answer with (RFC 6455, 7.4.1)."""


@contextlib.contextmanager
def told_in_a_line() -> Generator[None]:
    """End the process as a command ends: an operator's mistake is one line, and exit 2."""
    try:
        yield
    except OperatorError as exc:
        sys.stderr.write(f"trunkline: {exc}\n")
        raise SystemExit(2) from exc
    except KeyboardInterrupt:
        raise SystemExit(130) from None
