"""I/O. A journal full of conversations, as a gateway would have written it."""

import os
from collections.abc import Iterable
from pathlib import Path

from tests.support import speech

from bench import conversation
from trunkline.journal import lock
from trunkline.journal.record import (
    SEGMENT_BYTES,
    Record,
    SegmentHeader,
    encode,
    encode_segment_header,
)
from trunkline.journal.segments import segment_path

WALL_NS = 1_795_000_000_000_000_000
OPENED_NS = 5_000_000_000
DIFFERENT = 8
"""Conversations; of more calls, some say the same at the same time."""


def voices() -> conversation.Voices:
    """Return the test speech."""
    caller = ("cards", "amiable", "young_man", "go_forward")
    assistant = ("selfish", "dashwood", "amiable", "cards")
    # A turn has twelve seconds.
    return conversation.Voices(
        tuple(speech.load(name) for name in caller),
        tuple(speech.load(name)[: 6_000 * conversation.BYTES_PER_MS] for name in assistant),
    )


def calls(count: int, seconds: int) -> list[list[Record]]:
    """Return the records of `count` calls that all begin at the same time."""
    said = voices()
    different = [
        conversation.frames(number, seconds, said) for number in range(min(count, DIFFERENT))
    ]
    return [
        conversation.call(
            number, different[number % DIFFERENT], OPENED_NS, WALL_NS + number * 1_000_000
        )
        for number in range(count)
    ]


def interleaved(of_calls: Iterable[list[Record]]) -> list[Record]:
    """Return the records of several calls in the order of their times."""
    return sorted(
        (record for records in of_calls for record in records),
        key=lambda record: record.received_ns,
    )


class Journal:
    """One gateway's directory, held as by a gateway that lives."""

    def __init__(self, data: Path, name: str = "gateway-0") -> None:
        self.directory = data / "journal" / name
        self.directory.mkdir(parents=True)
        self._lock = lock.hold(self.directory)
        self._number = 0
        self._size_bytes = SEGMENT_BYTES
        self.bytes = 0
        """Of all records written."""

    def write(self, records: Iterable[Record]) -> None:
        """Append records; they are seen by readers when this returns."""
        pending = bytearray()
        for record in records:
            pending += encode(record)
            if len(pending) >= 1024 * 1024:
                self._append(pending)
                pending.clear()
        self._append(pending)

    def _append(self, data: bytearray) -> None:
        self.bytes += len(data)
        self._size_bytes += len(data)
        if self._size_bytes > SEGMENT_BYTES:
            self._number += 1
            self._size_bytes = len(data)
            header = SegmentHeader(b"gateway-of-bench", self._number, WALL_NS)
            path = segment_path(self.directory, self._number)
            path.write_bytes(encode_segment_header(header))
        with segment_path(self.directory, self._number).open("ab") as file:
            file.write(data)

    def close(self) -> None:
        """Let go of the directory: the gateway is gone."""
        os.close(self._lock)
