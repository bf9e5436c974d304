"""Pure. Sessions, and the calls of one session as a tree by their paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from trunkline.store.facts.rows import CallRow
from trunkline.web.pages import calls_view, text
from trunkline.web.pages.usage_view import total

MAX_DEPTH = 24
"""Deeper paths are shown at this depth: a caller chooses them freely."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the tree: a part of a path with its totals, or a call."""

    depth: int
    name: str
    call: calls_view.Row | None = None
    calls: str = ""
    length: str = ""
    cost: str = ""


@dataclass(slots=True)
class _Node:
    calls: list[CallRow] = field(default_factory=list)
    children: dict[str, _Node] = field(default_factory=dict)

    def all_calls(self) -> list[CallRow]:
        below = [call for child in self.children.values() for call in child.all_calls()]
        return self.calls + below


def tree(calls: Sequence[CallRow], *, now_us: int) -> tuple[Line, ...]:
    """Return a session's calls beneath their paths, depth first, in the order of their opening."""
    root = _Node()
    for call in sorted(calls, key=lambda call: (call.opened_at_us, call.call_id)):
        node = root
        for part in [part for part in call.session_path.split("/") if part][:MAX_DEPTH]:
            node = node.children.setdefault(part, _Node())
        node.calls.append(call)
    found: list[Line] = []
    _walk(root, 0, found, now_us)
    return tuple(found)


def _walk(node: _Node, depth: int, found: list[Line], now_us: int) -> None:
    for row in calls_view.rows(node.calls, now_us=now_us):
        found.append(Line(depth=depth, name=row.call_id, call=row))
    for part, child in node.children.items():
        below = child.all_calls()
        found.append(
            Line(
                depth=depth,
                name="/" + part,
                calls=text.plural(len(below), "call"),
                length=text.clock(sum(call.duration_us or 0 for call in below)),
                cost=cost_of(below),
            )
        )
        _walk(child, depth + 1, found, now_us)


def cost_of(calls: Sequence[CallRow]) -> str:
    """Return what calls cost together; `+` when some of it has no price."""
    cost: Decimal | None = total([call.cost_usd for call in calls])
    unpriced = any(call.unpriced for call in calls)
    if cost is None:
        return text.UNPRICED if unpriced else text.UNKNOWN
    return text.money(cost) + ("+" if unpriced else "")
