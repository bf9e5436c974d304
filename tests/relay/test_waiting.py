"""Connections that are not calls yet."""

from __future__ import annotations

from trunkline.relay.waiting import Waiting


def test_beyond_the_bound_the_oldest_leaves() -> None:
    left: list[str] = []
    waiting = Waiting(2)
    for who in ("a", "b", "c", "d"):
        waiting.came(who, lambda who=who: left.append(who))
    assert left == ["a", "b"]
    assert len(waiting) == 2


def test_who_has_gone_makes_room_and_is_not_asked_to_leave() -> None:
    left: list[str] = []
    waiting = Waiting(1)
    waiting.came("a", lambda: left.append("a"))
    waiting.gone("a")
    waiting.gone("a")
    waiting.came("b", lambda: left.append("b"))
    assert left == []
    assert len(waiting) == 1


def test_who_comes_again_is_the_last() -> None:
    left: list[str] = []
    waiting = Waiting(2)
    for who in ("a", "b", "a", "c"):
        waiting.came(who, lambda who=who: left.append(who))
    assert left == ["b"]


def test_who_leaves_may_say_so_itself() -> None:
    waiting = Waiting(1)
    waiting.came("a", lambda: waiting.gone("a"))
    waiting.came("b", lambda: waiting.gone("b"))
    assert len(waiting) == 1
