"""I/O. How far the recorder has come, in one small file that is replaced every second.

It is written only after all rows that it covers are in the facts store and all raw records
that it covers are in spools. After a restart the recorder goes on exactly there. When
the file is lost, or the disk has lost what it covers, nothing is: the recorder folds
the spools and the journals from their beginnings, and lands in the same place.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import msgspec

from trunkline import __version__
from trunkline.journal.reader import START, Position
from trunkline.recorder.echo import Suspect
from trunkline.recorder.state import State
from trunkline.store.facts.rows import CallRow
from trunkline.store.spool import sync_path

NAME = "checkpoint"
MAGIC = b"TRUNKCP1"
_CRC = struct.Struct("<I")


class Place(msgspec.Struct, frozen=True):
    """How far one journal directory was read, and whose records were the last."""

    position: Position = START
    instance: bytes = b""


class Live(msgspec.Struct, frozen=True):
    """A call that is not over."""

    state: State
    instance: bytes
    """The gateway process that it runs in."""
    spool_bytes: int


class Closed(msgspec.Struct, frozen=True):
    """A call that is over and not sealed yet."""

    row: CallRow
    """As of its last record."""
    spool_bytes: int
    suspects: tuple[Suspect, ...] = ()
    """Its barge-ins, any of which may be an echo."""


class Checkpoint(msgspec.Struct, frozen=True):
    """Everything that the recorder has to remember."""

    journals: dict[str, Place] = {}
    """By name of the directory."""
    live: dict[str, Live] = {}
    """By call id."""
    closed: dict[str, Closed] = {}
    release: str = __version__
    """Of Trunkline: another one may mean something else by a state, and folds it anew."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Checkpoint)


def encode(checkpoint: Checkpoint) -> bytes:
    """Return `checkpoint` as bytes that tell when they are damaged."""
    body = MAGIC + _encoder.encode(checkpoint)
    return body + _CRC.pack(zlib.crc32(body))


def decode(data: bytes) -> Checkpoint | None:
    """Return what `encode` wrote; None when it is damaged, or of another release."""
    body, crc = data[: -_CRC.size], data[-_CRC.size :]
    if not body.startswith(MAGIC) or _CRC.unpack(crc)[0] != zlib.crc32(body):
        return None
    try:
        found = _decoder.decode(body[len(MAGIC) :])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.release == __version__ else None


def save(directory: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in `directory`, whole or not at all. Raises `OSError`."""
    part = directory / (NAME + ".part")
    part.write_bytes(encode(checkpoint))
    os.replace(part, directory / NAME)


def sync(directory: Path) -> None:
    """Wait until the last checkpoint is on the disk. Raises `OSError`."""
    sync_path(directory / NAME)
    sync_path(directory)


def load(directory: Path) -> Checkpoint | None:
    """Return the last checkpoint; None when there is none, or none that can be used."""
    try:
        return decode((directory / NAME).read_bytes())
    except FileNotFoundError:
        return None


def forget(directory: Path) -> None:
    """Delete the checkpoint: the next recorder begins from spools and journals."""
    (directory / NAME).unlink(missing_ok=True)
