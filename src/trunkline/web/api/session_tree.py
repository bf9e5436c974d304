"""Pure. A session's calls as a tree by their paths.

`/support/greeting` lies below `/support`, which may have calls of its own. A missing
slash at the beginning, doubled ones and one at the end make no difference, and a call
without a path stands at the root: none is ever left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from trunkline.store.facts.rows import CallRow
from trunkline.web.api import models, shape

MAX_DEPTH = 32
"""Steps beyond it are part of the last one's name."""


@dataclass
class _Node:
    name: str
    path: str
    calls: list[CallRow] = field(default_factory=list)
    children: dict[str, _Node] = field(default_factory=dict)

    def child(self, name: str) -> _Node:
        path = f"{self.path.rstrip('/')}/{name}"
        return self.children.setdefault(name, _Node(name, path))


def tree(calls: Iterable[CallRow]) -> models.SessionNode:
    """Return the root. Children are in the order in which their first call was opened."""
    root = _Node("", "/")
    for call in calls:
        node = root
        for name in steps(call.session_path):
            node = node.child(name)
        node.calls.append(call)
    return _as_model(root)


def steps(path: str) -> list[str]:
    """Return the names in a path."""
    names = [name for name in path.split("/") if name.strip()]
    if len(names) <= MAX_DEPTH:
        return names
    return [*names[: MAX_DEPTH - 1], "/".join(names[MAX_DEPTH - 1 :])]


def _as_model(node: _Node) -> models.SessionNode:
    children = [_as_model(child) for child in node.children.values()]
    below = [child.totals for child in children]
    costs = [call.cost_usd for call in node.calls] + [total.cost_usd for total in below]
    priced = [cost for cost in costs if cost is not None]
    return models.SessionNode(
        name=node.name,
        path=node.path,
        totals=models.Totals(
            calls=len(node.calls) + sum(total.calls for total in below),
            duration_ms=sum(call.duration_us or 0 for call in node.calls) / 1000
            + sum(total.duration_ms for total in below),
            turns=sum(call.turns for call in node.calls) + sum(total.turns for total in below),
            cost_usd=sum(priced, Decimal(0)) if priced else None,
            unpriced=sorted(
                {model for call in node.calls for model in call.unpriced}
                | {model for total in below for model in total.unpriced}
            ),
        ),
        calls=[shape.call(call) for call in node.calls],
        children=children,
    )
