class Batch:
    view: memoryview
    shut: bool
    def __init__(self, size_bytes: int) -> None: ...
    @property
    def used(self) -> int: ...
    @property
    def records(self) -> int: ...
    def add(
        self,
        kind: int,
        call: bytes,
        seq: int,
        leg: int,
        flags: int,
        received_ns: int,
        handed_ns: int,
        payload: bytes | bytearray | memoryview,
    ) -> bool: ...
    def swap(self, view: memoryview) -> memoryview: ...
