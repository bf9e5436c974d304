import asyncio
from collections.abc import Callable

from trunkline.journal._batch import Batch
from trunkline.relay._pump import Pump
from trunkline.relay.ledger import Ledger
from trunkline.relay.wire import Wire

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
