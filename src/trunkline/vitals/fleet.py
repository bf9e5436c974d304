"""Pure. All processes at one moment: who is there, and how old their word is."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from trunkline.vitals.figures import Figures, Gateway, Server

STALE_NS = 5_000_000_000
"""A process that has not published for so long is stuck, or gone."""

State: TypeAlias = Literal["running", "stuck", "gone"]


class Seen(msgspec.Struct, frozen=True):
    """What one process has last told."""

    name: str
    figures: Figures
    age_ns: int
    """Of what it told. Negative: from before the machine was started anew."""
    there: bool
    """There is a process of its id."""

    @property
    def state(self) -> State:
        """Return whether it runs. It is stuck when it is there and does not publish."""
        if not self.there:
            return "gone"
        return "running" if 0 <= self.age_ns < STALE_NS else "stuck"

    @property
    def running(self) -> bool:
        """Return whether what it told is so now."""
        return self.state == "running"


class Fleet(msgspec.Struct, frozen=True):
    """Every process that has published and not said that it is done, by name."""

    seen: tuple[Seen, ...]
    now_ns: int

    def gateways(self) -> list[tuple[Seen, Gateway]]:
        """Return the gateway processes."""
        return [(one, one.figures) for one in self.seen if isinstance(one.figures, Gateway)]

    def servers(self) -> list[tuple[Seen, Server]]:
        """Return the servers: one, or none yet."""
        return [(one, one.figures) for one in self.seen if isinstance(one.figures, Server)]


def fleet(seen: list[Seen], now_ns: int) -> Fleet:
    """Return the processes in the order of their names."""
    return Fleet(tuple(sorted(seen, key=lambda one: one.name)), now_ns)
