"""Pure. The most important figures as a picture: SVG that reads well in light and in dark."""

import math
from collections.abc import Iterable, Iterator
from html import escape

from bench.results import Relayed, Results
from bench.tables import TITLES, in_order, load

PLAN = "calls-100"
SHOWN = ("nginx", "haproxy", "trunkline", "bridge", "portkey", "litellm")
OURS = ("trunkline", "bridge")
ROW = 34
TOP = 78
BAR = 16
NAMES_END = 178
LEFT, LEFT_END = 190, 470
RIGHT, RIGHT_END = 580, 850
WIDTH = 880
LEAST_MS, MOST_MS = 0.02, 50.0
"""Ends of the logarithmic axis of times."""
_STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328; }
  .head { font-weight: 600; }
  .small { font-size: 11.5px; fill: #59636e; }
  .ours { font-weight: 600; }
  .bar { fill: #afb8c1; } .bar.ours { fill: #0b7a75; }
  .line { stroke: #afb8c1; stroke-width: 3; } .line.ours { stroke: #0b7a75; }
  .p50 { fill: #6e7781; } .p50.ours { fill: #0b7a75; }
  .p99 { fill: none; stroke: #6e7781; stroke-width: 2; } .p99.ours { stroke: #0b7a75; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; }
    .bar { fill: #59636e; } .bar.ours { fill: #2dd4bf; }
    .line { stroke: #59636e; } .line.ours { stroke: #2dd4bf; }
    .p50 { fill: #9198a1; } .p50.ours { fill: #2dd4bf; }
    .p99 { stroke: #9198a1; } .p99.ours { stroke: #2dd4bf; }
    .grid { stroke: #3d444d; }
  }
"""


def picture(results: Results) -> str:
    """Return the picture; without the figures that it is of, one that says so."""
    shown = in_order(
        one for one in results.relayed
        if one.plan == PLAN and one.proxy in SHOWN and one.cpu_us is not None
    )  # fmt: skip
    height = TOP + ROW * len(shown) + 34
    title = load(shown[0]) if shown else "nothing was measured"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="title">',
            f'<title id="title">{escape(_words(shown))}</title>',
            f"<style>{_STYLE}</style>",
            _text(0, 18, title, "small"),
            _text(LEFT, 48, "CPU per relayed frame, µs", "head"),
            _text(RIGHT, 48, "Added to a round trip, ms", "head"),
            *_axis(height),
            *_rows(shown),
            _text(RIGHT, height - 6, "● half of them · ○ all but one in a hundred", "small"),
            "</svg>\n",
        )
    )


def _words(shown: Iterable[Relayed]) -> str:
    """Return the figures for whoever cannot see them."""
    return "CPU per relayed frame: " + ", ".join(
        f"{TITLES[one.proxy]} {one.cpu_us:.1f} µs" for one in shown
    )


def _axis(height: int) -> Iterator[str]:
    for ms in (0.1, 1, 10):
        x = _at(ms)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP - 12}" y2="{height - 30}"/>'
        yield _text(x, TOP - 16, f"{ms:g}", "small", "middle")


def _rows(shown: list[Relayed]) -> Iterator[str]:
    base_us = next((one.cpu_us for one in shown if one.proxy == "nginx"), None)
    most_us = max((one.cpu_us or 0 for one in shown), default=1)
    for number, one in enumerate(shown):
        middle = TOP + ROW * number + ROW // 2
        ours = " ours" if one.proxy in OURS else ""
        yield _text(NAMES_END, middle + 4, TITLES[one.proxy], ours, "end")
        yield from _bar(one.cpu_us or 0, base_us, most_us, middle, ours)
        yield from _span(one, middle, ours)


def _bar(us: float, base_us: float | None, most_us: float, middle: int, ours: str) -> Iterator[str]:
    width = round((LEFT_END - LEFT) * us / most_us, 1)
    yield (
        f'<rect class="bar{ours}" x="{LEFT}" y="{middle - BAR // 2}" width="{width}" '
        f'height="{BAR}" rx="2"/>'
    )
    beside = f" · {us / base_us:.1f}×" if base_us else ""
    yield _text(LEFT + width + 6, middle + 4, f"{us:.1f}{beside}", "small")


def _span(one: Relayed, middle: int, ours: str) -> Iterator[str]:
    half_us, most_us = one.added_us.p50, one.added_us.p99
    if half_us is None:
        return
    left = _at(half_us / 1000)
    if most_us is not None:
        right = _at(most_us / 1000)
        yield f'<line class="line{ours}" x1="{left}" x2="{right}" y1="{middle}" y2="{middle}"/>'
        yield f'<circle class="p99{ours}" cx="{right}" cy="{middle}" r="5"/>'
    yield f'<circle class="p50{ours}" cx="{left}" cy="{middle}" r="5"/>'


def _at(ms: float) -> float:
    """Return the place of a time on the axis; what lies beyond its ends is shown at them."""
    share = math.log(max(ms, LEAST_MS) / LEAST_MS) / math.log(MOST_MS / LEAST_MS)
    return round(RIGHT + (RIGHT_END - RIGHT) * min(share, 1), 1)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    style = f' class="{kind.strip()}"' if kind.strip() else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{style}>{escape(text)}</text>'
