"""I/O. What the web is given: the stores, the settings, the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from fastapi import Request

from trunkline import clock
from trunkline.live.board import Board
from trunkline.protocol.prices import PriceTable, shipped
from trunkline.protocol.token import Seal
from trunkline.settings import Settings
from trunkline.store.archives import Archives
from trunkline.store.control.store import ControlStore
from trunkline.store.erasure import Erasure
from trunkline.store.facts.store import FactsStore
from trunkline.store.marks import Marks
from trunkline.store.recordings import Recordings
from trunkline.vitals.desk import Desk
from trunkline.web.pace import Pace
from trunkline.web.traffic import Traffic

TALKS_A_MINUTE = 10


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """Everything that a request may use, made once by `wiring`."""

    settings: Settings
    control: ControlStore
    facts: FactsStore
    archives: Archives
    recordings: Recordings
    erasure: Erasure
    marks: Marks
    desk: Desk
    """Knows how all processes are."""
    traffic: Traffic
    prices: PriceTable = field(default_factory=shipped)
    """Everybody's, as the recorder takes them."""
    board: Board = field(default_factory=Board)
    """The calls that run."""
    seal: Seal | None = None
    """Seals tokens; None: none are made."""
    talks: Pace = field(default_factory=lambda: Pace(TALKS_A_MINUTE, 60_000_000))
    """How often each user may have a token made."""
    wall_ns: Callable[[], int] = clock.wall_ns

    def now_us(self) -> int:
        """Return the wall time, µs since 1970 UTC."""
        return self.wall_ns() // 1000


def deps_of(request: Request) -> Dependencies:
    """Return what `create_app` was given. A FastAPI dependency."""
    return cast("Dependencies", request.app.state.deps)


def public_url(request: Request) -> str:
    """Return how the outside reaches us, without a slash at its end."""
    return deps_of(request).settings.public_url or str(request.base_url).rstrip("/")
