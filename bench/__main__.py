"""I/O. `python -m bench`: measures everything, group after group, and keeps the results.

python -m bench                     all groups, about sixteen minutes; then latest.* is new
python -m bench --resume            the groups that a run before did not come to
python -m bench --only tls,connect  some groups; printed, not kept
python -m bench --quick             all of them as fast as they go; printed, not kept
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial

from bench import (
    cells,
    connecting,
    ending,
    holding,
    live,
    page,
    profile,
    publishing,
    querying,
    recording,
    relay,
    remembering,
    sharing,
    starting,
    tables,
)
from bench.cells import FULL, QUICK, Effort, Plan
from bench.machine import machine, versions
from bench.results import Results, Stamp

Measure = Callable[[Effort], Results]


def tell(line: str) -> None:
    """Show that we are not stuck."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _relay(plan: Plan, effort: Effort) -> Results:
    return Results(relayed=tuple(relay.measure(plan, effort, tell)))


def _connect(effort: Effort) -> Results:
    plain = connecting.measure(False, effort, tell)
    return Results(connects=(*plain, *connecting.measure(True, effort, tell)))


def _recording(effort: Effort) -> Results:
    if effort is QUICK:
        return Results(recording=recording.measure(10, 24))
    return Results(recording=recording.measure())


def _live(effort: Effort) -> Results:
    return Results(live=live.measure(50, 13) if effort is QUICK else live.measure())


def _queries(calls: int, rounds: int = querying.ROUNDS) -> Results:
    return Results(queried=(querying.measure(calls, rounds),))


GROUPS: dict[str, Measure] = {
    **{plan.name: partial(_relay, plan) for plan in cells.RELAY},
    "held": lambda effort: Results(held=tuple(holding.measure(tell))),
    "connect": _connect,
    "memory": lambda effort: Results(memory=tuple(remembering.measure(effort, tell))),
    "workers": lambda effort: Results(workers=tuple(sharing.measure(effort.seconds, tell))),
    "recording": _recording,
    "live": _live,
    "ended": lambda effort: Results(ended=ending.measure(tell)),
    "profile": lambda effort: Results(profile=tuple(profile.measure(seconds=2 * effort.seconds))),
    "start": lambda effort: Results(started=tuple(starting.measure(tell))),
    "page": lambda effort: Results(page=page.measure(2 if effort is QUICK else page.ROUNDS, tell)),
    "queries": lambda effort: _queries(20_000 if effort is QUICK else 100_000),
}
"""Each takes less than two minutes, and may be measured alone."""
MORE: dict[str, Measure] = {"queries-million": lambda effort: _queries(1_000_000, 9)}
"""What takes longer, and is measured only when it is asked for."""


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description="Measures what Trunkline costs.")
    parser.add_argument(
        "--only", help="groups, with commas between them: " + ", ".join(GROUPS | MORE)
    )
    parser.add_argument("--quick", action="store_true", help="look only shortly")
    parser.add_argument("--publish", action="store_true", help="keep what --only has measured")
    parser.add_argument("--resume", action="store_true", help="go on where a run was ended")
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else list(GROUPS)
    if unknown := set(wanted) - (GROUPS | MORE).keys():
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    effort = QUICK if options.quick else FULL
    if options.only or options.quick:
        found, failed = _run(wanted, effort, Results(), kept=False)
        if options.publish and not options.quick:
            publishing.publish(publishing.latest().replaced(found))
        sys.exit(failed or None)
    if not options.resume:
        publishing.begin()
    found, failed = _run(wanted, effort, publishing.resumed(), kept=True)
    if failed:
        sys.exit(f"{failed}Nothing is published; --resume measures what is missing.")
    publishing.publish(found)
    publishing.begin()


def _run(
    groups: Iterable[str], effort: Effort, done: Results, *, kept: bool
) -> tuple[Results, str]:
    """Measure the groups that are not `done`, and print everything; say which did not work."""
    failed = ""
    for name in groups:
        if name in done.stamps:
            continue
        try:
            found = _measured(name, effort)
        except (SystemExit, AssertionError, OSError) as exc:
            # What others gave must not be lost with it.
            failed += f"{name}: {exc}\n"
            tell(f"--- {name} failed: {exc}")
            continue
        done = done.replaced(found)
        if kept:
            publishing.keep(name, found)
    print(tables.report(done))
    return done, failed


def _measured(name: str, effort: Effort) -> Results:
    began_s = time.monotonic()
    tell(f"--- {name}")
    found = (GROUPS | MORE)[name](effort)
    tell(f"--- {name}: {time.monotonic() - began_s:.0f} s")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return found.replaced(Results(stamps={name: Stamp(now, machine(), versions())}))


if __name__ == "__main__":
    main()
