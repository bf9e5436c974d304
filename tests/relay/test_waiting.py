"""Connections that are not calls yet."""

from __future__ import annotations

from trunkline.relay.waiting import Waiting


def test_beyond_the_bound_the_oldest_leaves() -> None:
    left: list[int] = []
    waiting = Waiting(2)
    for who in (1, 2, 3, 4):
        waiting.came(who, lambda who=who: left.append(who))
    assert left == [1, 2]
    assert len(waiting) == 2


def test_who_has_gone_makes_room_and_is_not_asked_to_leave() -> None:
    left: list[int] = []
    waiting = Waiting(1)
    waiting.came(1, lambda: left.append(1))
    waiting.gone(1)
    waiting.gone(1)
    waiting.came(2, lambda: left.append(2))
    assert left == []
    assert len(waiting) == 1


def test_who_comes_again_is_the_last() -> None:
    left: list[int] = []
    waiting = Waiting(2)
    for who in (1, 2, 1, 3):
        waiting.came(who, lambda who=who: left.append(who))
    assert left == [2]


def test_who_leaves_may_say_so_itself() -> None:
    waiting = Waiting(1)
    waiting.came(1, lambda: waiting.gone(1))
    waiting.came(2, lambda: waiting.gone(2))
    assert len(waiting) == 1
