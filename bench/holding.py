"""I/O. How many calls a proxy holds on one core, each 25 frames a second both ways."""

from bench import proxies
from bench.cells import GATEWAYS, PLAIN_PROXIES
from bench.mixes import PCM16
from bench.relay import Tell
from bench.results import Held
from bench.rounds import Round
from bench.standing import Standing, standing

STEPS = (50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000)
SECONDS = 2.0
TRIES = 3
PROXIES = (*PLAIN_PROXIES, "trunkline", "bridge", *GATEWAYS)


def measure(tell: Tell) -> list[Held]:
    """Search for the largest of `STEPS` that each proxy holds."""
    names = [name for name in PROXIES if name in proxies.installed()]
    with standing() as stands:
        return [_search(stands, name, tell) for name in names]


def _search(stands: Standing, name: str, tell: Tell) -> Held:
    stands.start(name, secure=False)
    low, high, limit = -1, len(STEPS), ""
    # The most first: most hold it. Then halves.
    place = len(STEPS) - 1 if name not in GATEWAYS else STEPS.index(300)
    while high - low > 1:
        one = _try(stands, name, STEPS[place])
        why = _why(one)
        tell(f"held: {name:10} {STEPS[place]:5} calls: {why or 'yes'}")
        if why:
            high, limit = place, why
        else:
            low = place
        place = (low + high) // 2
    calls = STEPS[low] if low >= 0 else 0
    stands.end()
    return Held(proxy=name, calls=calls, frames_per_s=calls * PCM16.frames_per_s, limit=limit)


def _try(stands: Standing, name: str, calls: int, tries: int = TRIES) -> Round:
    """Return a round; another one when others on the machine were at work."""
    one = stands.round(name, False, PCM16.name, calls, SECONDS)
    if (one.crowded or one.pressed) and tries > 1:
        return _try(stands, name, calls, tries - 1)
    return one


def _why(one: Round) -> str:
    """Say why this is not held. That a few frames were sent late does not matter here."""
    return one.failed or one.crowded or one.pressed
