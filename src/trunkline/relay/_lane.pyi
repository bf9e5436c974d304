import asyncio
from collections.abc import Callable, Sized

from trunkline.journal._batch import Batch
from trunkline.relay.ledger import Ledger
from trunkline.relay.meter import Meter
from trunkline.relay.wire import Wire

class Pump:
    def want(self, fd: int, read: bool, write: bool) -> None: ...
    def serve(self, due: Sized) -> None: ...
    def wait(self, timeout_s: float | None) -> list[tuple[int, int, int]]: ...
    def drain(self, meter: Meter) -> None: ...

class End(asyncio.BufferedProtocol):
    def open(
        self,
        transport: asyncio.Transport,
        wire: Wire,
        feed: Callable[[Wire, bytes | memoryview], None],
    ) -> None: ...
    def take(self, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def passed(self) -> tuple[int, int, int] | None: ...

class Lane:
    way: int
    pressed: bool
    """Something may wait to be written, or much has passed: set in here, taken back by whoever
    has looked."""
    @property
    def caller(self) -> End: ...
    @property
    def provider(self) -> End: ...
    def settle(self) -> None: ...
    def __init__(
        self,
        pump: Pump,
        batch: Batch,
        ledger: Ledger,
        max_frame_bytes: int,
        failed: Callable[[], None],
    ) -> None: ...
