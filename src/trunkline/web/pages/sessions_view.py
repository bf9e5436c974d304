"""Pure. Sessions, and the calls of one session as a tree by their paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from trunkline.store.facts.queries_sessions import SessionRow
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.sorting_sessions import SessionSort
from trunkline.store.thresholds import DEFAULT, Thresholds
from trunkline.web.api.session_tree import steps
from trunkline.web.pages import calls_view, text
from trunkline.web.pages.call_facts import Fact
from trunkline.web.pages.usage_view import total


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


def tree(calls: Sequence[CallRow], *, now_us: int, own: Thresholds = DEFAULT) -> tuple[Line, ...]:
    """Return a session's calls beneath their paths, depth first, in the order of their opening."""
    root = _Node()
    for call in sorted(calls, key=lambda call: (call.opened_at_us, call.call_id)):
        node = root
        for part in steps(call.session_path):
            node = node.children.setdefault(part, _Node())
        node.calls.append(call)
    found: list[Line] = []
    _walk(root, 0, found, now_us, own)
    return tuple(found)


def _walk(node: _Node, depth: int, found: list[Line], now_us: int, own: Thresholds) -> None:
    calls = calls_view.rows(node.calls, now_us=now_us, own=own)
    found.extend(Line(depth=depth, name=row.call_id, call=row) for row in calls)
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
        _walk(child, depth + 1, found, now_us, own)


def cost_of(calls: Sequence[CallRow]) -> str:
    """Return what calls cost together; `+` when some of it has no price."""
    cost: Decimal | None = total([call.cost_usd for call in calls])
    unpriced = any(call.unpriced for call in calls)
    if cost is None:
        return text.UNPRICED if unpriced else text.UNKNOWN
    return text.money(cost) + ("+" if unpriced else "")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table of sessions. `metric` names its definition in the glossary."""

    name: str
    label: str
    metric: str = ""
    number: bool = False
    sort: SessionSort | None = None


COLUMNS: Final = (
    Column("name", "Session", sort="name"),
    Column("last_at", "Last call", sort="last_at"),
    Column("users", "User"),
    Column("models", "Model"),
    Column("calls", "Calls", number=True, sort="calls"),
    Column("turns", "Turns", "turns", number=True, sort="turns"),
    Column("length", "Talked", number=True, sort="talk_ms"),
    Column("wait", "Wait p50", "wait_p50_all", number=True, sort="wait_p50_ms"),
    Column("failed", "Failed", number=True, sort="failed"),
    Column("cost", "Cost", "cost", number=True, sort="cost_usd"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table of sessions."""

    session_id: str
    name: str
    live: bool
    last_at_iso: str
    last_at: str
    users: str
    models: str
    calls: str
    turns: str
    length: str
    wait: str
    wait_tone: str
    waits: str
    """How many turns the wait is the median of."""
    failed: str
    cost: str


def rows(sessions: Sequence[SessionRow], own: Thresholds = DEFAULT) -> tuple[Row, ...]:
    """Return the rows of the table of sessions."""
    return tuple(
        Row(
            session_id=session.session_id,
            name=session.name,
            live=session.live > 0,
            last_at_iso=text.iso(session.last_at_us),
            last_at=text.when(session.last_at_us),
            users=_some(session.users),
            models=_some(session.models),
            calls=text.count(session.calls),
            turns=text.count(session.turns),
            length=text.clock(session.talk_us),
            wait=text.wait(session.wait_p50_us),
            wait_tone=text.wait_tone(session.wait_p50_us, own),
            waits=text.count(session.waits) if session.waits else "",
            failed=text.count(session.failed) if session.failed else "",
            cost=_cost(session),
        )
        for session in sessions
    )


def facts(session: SessionRow, own: Thresholds = DEFAULT) -> tuple[Fact, ...]:
    """Return the numbers at the top of one session's page."""
    live = f"{text.count(session.live)} live now" if session.live else ""
    failed = f"{text.count(session.failed)} failed" if session.failed else ""
    return (
        Fact("calls", "Calls", text.count(session.calls), ", ".join(filter(None, (live, failed)))),
        Fact("turns", "Turns", text.count(session.turns), _some(session.users)),
        Fact("duration", "Talked", text.clock(session.talk_us), _span(session)),
        _wait(session, own),
        Fact("cost", "Cost", _cost(session), _tokens(session)),
    )


def _wait(session: SessionRow, own: Thresholds) -> Fact:
    p50_us = session.wait_p50_us
    n = f"n = {text.plural(session.waits, 'turn')}"
    tone = text.wait_tone(p50_us, own)
    return Fact("wait_p50_all", "Caller waited, p50", text.wait(p50_us), n, tone)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return names[0] + more if names else ""


def _span(session: SessionRow) -> str:
    return f"over {text.clock(session.duration_us)}" if session.calls > 1 else ""


def _tokens(session: SessionRow) -> str:
    if session.unpriced:
        return "no price for " + ", ".join(session.unpriced)
    return text.plural(session.input_tokens + session.output_tokens, "token")


def _cost(session: SessionRow) -> str:
    if session.cost_usd is None:
        return text.UNPRICED if session.unpriced else text.UNKNOWN
    return text.money(session.cost_usd) + ("+" if session.unpriced else "")
