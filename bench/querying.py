"""I/O. What questions about many calls cost, with the embedded engine.

    python -m bench.querying                    100,000 calls, 1.2 M turns
    python -m bench.querying --calls 1000000    1 M calls, 12 M turns: about three minutes
    python -m bench.querying --keep DIRECTORY   use, or make, a store there

Prints the times of what each page and API asks the store, one after the other, as the store
answers them. They are of one process: its memory is the engine's, at its highest.
"""

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench import facts_seed
from bench.facts_seed import BATCH, DAYS, MODELS, NOW_US, ORG
from trunkline.settings import Settings
from trunkline.store.facts.engine import connect
from trunkline.store.facts.measure import Bucket, Measure, Question, measure
from trunkline.store.facts.queries_calls import CallFilters, calls_page, filter_values
from trunkline.store.facts.queries_measure import measured
from trunkline.store.facts.queries_overview import overview
from trunkline.store.facts.queries_sessions import SessionFilters, sessions_page
from trunkline.store.facts.store import FactsStore
from trunkline.web import reports
from trunkline.web.comparing import METRICS, compare, measures_of, split

Ask = Callable[[], Awaitable[Any]]

ROUNDS: Final = 15
DAY_US: Final = 86_400_000_000
WEEK: Final = CallFilters(from_us=NOW_US - 7 * DAY_US, to_us=NOW_US)
MONTH: Final = CallFilters(from_us=NOW_US - DAYS * DAY_US, to_us=NOW_US)
REPORTS: Final = {
    "users": (reports.USERS, ""),
    "properties": (reports.PROPERTIES, ""),
    "one property": (reports.VALUES, "property:Tier"),
    "costs by model": (reports.COSTS, "billed_model"),
    "costs by user": (reports.COSTS, "user"),
    "tools": (reports.TOOLS, ""),
    "errors": (reports.ERRORS, ""),
}


def questions(facts: FactsStore) -> dict[str, Ask]:
    """Return what is measured, by name."""
    calls = partial(calls_page, facts, ORG)
    asked: dict[str, Ask] = {
        "calls": lambda: calls(CallFilters()),
        "calls of a user": lambda: calls(CallFilters(user_id="user-7")),
        "calls by property": lambda: calls(CallFilters(properties={"Campaign": "c7"})),
        "calls, often said": lambda: calls(CallFilters(said="予約")),
        "calls, rarely said": lambda: calls(CallFilters(said=facts_seed.RARE.upper())),
        "calls, never said": lambda: calls(CallFilters(said="świętokrzyskie")),
        "calls' filters": lambda: filter_values(facts, ORG, NOW_US - DAYS * DAY_US),
        "overview, week": lambda: overview(facts, ORG, WEEK),
        "overview, all": lambda: overview(facts, ORG, CallFilters()),
        "sessions": lambda: sessions_page(facts, ORG, SessionFilters()),
    }
    for name, (report, by) in REPORTS.items():
        for span, filters in (("week", WEEK), ("month", MONTH)):
            question = reports.question(report, filters, by=by)
            asked[f"{name}, {span}"] = partial(measured, facts, ORG, question)
    waits = measure("turn.wait", "p50", "p95", "p99")
    asked["waits by day, month"] = _asked(facts, waits, bucket="day")
    asked["waits by model, month"] = _asked(facts, waits, group_by=("model",))
    asked["costs by hour, month"] = _asked(facts, measure("call.cost"), bucket="hour")
    one, other = (split(WEEK, "model", model) for model in MODELS[:2])
    asked["compare two models, week"] = partial(
        compare, facts, ORG, one, other, measures_of(METRICS)
    )
    return asked


def _asked(
    facts: FactsStore,
    what: Measure,
    *,
    group_by: tuple[str, ...] = (),
    bucket: Bucket | None = None,
) -> Ask:
    question = Question(measures=(what,), group_by=group_by, bucket=bucket, filters=MONTH)
    return partial(measured, facts, ORG, question)


def fill(directory: Path, calls: int) -> None:
    """Make a store that has so many calls, unless there is one."""
    client = connect(directory, Settings())
    try:
        if int(str(client.command("SELECT count() FROM calls"))) == calls:
            return
        for first in range(0, calls, BATCH):
            facts_seed.seed(client, first, min(BATCH, calls - first), calls)
            sys.stderr.write(f"{min(first + BATCH, calls):,} calls\n")
    finally:
        client.close()


async def main(directory: Path, calls: int, rounds: int, only: str) -> None:
    """Fill a store, ask, and print."""
    began = time.perf_counter()
    await asyncio.to_thread(fill, directory, calls)
    took = time.perf_counter() - began
    async with FactsStore.opened(directory) as facts:
        counts = await facts.counts()
        size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
        rows = ", ".join(f"{count:,} {table}" for table, count in counts.items() if count)
        print(
            f"{rows}; {size / 1e6:,.0f} MB, {size / calls:,.0f} bytes a call; made in {took:.0f} s"
        )
        print(f"{rounds} rounds, after one that is not counted\n")
        print(f"{'':28}{'p50 ms':>9}{'p95 ms':>9}{'most ms':>9}{'peak MB':>9}")
        for name, ask in questions(facts).items():
            if only in name:
                await _time(name, ask, rounds)


async def _time(name: str, ask: Ask, rounds: int) -> None:
    await ask()
    times: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        await ask()
        times.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(times, n=20, method="inclusive")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"{name:28}{cuts[9]:9.1f}{cuts[18]:9.1f}{max(times):9.1f}{peak:9.0f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What questions about many calls cost.")
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", help="part of a question's name")
    parser.add_argument("--keep", type=Path, help="where the store is, or is to be")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        where = chosen.keep or Path(made) / "facts"
        asyncio.run(main(where, chosen.calls, chosen.rounds, chosen.only))
