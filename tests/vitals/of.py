"""Processes as tests need them."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from trunkline.vitals.figures import Figures, Gateway, Server, Supervisor
from trunkline.vitals.fleet import Fleet, Seen, fleet

NOW_NS = 10**15
HOUR_NS = 3600 * 10**9


def gateway(**figures: Any) -> Gateway:
    return Gateway(pid=1, at_ns=NOW_NS, started_wall_ns=0, **figures)


def server(**figures: Any) -> Server:
    return Server(pid=2, at_ns=NOW_NS, started_wall_ns=0, **figures)


def supervisor(**figures: Any) -> Supervisor:
    return Supervisor(pid=3, at_ns=NOW_NS, started_wall_ns=0, **figures)


def of(*, age_ns: int = 0, there: bool = True, **processes: Figures) -> Fleet:
    """Return processes by name; underscores stand for hyphens."""
    return fleet(
        [
            Seen(
                name.replace("_", "-"), structs.replace(told, at_ns=NOW_NS - age_ns), age_ns, there
            )
            for name, told in processes.items()
        ],
        NOW_NS,
    )
