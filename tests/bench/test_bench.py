"""The bench still runs, and says what is true of what it saw."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench.cells import DIRECT, Plan
from bench.mixes import BURSTS, G711
from bench.picture import picture
from bench.publishing import derived, latest
from bench.quoting import quoted
from bench.results import (
    Asked,
    Ingested,
    Machine,
    Queried,
    Results,
    Stamp,
    Times,
    decode,
    encode,
)
from bench.rounds import Round, relayed
from bench.standing import standing
from bench.talk import Open, Percentiles, Talked
from msgspec.structs import replace
from tests.test_architecture import IMPURE, docstring_of, imports_of

from bench import tables

BENCH = Path(tables.__file__).parent
CALLS = 3
PROXIES = ("nginx", "haproxy", "trunkline", "bridge")


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_every_frame_goes_through_every_proxy_and_comes_back(secure: bool) -> None:
    with standing(PROXIES, secure) as stands:
        for name in (DIRECT, *PROXIES):
            one = stands.round(name, secure, "g711", CALLS, 0.2)
            assert one.talked.sent == one.talked.heard == one.talked.answered == CALLS * 10, name
            assert one.talked.lost == one.talked.broken == 0
            assert not one.unopened
            assert one.talked.round_trip_us.count == CALLS * 10
            assert (one.cpu_ns > 0) is (one.resident_kb > 0) is (name != DIRECT)


def test_a_burst_comes_whole() -> None:
    with standing(["trunkline"]) as stands:
        one = stands.round("trunkline", False, "bursts", CALLS, 1.0)
    assert (one.talked.heard, one.talked.answered) == (CALLS * 25, CALLS * 4)


def test_calls_that_are_refused_are_told_of() -> None:
    with standing(["trunkline"]) as stands:
        proxy = stands.proxy("trunkline", False)
        opened = stands.load.open(Open("127.0.0.1", proxy.port, proxy.path, (), CALLS))
    assert (opened.asked, opened.greeted) == (CALLS, 0)
    assert opened.refusal.startswith("HTTP/1.1 401")


def a_store(calls: int, p95_ms: float) -> Queried:
    stored = Ingested(rows_per_s=100_000, calls_per_s=20, batch_rows=20_000, p50_ms=150, max_ms=400)
    return Queried(
        calls=calls, rows={"calls": calls, "turns": 12 * calls}, seeded_s=20, bytes_per_call=3_000,
        table_bytes={"items": 2_000 * calls, "calls": 1_000 * calls}, bytes_per_frame=30,
        search_bytes=700 * calls, idle_mb=300, peak_mb=500,
        asked=(Asked(name="users", p50_ms=50, p95_ms=p95_ms, cpu_ms=60),),
        alone=stored, beside=stored,
    )  # fmt: skip


def test_each_group_says_where_it_was_measured_when_that_is_not_everywhere_the_same() -> None:
    here = Stamp("2026-11-26T10:00:00+00:00", Machine("EPYC", 2, 24, "6.18", "bbr"), {"nginx": "1"})
    later = replace(here, at="2026-11-26T17:00:00+00:00")
    assert tables.settings({"calls-100": here, "tls": later}) == [
        "2026-11-26, EPYC, 2 cores, 24 GB, Linux 6.18, bbr; nginx 1."
    ]
    elsewhere = replace(later, machine=replace(here.machine, kernel="6.19"))
    assert tables.settings({"tls": elsewhere, "calls-100": here, "calls-1": here}) == [
        "calls-100, calls-1: 2026-11-26, EPYC, 2 cores, 24 GB, Linux 6.18, bbr; nginx 1.",
        "tls: 2026-11-26, EPYC, 2 cores, 24 GB, Linux 6.19, bbr; nginx 1.",
    ]


def test_stores_of_different_sizes_are_kept_beside_each_other() -> None:
    kept = Results(queried=(a_store(1_000_000, 500), a_store(100_000, 80)))
    found = decode(encode(kept.replaced(Results(queried=(a_store(100_000, 90),)))))
    assert [(one.calls, one.asked[0].p95_ms) for one in found.queried] == [
        (100_000, 90), (1_000_000, 500)
    ]  # fmt: skip
    text = tables.report(found)
    assert "## Questions about 1,000,000 calls" in text
    assert "| users |      50 |      90 |      60 |" in text
    assert "3,000 bytes of disk a call (items 2,000, calls 1,000); 2,300 without" in text


def a_round(cpu_us: float, **changes: object) -> Round:
    """A round of 100 frames each way, as good as can be."""
    half = Percentiles(100, 200.0, None, None)
    whole = {
        "calls": 4, "sent": 100, "heard": 100, "expected": 100, "answered": 100, "broken": 0,
        "seconds": 1.0, "busy": 0.1, "late_us": Percentiles(100, 1.0), "round_trip_us": half,
    }  # fmt: skip
    return Round(Talked(**{**whole, **changes}), int(cpu_us * 200 * 1000), 5_000, 0.0)


def test_the_median_of_the_rounds_that_count_is_told() -> None:
    plan = Plan("some", G711.name, 4, ("nginx",))
    rounds = [a_round(10), a_round(99, answered=99), a_round(12), a_round(14), a_round(1, busy=1.0)]
    found = relayed(plan, "nginx", rounds, Times(p50=50.0))
    assert found.rounds == 3
    assert found.cpu_us == 12
    assert found.cpu_range_us == (10, 14)
    assert found.added_us.p50 == 150
    assert found.refused == ("1 of 200 frames did not come in time", "the ends were 100% busy")


def test_without_a_round_that_counts_no_figure_is_told() -> None:
    plan = Plan("calls-1", G711.name, 1, ("nginx",))
    found = relayed(plan, "nginx", [a_round(10, answered=99)], Times())
    assert found.cpu_us is found.round_trip_us.p50 is None
    assert "not held" in tables.report(Results(relayed=(found,)))
    found = relayed(plan, "nginx", [a_round(10, busy=1.0)], Times())
    assert "disturbed" in tables.report(Results(relayed=(found,)))


def test_results_are_kept_as_they_are() -> None:
    plan = Plan("bursts", BURSTS.name, 4, ("nginx",))
    results = Results(relayed=(relayed(plan, "nginx", [a_round(10)], Times(p50=1.0)),))
    assert decode(encode(results)) == results
    assert results.replaced(Results(relayed=results.relayed)) == results


def test_the_newest_figures_are_quoted_as_they_are() -> None:
    for path, text in derived(latest()).items():
        assert path.read_text("utf-8") == text, f"{path.name}: run python -m bench.publishing"


def some_results() -> Results:
    """Figures of two proxies that nobody has measured."""
    plan = Plan("calls-100", "pcm16", 100, ("nginx", "trunkline"))
    machine = Machine("a processor", 2, 8, "6.1", "cubic")
    return Results(
        stamps={"calls-100": Stamp("2026-11-25T12:00:00+00:00", machine, {"nginx": "1.22"})},
        relayed=(
            relayed(plan, "nginx", [a_round(10)], Times(p50=10.0)),
            relayed(plan, "trunkline", [a_round(12)], Times(p50=10.0)),
        ),
    )


def test_the_picture_shows_every_proxy_and_says_its_figures_to_those_who_cannot_see_it() -> None:
    root = ElementTree.fromstring(picture(some_results()))
    said = "".join(root.itertext())
    assert "nginx 10.0 µs, Trunkline, recording 12.0 µs" in said
    assert "12.0 · 1.2×" in said


def test_only_what_stands_between_markers_is_written_anew() -> None:
    page = "Before.\n<!-- bench:summary -->\nold\n<!-- /bench -->\nAfter.\n"
    found = quoted(page, some_results())
    assert found.startswith("Before.\n<!-- bench:summary -->\n")
    assert found.endswith("\n<!-- /bench -->\nAfter.\n")
    assert "Trunkline 12.0 µs with every frame recorded, 1.20 times as much" in found
    assert "old" not in found
    assert quoted(found, some_results()) == found


@pytest.mark.parametrize("path", sorted(BENCH.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_a_module_says_whether_it_is_pure_and_is(path: Path) -> None:
    said = docstring_of(path)
    assert said.startswith(("Pure.", "I/O."))
    if said.startswith("Pure."):
        assert not {name.partition(".")[0] for name in imports_of(path)} & IMPURE
