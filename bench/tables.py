"""Pure. The results as tables in Markdown, which read well on a terminal too."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.cells import DIRECT, RELAY
from bench.mixes import MIXES
from bench.results import CallPage, Live, Queried, Recording, Relayed, Results, Stamp

TITLES = {
    DIRECT: "no proxy",
    "nginx": "nginx",
    "haproxy": "HAProxy",
    "trunkline": "Trunkline, recording",
    "bridge": "Trunkline, bridging too",
    "in_turn": "Trunkline, not urgent",
    "uncompiled": "Trunkline, nothing compiled",
    "bare": "bare picows relay",
    "portkey": "Portkey",
    "portkey-deflate": "Portkey, compressing",
    "litellm": "LiteLLM",
    "litellm-deflate": "LiteLLM, compressing",
}
"""By the names of proxies, in the order in which they are shown."""
HEADS = {
    "calls-1": "1 call",
    "calls-20": "20 calls",
    "calls-100": "100 calls",
    "calls-300": "300 calls",
    "calls-1000": "1,000 calls",
    "g711": "100, G.711",
    "bursts": "100, bursts",
    "tls": "100, TLS",
}
"""Of columns, by plan."""
MISSING = "–"
_FIGURE = re.compile(r"[-\d.,%]*( \([\d.]+×\))?|–|not held|disturbed")
TALKING_FRAMES_PER_S = 50
"""Of a call that talks all the time: 25 each way."""


def report(results: Results) -> str:
    """Return everything."""
    return "\n\n".join(_sections(results)) + "\n"


def _sections(results: Results) -> Iterator[str]:
    if results.stamps:
        yield "# Figures\n\n" + "\n\n".join(settings(results.stamps))
    if text := matrix(results):
        yield f"## CPU per relayed frame, µs\n\n{text}"
    for plan in RELAY:
        if found := [one for one in results.relayed if one.plan == plan.name]:
            yield f"## {load(found[0])}\n\n{relayed(found)}"
            if refused := refusals(found):
                yield refused
    for title, text in (
        ("Calls held on one core, 25 frames/s each way", held(results)),
        ("Connect", connects(results)),
        ("Resident memory", memory(results)),
        ("Two workers on one port", workers(results)),
        ("Where the gateway's time goes", profile(results)),
        ("The recorder", results.recording and recording(results.recording)),
        ("The recorder with live calls", results.live and live(results.live)),
        ("From the end of a call to the dashboard", ended(results)),
        ("Start", started(results)),
        ("The page of a long call", results.page and page(results.page)),
        *((f"Questions about {one.calls:,} calls", queried(one)) for one in results.queried),
    ):
        if text:
            yield f"## {title}\n\n{text}"


def settings(stamps: Mapping[str, Stamp]) -> list[str]:
    """Say when, where and of what, most groups first; which groups, where they are not alike."""
    groups: dict[str, list[str]] = {}
    for name, stamp in stamps.items():
        groups.setdefault(conditions(stamp), []).append(name)
    if len(groups) < 2:
        return list(groups)
    most_first = sorted(groups.items(), key=lambda one: -len(one[1]))
    return [f"{', '.join(names)}: {found}" for found, names in most_first]


def conditions(stamp: Stamp) -> str:
    """Say when, where and of what."""
    machine = stamp.machine
    versions = ", ".join(f"{name} {version}" for name, version in stamp.versions.items())
    return (
        f"{stamp.at[:10]}, {machine.processor}, {machine.cores} cores, {machine.memory_gb} GB, "
        f"Linux {machine.kernel}, {machine.congestion}; {versions}."
    )


def load(one: Relayed) -> str:
    """Say under which load a proxy was measured."""
    calls = "1 call" if one.calls == 1 else f"{one.calls:,} calls"
    leg = ", TLS to the provider" if one.secure else ""
    mix = MIXES[one.mix]
    return (
        f"{calls}, {mix.title}{leg}: {one.frames_per_s:,.0f} frames/s, "
        f"{mix.mean_frame_bytes / 1000:.1f} kB on average"
    )


def relayed(found: Sequence[Relayed]) -> str:
    """Return the table of one load."""
    heads = (
        "", "CPU µs/frame", "beside nginx", "round trip p50", "p99", "p99.9, ms", "added p50",
        "p99", "p99.9, ms", "memory, MB", "ends busy", "late p99, ms",
    )  # fmt: skip
    base_us = next((one.cpu_us for one in found if one.proxy == "nginx"), None)
    return table(heads, [_relayed_row(one, base_us) for one in in_order(found)])


def _relayed_row(one: Relayed, base_us: float | None) -> list[str]:
    if not one.rounds:
        return [TITLES[one.proxy], _missing(one), *[MISSING] * 10]
    trip, added = one.round_trip_us, one.added_us
    return [
        TITLES[one.proxy],
        _figure(one.cpu_us, 1),
        _figure(one.cpu_us / base_us if one.cpu_us and base_us else None, 2),
        *(_figure(us, 2, 1e-3) for us in (trip.p50, trip.p99, trip.p999)),
        *(_figure(us, 2, 1e-3) for us in (added.p50, added.p99, added.p999)),
        _figure(one.resident_kb or None, 0, 1 / 1024),
        f"{one.ends_busy:.0%}",
        _figure(one.ends_late_us, 1, 1e-3),
    ]


def _missing(one: Relayed) -> str:
    """Say why there is no figure."""
    return "not held" if one.held is False else "disturbed"


def matrix(results: Results) -> str:
    """Return CPU per frame for every load, and beside nginx."""
    plans = [plan.name for plan in RELAY if any(one.plan == plan.name for one in results.relayed)]
    found = {(one.plan, one.proxy): one for one in results.relayed}
    proxies = [
        name for name in TITLES if name != DIRECT and any((plan, name) in found for plan in plans)
    ]
    rows = [
        [
            TITLES[proxy],
            *(_beside(found.get((plan, proxy)), found.get((plan, "nginx"))) for plan in plans),
        ]
        for proxy in proxies
    ]
    return table(("", *(HEADS[plan] for plan in plans)), rows) if rows else ""


def _beside(one: Relayed | None, base: Relayed | None) -> str:
    if one is None:
        return ""
    if one.cpu_us is None:
        return _missing(one)
    ratio = f" ({one.cpu_us / base.cpu_us:.2f}×)" if base and base.cpu_us else ""
    return f"{one.cpu_us:.1f}{ratio}"


def refusals(found: Sequence[Relayed]) -> str:
    """Say why rounds did not count."""
    return "\n".join(
        f"- {TITLES[one.proxy]}: {len(one.refused)} rounds do not count: {one.refused[-1]}"
        for one in in_order(found)
        if one.refused
    )


def held(results: Results) -> str:
    """Return how many calls each holds."""
    rows = [
        [TITLES[one.proxy], f"{one.calls:,}", f"{one.frames_per_s:,.0f}", one.limit or "not tried"]
        for one in results.held
    ]
    return table(("", "calls", "frames/s", "why not more"), rows) if rows else ""


def connects(results: Results) -> str:
    """Return how long it takes until a call can talk."""
    found = {(one.proxy, one.secure): one for one in results.connects}
    rows: list[list[str]] = []
    for proxy in TITLES:
        if (proxy, False) not in found:
            continue
        row = [TITLES[proxy]]
        for secure in (False, True):
            one = found.get((proxy, secure))
            row += [
                _figure(one.greeting_us if one else None, 2, 1e-3),
                _figure(one.added_us if one and proxy != DIRECT else None, 2, 1e-3),
            ]
        rows.append(row)
    heads = ("", "first frame, ms", "added", "with TLS, ms", "added")
    return table(heads, rows) if rows else ""


def memory(results: Results) -> str:
    """Return what calls take of memory."""
    rows = [
        [
            TITLES[one.proxy],
            _figure(one.started_kb, 0, 1 / 1024),
            _figure(one.talked_kb, 0, 1 / 1024),
            _figure(one.resident_kb, 0, 1 / 1024) if one.calls > one.talked_calls else MISSING,
            _figure(one.idle_kb_per_call, 1),
            _figure(one.talked_kb_per_call, 1),
        ]
        for one in results.memory
    ]
    heads = ("", "MB with 1 call", "with 100 that talked", "and 900 idle",
             "kB per idle call", "per call that talked")  # fmt: skip
    return table(heads, rows) if rows else ""


def workers(results: Results) -> str:
    """Return how calls spread."""
    rows = [
        [one.name, str(one.calls), f"{one.frames:,}", _figure(one.cpu_us, 1)]
        for one in results.workers
    ]
    return table(("", "calls", "frames", "CPU µs/frame"), rows) if rows else ""


def profile(results: Results) -> str:
    """Return where the time goes."""
    rows = [
        [one.part, _figure(one.us, 1), ", ".join(f"{name} {us:.1f}" for name, us in one.functions)]
        for one in results.profile
    ]
    return table(("", "µs/frame", "most of it"), rows) if rows else ""


def recording(found: Recording) -> str:
    """Return what the recorder can do."""
    parts = ", ".join(f"{part} {us:.1f}" for part, us in found.recorder_parts_us.items())
    seal = ", ".join(f"{part} {us / 1000:.1f}" for part, us in found.seal_parts_us.items())
    jobs = ", ".join(f"{way} {rate:,}" for way, rate in found.jobs_per_cpu_s.items())
    calls = found.frames_per_core / TALKING_FRAMES_PER_S
    stored = ", ".join(
        f"{what} {size / 1000:,.0f} kB" for what, size in found.bytes_per_call_minute.items()
    )
    return table(
        (f"{found.calls} calls of {found.call_seconds} s, {found.frames:,} frames", "", ""),
        (
            ("journal read", f"{found.read_us:.1f} µs/frame", ""),
            ("fold", f"{found.fold_us:.1f} µs/frame", ""),
            ("recorder, calls live", f"{found.recorder_us:.1f} µs/frame", parts),
            ("  a core keeps up with", f"{found.frames_per_core:,.0f} frames/s",
             f"{calls:,.0f} calls that talk all the time, both ways"),
            ("sealing", f"{found.sealed_per_cpu_s:,.0f} s of call per CPU s", f"{seal} ms/s"),
            ("  by itself", "", f"{jobs} s of call per CPU s"),
            ("  all at once", f"{found.seal_s:.1f} s", "until the last was playable"),
            ("reindex", f"{found.reindexed_per_s:,.0f} frames/s", ""),
            ("a minute of a call takes", "", stored),
        ),
    )  # fmt: skip


def live(found: Live) -> str:
    """Return how the recorder follows."""
    ended = f"{found.ended_calls} that ended in {found.seconds} s"
    waits = f"of {ended}, {found.wait_s:.0f} s after the last"
    return table(
        (f"{found.calls} calls of {found.seconds} s, {found.frames_per_s:,.0f} frames/s", "", ""),
        (
            ("fold and facts", f"{found.cores:.2f} cores", ""),
            ("sealing and compression", f"{found.sealing_cores:.2f} cores", "at low priority"),
            ("behind at the end", f"{found.behind_s:.2f} s", ""),
            ("seen to be over", *_waited(found.visible_p50_s, found.visible_max_s)),
            ("playable", *_waited(found.playable_p50_s, found.playable_max_s)),
            ("", f"{found.playable}", waits),
            ("lossless yet", f"{found.lossless}", ""),
        ),
    )


def _waited(p50_s: float | None, most_s: float | None) -> tuple[str, str]:
    return f"p50 {_figure(p50_s, 2)} s", f"at most {_figure(most_s, 2)} s after its end"


def ended(results: Results) -> str:
    """Return how soon a call is there."""
    one = results.ended
    if one is None:
        return ""
    return table(
        (f"{one.calls} calls of {one.call_seconds:g} s that end at once", "p50, s", "last, s"),
        (
            ("seen to be over", f"{one.visible_p50_s:.2f}", f"{one.visible_max_s:.2f}"),
            ("playable", f"{one.playable_p50_s:.2f}", f"{one.playable_max_s:.2f}"),
        ),
    )


def started(results: Results) -> str:
    """Return how long processes take to start."""
    rows = [
        [
            f"trunkline {one.process}",
            _figure(one.seconds, 2),
            _figure(one.cpu_seconds, 2),
            _figure(one.resident_kb, 0, 1 / 1024),
        ]
        for one in results.started
    ]
    return table(("", "s", "CPU s", "memory, MB"), rows) if rows else ""


def queried(found: Queried) -> str:
    """Return a store of many calls: what its questions take, its size, and what it takes in."""
    asked = table(
        ("", "p50, ms", "p95, ms", "CPU, ms"),
        [
            [one.name, f"{one.p50_ms:,.0f}", f"{one.p95_ms:,.0f}", f"{one.cpu_ms:,.0f}"]
            for one in found.asked
        ],
    )
    stored = table(
        ("", "rows/s", "calls/s", "a batch p50, ms", "at most, ms"),
        [
            [name, f"{one.rows_per_s:,}", f"{one.calls_per_s:,.1f}", f"{one.p50_ms:,.0f}",
             f"{one.max_ms:,.0f}"]
            for name, one in (("nobody asks", found.alone), ("all is asked", found.beside))
        ],
    )  # fmt: skip
    rows = ", ".join(f"{count:,} {name}" for name, count in found.rows.items())
    parts = ", ".join(
        f"{name} {size / found.calls:,.0f}" for name, size in found.table_bytes.items()
    )
    unsearched = found.bytes_per_call - found.search_bytes // found.calls
    return (
        f"{rows}.\n\n{found.bytes_per_call:,} bytes of disk a call ({parts}); {unsearched:,}"
        " without the index for search. Beside it the index of frames, as long as a call talks:"
        f" {found.bytes_per_frame:,} bytes a frame. Resident memory: "
        f"{found.idle_mb:,} MB, {found.peak_mb:,} MB after all questions.\n\n{asked}\n\n"
        f"Stored in batches of {found.alone.batch_rows:,} rows, most of them frames:\n\n{stored}"
    )


def page(found: CallPage) -> str:
    """Return how the page of a long call opens."""
    visits = table(
        ("ms", "server", "painted", "usable", "slowest", "waveform", "click to sound",
         "longest task"),
        [
            [one.name, *(_figure(ms, 0) for ms in (
                one.server_ms, one.painted_ms, one.usable_ms, one.usable_max_ms, one.waveform_ms,
                one.play_ms, one.longest_task_ms,
            ))]
            for one in found.visits
        ],
    )  # fmt: skip
    return (
        f"{found.minutes} minutes, {found.turns} turns, {found.lines} lines of transcript,"
        f" {found.frames:,} frames: {found.html_bytes / 1000:,.0f} kB of HTML"
        f" ({found.html_sent_bytes / 1000:,.0f} compressed), {found.elements:,} elements,"
        f" {found.script_sent_bytes / 1000:,.0f} kB of scripts (compressed).\n\n{visits}"
    )


def in_order(found: Iterable[Relayed]) -> list[Relayed]:
    """Return them in the order in which they are shown."""
    order = list(TITLES)
    return sorted(found, key=lambda one: order.index(one.proxy))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; columns of figures are aligned to the right."""
    columns = list(zip(*rows, strict=True))
    figures = [all(_FIGURE.fullmatch(cell) for cell in column) for column in columns]
    widths = [max(map(len, (head, *column))) for head, column in zip(heads, columns, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, figures, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rules = (
        "-" * (width + 1) + (":" if right else "-")
        for width, right in zip(widths, figures, strict=True)
    )
    return "\n".join((line(heads), f"|{'|'.join(rules)}|", *map(line, rows)))


def _figure(number: float | None, digits: int, factor: float = 1) -> str:
    return MISSING if number is None else f"{number * factor:,.{digits}f}"
