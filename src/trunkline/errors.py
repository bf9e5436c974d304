"""Who has to act when something is wrong.

    TrunklineError
     ├── OperatorError   whoever runs Trunkline: one clear line, exit 2
     └── PeerError       the other end of a leg: close that leg, carry on

Anything else that is raised is a bug of ours: logged with its traceback, the
call is closed, the process goes on.
"""

from __future__ import annotations


class TrunklineError(Exception):
    """Root of every error that Trunkline raises on purpose."""


class OperatorError(TrunklineError):
    """A setting, a path or a port is wrong. The message says which, and what to do."""


class PeerError(TrunklineError):
    """The other end of a leg broke the rules."""

    close_code = 1008
    """WebSocket close code to answer with (RFC 6455, 7.4.1)."""
