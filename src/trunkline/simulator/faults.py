"""Pure. Everything that can be wrong with a connection, applied to frames on their way out."""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.simulator.chance import Chance
from trunkline.simulator.config import SimulatorConfig


class Send(msgspec.Struct, frozen=True):
    """Send one text frame."""

    frame: bytes


class Close(msgspec.Struct, frozen=True):
    """Send a close frame and end the connection."""

    code: int
    reason: str


class Cut(msgspec.Struct, frozen=True):
    """End the TCP connection at once, without a close frame."""


class Freeze(msgspec.Struct, frozen=True):
    """Read nothing and send nothing from now on, and leave the connection open."""


Output = Send | Close | Cut | Freeze


class Faults:
    """Turns events into outputs, with the faults that the configuration asks for.

    After `Close`, `Cut` or `Freeze` nothing more comes out.
    """

    def __init__(self, config: SimulatorConfig, chance: Chance) -> None:
        self._config, self._chance = config, chance
        self._deltas = 0
        self._held: bytes | None = None
        self.ended = False

    def end(self, output: Close | Cut | Freeze) -> list[Output]:
        """Return `output`, and let nothing follow it."""
        if self.ended:
            return []
        self.ended = True
        return [output]

    def send(self, event: dict[str, Any]) -> list[Output]:
        """Return what becomes of `event`: usually one frame."""
        if self.ended:
            return []
        out: list[Output] = [Send(frame) for frame in self._frames(event)]
        if event["type"].startswith("response.") and event["type"].endswith(".delta"):
            self._deltas += 1
            out += self._after_delta()
        return out

    def _after_delta(self) -> list[Output]:
        if self._deltas == self._config.drop_after_deltas:
            return self.end(Cut())
        if self._deltas == self._config.close_after_deltas:
            return self.end(Close(self._config.close_code, self._config.close_reason))
        return []

    def _frames(self, event: dict[str, Any]) -> list[bytes]:
        frames = [self._encoded(event)]
        if self._chance.one_in(self._config.unknown_one_in):
            stray = {"type": "response.hologram.delta", "event_id": self._chance.id("event")}
            frames.insert(0, self._encoded({**stray, "hologram": {"depth": 3, "frames": []}}))
        if self._chance.one_in(self._config.duplicate_one_in):
            frames.append(frames[-1])
        if self._held is not None:
            frames.append(self._held)
            self._held = None
        elif self._chance.one_in(self._config.swap_one_in):
            self._held = frames.pop()
        return frames

    def _encoded(self, event: dict[str, Any]) -> bytes:
        if self._config.extra_fields:
            event = {**event, "obfuscation": self._chance.id("x"), "x_trace": {"depth": [1, None]}}
        frame = msgspec.json.encode(event)
        short = self._config.pad_bytes - len(frame)
        if short > 0:
            frame = msgspec.json.encode({**event, "padding": "." * max(1, short - 13)})
        return frame
