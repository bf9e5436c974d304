"""Pure. Figures in prose: what stands between markers in the READMEs is written by the bench.

    <!-- bench:NAME -->
    ...
    <!-- /bench -->

so that no README can tell of figures that nobody has measured.
"""

import re
from collections.abc import Callable

from bench import tables
from bench.results import Recording, Relayed, Results
from bench.tables import TALKING_FRAMES_PER_S

_MARKED = re.compile(r"(<!-- bench:(\w+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def quoted(page: str, results: Results) -> str:
    """Return `page` with the figures of `results` between its markers. Raises `KeyError`."""
    return _MARKED.sub(lambda found: f"{found[1]}{QUOTES[found[2]](results)}\n{found[3]}", page)


def summary(results: Results) -> str:
    """Return what a newcomer wants to know, in a few sentences."""
    by_name = {one.proxy: one for one in results.relayed if one.plan == "calls-100"}
    ours, nginx = by_name.get("trunkline"), by_name.get("nginx")
    stamp = results.stamps.get("calls-100")
    if ours is None or nginx is None or stamp is None or not (ours.cpu_us and nginx.cpu_us):
        return "Nothing has been measured yet."
    others = [
        f"{tables.TITLES[name]} {one.cpu_us:.0f}"
        for name, one in by_name.items()
        if name in ("portkey", "litellm") and one.cpu_us
    ]
    sentences = [
        f"At 100 calls of 25 frames/s each way, on {stamp.at[:10]}, nginx passing through takes "
        f"{nginx.cpu_us:.1f} µs of CPU for a frame, and Trunkline {ours.cpu_us:.1f} µs with every "
        f"frame recorded, {ours.cpu_us / nginx.cpu_us:.2f} times as much"
        + (f" ({', '.join(others)})." if others else "."),
        _added(ours, nginx),
        *([_recorded(results.recording)] if results.recording else []),
    ]
    return f"{_picture('bench/results')}\n\n{' '.join(sentences)}"


def _picture(directory: str) -> str:
    """Return the picture, for a page from which `directory` leads to the results."""
    words = "CPU per relayed frame and added round trip, beside other proxies"
    return f"![{words}]({directory}/latest.svg)"


def _added(ours: Relayed, nginx: Relayed) -> str:
    half, most = ours.added_us, nginx.added_us
    if None in (half.p50, half.p99, most.p50, most.p99):
        return ""
    return (
        f"It adds {_ms(half.p50)} ms to a round trip at the median and {_ms(half.p99)} ms at p99, "
        f"nginx {_ms(most.p50)} and {_ms(most.p99)} ms."
    )


def _ms(us: float | None) -> str:
    return f"{(us or 0) / 1000:.2f}"


def _recorded(found: Recording) -> str:
    return (
        f"The recorder takes another {found.recorder_us:.0f} µs for a frame, in a process of its "
        f"own and in its own time: one core keeps up with {found.frames_per_core:,.0f} frames/s, "
        f"{found.frames_per_core / TALKING_FRAMES_PER_S:,.0f} calls that talk all the time, or "
        f"makes {found.sealed_per_cpu_s:,.0f} s of call playable in a second."
    )


def figures(results: Results) -> str:
    """Return the tables that most people look for."""
    stamp = results.stamps.get("calls-100")
    found = [one for one in results.relayed if one.plan == "calls-100"]
    if stamp is None or not found:
        return "Nothing has been measured yet."
    return "\n\n".join(
        (
            _picture("results"),
            f"Newest, {tables.conditions(stamp)} All of them: [latest.md](results/latest.md).",
            f"{tables.load(found[0])}:",
            tables.relayed(found),
            "CPU per relayed frame, µs, and beside nginx:",
            tables.matrix(results),
        )
    )


QUOTES: dict[str, Callable[[Results], str]] = {
    "summary": summary,
    "figures": figures,
}
"""By the name that stands in the marker."""
