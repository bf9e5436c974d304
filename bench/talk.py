"""Pure. What is asked of the ends, and what they tell: `bench.load` and `bench.ends`."""

from collections.abc import Sequence

import msgspec


class Open(msgspec.Struct, frozen=True, tag=True):
    """Open calls."""

    host: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...]
    calls: int
    at_once: int = 16
    greet_ms: int = 0
    """The provider waits so long after its 101 before it greets."""
    deflate: bool = False
    """Offer compression, and have the provider agree to it."""
    secure: bool = False
    """Speak TLS: to the provider itself, where no proxy does it."""


class Talk(msgspec.Struct, frozen=True, tag=True):
    """Have all open calls talk."""

    mix: str
    seconds: float


class Stop(msgspec.Struct, frozen=True, tag=True):
    """End all calls."""


class Percentiles(msgspec.Struct, frozen=True):
    """Of a number of times, µs. None where there are too few to tell."""

    count: int
    p50: float | None = None
    p99: float | None = None
    p999: float | None = None


class Connected(msgspec.Struct, frozen=True):
    """How calls came to be open. Times from before `connect` of TCP."""

    asked: int
    greeted: int
    """That had the provider's first frame in time."""
    refusal: str
    """What one of the others was answered, if there are any and it was."""
    upgrade_us: Percentiles
    """Until the 101."""
    greeting_us: Percentiles
    """Until the provider's first frame."""


class Talked(msgspec.Struct, frozen=True):
    """One round."""

    calls: int
    sent: int
    """Frames of callers."""
    heard: int
    """Of those, by the provider."""
    expected: int
    """Answers."""
    answered: int
    broken: int
    """Calls that ended before the round did."""
    seconds: float
    """Until the last answer."""
    busy: float
    """Share of the time that the ends had something to do."""
    late_us: Percentiles
    """How much later than planned frames were sent."""
    round_trip_us: Percentiles
    """From a caller's `send` to its reading of the answer."""

    @property
    def relayed(self) -> int:
        """Frames that a proxy has relayed, both ways."""
        return self.heard + self.answered

    @property
    def lost(self) -> int:
        """Frames that did not come, either way."""
        return (self.sent - self.heard) + (self.expected - self.answered)


def percentiles(times_ns: Sequence[int]) -> Percentiles:
    """Return what `times_ns` are like. A high percentile is told when five lie beyond it."""
    found = sorted(times_ns)
    count = len(found)

    def at(share: float) -> float:
        return round(found[min(count - 1, int(count * share))] / 1000, 1)

    return Percentiles(
        count,
        at(0.5) if count else None,
        at(0.99) if count >= 500 else None,
        at(0.999) if count >= 5_000 else None,
    )
