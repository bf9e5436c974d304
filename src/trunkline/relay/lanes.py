"""I/O. The short ways of a gateway process's calls.

`_lane.pyx` has the reason and the rules. Importing this fails where it was not compiled;
then every frame goes through picows.
"""

from __future__ import annotations

from collections.abc import Callable

from trunkline.journal._batch import Batch
from trunkline.relay._lane import Lane
from trunkline.relay._pump import Pump
from trunkline.relay.ledger import Ledger
from trunkline.relay.meter import Meter


class Lanes:
    """Opened once per process; reads the sockets of all its calls."""

    def __init__(self, batch: Batch, pump: Pump) -> None:
        """`batch` is the journal's, `pump` that of the running loop."""
        self._batch = batch
        self._pump = pump

    def lane(self, ledger: Ledger, max_frame_bytes: int, failed: Callable[[], None]) -> Lane:
        """Return a way for the call of `ledger`; `failed` is called on a bug, within `except`."""
        return Lane(self._pump, self._batch, ledger, max_frame_bytes, failed)

    def drain(self, meter: Meter) -> None:
        """Add to `meter` what has gone the short way since the last time."""
        self._pump.drain(meter)
