"""I/O. What questions about many calls cost, with the embedded engine.

    python -m bench.querying                    100,000 calls, 1.2 M turns
    python -m bench.querying --calls 1000000    1 M calls, 12 M turns: about six minutes
    python -m bench.querying --keep DIRECTORY   use, or make, a store there
    python -m bench.querying --keep DIRECTORY --only users

The times of what each page and API asks the store, one after the other, as the store answers
them; then how fast rows are stored, and how fast while all that is asked again and again.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bench import facts_seed, ingesting, tables
from bench.facts_seed import BATCH, DAYS, MODELS, NOW_US, ORG
from bench.results import Asked, Queried, Results
from trunkline.settings import Settings
from trunkline.store.facts.engine import again, connect
from trunkline.store.facts.measure import Bucket, Measure, Question
from trunkline.store.facts.measure import measure as of
from trunkline.store.facts.queries_attention import attention
from trunkline.store.facts.queries_calls import CallFilters, calls_page, filter_values
from trunkline.store.facts.queries_measure import measured
from trunkline.store.facts.queries_overview import overview, trend
from trunkline.store.facts.queries_sessions import SessionFilters, sessions_page
from trunkline.store.facts.sorting import Sorting
from trunkline.store.facts.store import FactsStore
from trunkline.web import reports
from trunkline.web.comparing import METRICS, compare, measures_of, split
from trunkline.web.pages.overview import TOP_ERRORS, Overviews, ask

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Ask = Callable[[], Awaitable[Any]]

ROUNDS: Final = 15
INGEST_S: Final = 6.0
MERGING_S: Final = 300.0
"""At most, before anything is asked."""
FILLING_BYTES: Final = 3 << 30
"""Memory of the engine that makes a store; the one that is asked has what is given by default."""
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
        "front page, week": lambda: trend(facts, ORG, WEEK, "hour"),
        "what needs attention, week": lambda: attention(facts, ORG, WEEK),
        "the Overview page, cold": lambda: _overview_page(facts),
        "calls, dearest first": lambda: calls(CallFilters(), sorting=Sorting("cost_usd")),
        "sessions": lambda: sessions_page(facts, ORG, SessionFilters()),
    }
    for name, (report, by) in REPORTS.items():
        for span, filters in (("week", WEEK), ("month", MONTH)):
            question = reports.question(report, filters, by=by)
            asked[f"{name}, {span}"] = partial(measured, facts, ORG, question)
    waits = of("turn.wait", "p50", "p95", "p99")
    asked["waits by day, month"] = _asked(facts, waits, bucket="day")
    asked["waits by model, month"] = _asked(facts, waits, group_by=("model",))
    asked["costs by hour, month"] = _asked(facts, of("call.cost"), bucket="hour")
    one, other = (split(WEEK, "model", model) for model in MODELS[:2])
    asked["compare two models, week"] = partial(
        compare, facts, ORG, one, other, measures_of(METRICS)
    )
    return asked


async def _overview_page(facts: FactsStore) -> None:
    """Ask all that the page asks, as it does, with nothing kept from before."""
    errors = reports.question(reports.ERRORS, WEEK, limit=TOP_ERRORS)
    await asyncio.gather(
        ask(facts, Overviews(), "", ORG, errors, NOW_US),
        filter_values(facts, ORG, NOW_US - DAYS * DAY_US),
    )


def _asked(
    facts: FactsStore,
    what: Measure,
    *,
    group_by: tuple[str, ...] = (),
    bucket: Bucket | None = None,
) -> Ask:
    question = Question(measures=(what,), group_by=group_by, bucket=bucket, filters=MONTH)
    return partial(measured, facts, ORG, question)


def fill(directory: Path, calls: int) -> float:
    """Make a store that has so many calls, unless there is one; return how many seconds it took."""
    # Batches are made two at a time, each in memory.
    settings = Settings(facts_max_memory_bytes=FILLING_BYTES)
    clients = [connect(directory, settings), again(directory, settings)]
    began = time.perf_counter()

    def seed(place: int) -> None:
        for first in range(place * BATCH, calls, len(clients) * BATCH):
            facts_seed.seed(clients[place], first, min(BATCH, calls - first), calls)
            sys.stderr.write(f"{min(first + BATCH, calls):,} calls\n")

    try:
        sql = f"SELECT count() FROM calls WHERE org_id = '{ORG}'"
        if int(str(clients[0].command(sql))) == calls:
            return 0.0
        with ThreadPoolExecutor(len(clients)) as pool:
            list(pool.map(seed, range(len(clients))))
        return time.perf_counter() - began
    finally:
        for client in clients:
            client.close()


async def answered(directory: Path, calls: int, rounds: int, only: str, seconds: float) -> Queried:
    """Ask a store that is filled, and then store more in it."""
    client = await asyncio.to_thread(connect, directory, Settings())
    await asyncio.to_thread(_merged, client)
    tables = {str(name): int(size) for name, size in client.query(_TABLES).result_rows}
    search = int(str(client.command(_SEARCH)))
    client.close()
    async with FactsStore.opened(directory) as facts:
        rows = {name: count for name, count in (await facts.counts()).items() if count}
        idle = _peak_mb()
        asks = {name: ask for name, ask in questions(facts).items() if only in name}
        asked = [await _timed(name, ask, rounds) for name, ask in asks.items()]
        peak = _peak_mb()
        alone, beside = await ingesting.measure(facts, list(asks.values()), seconds)
    return Queried(
        bytes_per_frame=await asyncio.to_thread(_bytes_per_frame, directory),
        calls=calls, rows=rows, seeded_s=0, bytes_per_call=sum(tables.values()) // calls,
        table_bytes=tables, search_bytes=search, idle_mb=idle, peak_mb=peak,
        asked=tuple(asked), alone=alone, beside=beside,
    )  # fmt: skip


def _merged(client: Client) -> None:
    """Wait until the engine has merged what came in, which takes a core while it lasts."""
    deadline = time.monotonic() + MERGING_S
    while int(str(client.command("SELECT count() FROM system.merges"))):
        if time.monotonic() > deadline:
            sys.stderr.write("the engine still merges: times are longer for it\n")
            return
        time.sleep(1)


_OURS: Final = "active AND database = currentDatabase()"
_TABLES: Final = (
    "SELECT table, sum(bytes_on_disk) FROM system.parts"
    f" WHERE {_OURS} GROUP BY table ORDER BY 2 DESC"
)
_SEARCH: Final = (
    "SELECT (SELECT sum(column_bytes_on_disk) FROM system.parts_columns"
    f" WHERE {_OURS} AND table = 'items' AND column = 'folded')"
    " + (SELECT sum(secondary_indices_compressed_bytes) FROM system.parts"
    f" WHERE {_OURS} AND table = 'items')"
)


def _bytes_per_frame(directory: Path) -> int:
    client = connect(directory, Settings())
    size = client.command(
        "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts"
        f" WHERE {_OURS} AND table = 'events'"
    )
    client.close()
    return round(float(str(size)))


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


def _cpu_ms() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1000


async def _timed(name: str, ask: Ask, rounds: int) -> Asked:
    await ask()
    times: list[float] = []
    cpu: list[float] = []
    for _ in range(rounds):
        began, used = time.perf_counter(), _cpu_ms()
        await ask()
        times.append((time.perf_counter() - began) * 1000)
        cpu.append(_cpu_ms() - used)
    cuts = statistics.quantiles(times, n=20, method="inclusive")
    sys.stderr.write(f"{name:28}{cuts[9]:9.1f}{cuts[18]:9.1f}{statistics.median(cpu):9.1f}\n")
    return Asked(
        name=name, p50_ms=round(cuts[9], 1), p95_ms=round(cuts[18], 1),
        cpu_ms=round(statistics.median(cpu), 1),
    )  # fmt: skip


def measure(calls: int = 100_000, rounds: int = ROUNDS, keep: Path | None = None) -> Queried:
    """Fill a store in one process and ask it in another: what filling takes is not its memory."""
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as made:
        where = keep or Path(made) / "facts"
        options = (f"--calls={calls}", f"--rounds={rounds}", f"--keep={where}")
        seeded = msgspec.json.decode(_run("--fill", *options), type=float)
        found = msgspec.json.decode(_run(*options), type=Queried)
    return msgspec.structs.replace(found, seeded_s=round(seeded, 1))


def _run(*options: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-m", "bench.querying", "--json", *options],
        stdout=subprocess.PIPE, check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    ).stdout  # fmt: skip


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="What questions about many calls cost.")
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", help="part of a question's name")
    parser.add_argument("--keep", type=Path, help="where the store is, or is to be")
    parser.add_argument("--fill", action="store_true", help="make the store, and no more")
    parser.add_argument("--json", action="store_true", help="here, for another process")
    chosen = parser.parse_args()
    if not chosen.json and not chosen.only:
        found = measure(chosen.calls, chosen.rounds, chosen.keep)
        print(tables.report(Results(queried=(found,))))
        return
    if not chosen.keep:
        parser.error("--keep says where the store is")
    result: float | Queried
    if chosen.fill:
        result = fill(chosen.keep, chosen.calls)
    else:
        asked = answered(chosen.keep, chosen.calls, chosen.rounds, chosen.only, INGEST_S)
        result = asyncio.run(asked)
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
