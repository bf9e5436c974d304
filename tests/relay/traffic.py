"""Messages as calls have them, good and bad, and the many ways in which their bytes may come."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.relay.peer import BINARY, CONTINUATION, PING, TEXT, frame
from tests.support.odd import ODD

from trunkline.journal.record import Leg


@dataclass(frozen=True)
class Message:
    """One WebSocket message."""

    payload: bytes
    binary: bool = False


def digest(messages: Iterable[Message]) -> str:
    """Return one hash of many messages, in their order."""
    total = hashlib.sha256()
    for message in messages:
        total.update(bytes([message.binary]) + len(message.payload).to_bytes(8, "big"))
        total.update(message.payload)
    return total.hexdigest()


def of_a_call(leg: Leg, chance: random.Random) -> Iterator[Message]:
    """Yield what one peer of a call says, without end: mostly sound, one in ten of it odd."""
    audio = "input_audio_buffer.append" if leg is Leg.CALLER else "response.output_audio.delta"
    field = "audio" if leg is Leg.CALLER else "delta"
    number = 0
    while True:
        number += 1
        kind = chance.random()
        if kind < 0.1:
            yield Message(chance.choice(list(ODD.values())))
        elif kind < 0.12:
            yield Message(chance.randbytes(chance.randrange(4000)), binary=True)
        elif kind < 0.25:
            text = "".join(chance.choices('abc äöü 信号🛰"\\\n', k=chance.randrange(80)))
            event = {"type": "response.output_audio_transcript.delta", "delta": text}
            yield Message(json.dumps(event, ensure_ascii=chance.random() < 0.5).encode())
        else:
            size = chance.choice((160, 1920, 2400, 4800, 12_000, 48_000))
            sound = base64.b64encode(chance.randbytes(size)).decode()
            event = {"type": audio, "event_id": f"e{number}", field: sound}
            yield Message(json.dumps(event, separators=(",", ":")).encode())


def frames_of(message: Message, cuts: list[int], *, masked: bool, pings: bool) -> bytes:
    """Return `message` in fragments that end at `cuts`, with a ping between each two."""
    ends = sorted(cut % (len(message.payload) + 1) for cut in cuts)
    parts = [
        message.payload[start:end]
        for start, end in zip([0, *ends], [*ends, len(message.payload)], strict=True)
    ]
    opcodes = [BINARY if message.binary else TEXT] + [CONTINUATION] * len(ends)
    between = frame(PING, b"?", masked=masked) if pings else b""
    return between.join(
        frame(opcode, part, masked=masked, final=number == len(ends))
        for number, (opcode, part) in enumerate(zip(opcodes, parts, strict=True))
    )


def fragmented(message: Message, chance: random.Random, *, masked: bool) -> bytes:
    """Return `message` as it is, or in one to four fragments, with pings between them or not."""
    cuts = [chance.randrange(1 << 30) for _ in range(chance.choice((0, 0, 0, 1, 2, 3)))]
    return frames_of(message, cuts, masked=masked, pings=chance.random() < 0.01)


def segments(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """Yield `data` in pieces as TCP may deliver it."""
    at = 0
    while at < len(data):
        size = chance.choice((1, 2, 7, 100, 1448, 5000, 65536))
        yield data[at : at + size]
        at += size
