"""Pure. What a key allows: how many calls, how often, how long, and for how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from trunkline.protocol.call import EndReason
from trunkline.relay.refusal import Refusal
from trunkline.snapshot import Key

MINUTE_NS = 60 * 10**9
SECOND_NS = 10**9
SECOND_US = 10**6
Budget: TypeAlias = Literal["key_budget", "org_budget"]
_OWNERS: dict[Budget, str] = {"key_budget": "key", "org_budget": "key's organisation"}
RETRY_AFTER_CALLS_S = 5
"""When another of the key's calls ends nobody knows; soon, for calls last minutes."""


def is_counted(key: Key) -> bool:
    """Return whether the gateways of a machine must count the calls of `key` together."""
    return key.max_calls > 0 or key.max_calls_per_minute > 0


def is_bounded(key: Key) -> bool:
    """Return whether live calls of `key` may have to end; see `overdue`."""
    return max(key.max_call_seconds, key.spent_until_us, key.org_spent_until_us) > 0


def spent(key: Key, wall_us: int) -> Refusal | None:
    """Return the refusal of a key whose budget, or its organisation's, is spent; or None."""
    budget, until_us = _spent_budget(key, wall_us)
    if budget is None:
        return None
    return _too_much(
        budget,
        f"the {_OWNERS[budget]} has spent its budget for the month: raise it, or wait for the next",
        -(-(until_us - wall_us) // SECOND_US),
    )


def too_many(key: Key) -> Refusal:
    """Return the refusal of a key that has as many calls as it may."""
    return _too_much(
        "key_concurrency",
        f"this key has {key.max_calls} calls at once, which is its limit: end one first",
        RETRY_AFTER_CALLS_S,
    )


def too_often(key: Key, wait_ns: int) -> Refusal:
    """Return the refusal of a key that has begun as many calls in a minute as it may."""
    return _too_much(
        "key_rate",
        f"this key began {key.max_calls_per_minute} calls within a minute, which is its limit",
        -(-wait_ns // SECOND_NS),
    )


def wait_ns(began_ns: Sequence[int], per_minute: int, now_ns: int) -> int:
    """Return how long to wait before the next call; 0 or less: it may begin now.

    `began_ns` is when calls began, in any order. Those of the last minute count, so that
    no minute has more than `per_minute`, wherever it is laid.
    """
    recent = _recent(began_ns, now_ns)
    if len(recent) < per_minute:
        return 0
    # One may begin when the oldest of the latest `per_minute` is a minute ago.
    return recent[-per_minute] + MINUTE_NS - now_ns


def noted(began_ns: Sequence[int], per_minute: int, now_ns: int) -> tuple[int, ...]:
    """Return what to remember when a call begins now: what still counts, and no more."""
    return (*_recent(began_ns, now_ns), now_ns)[-per_minute:]


def overdue(key: Key, lasted_ns: int, wall_us: int) -> EndReason | None:
    """Return why a live call of `key` must end now, or None."""
    if 0 < key.max_call_seconds * SECOND_NS <= lasted_ns:
        return "key_duration"
    return _spent_budget(key, wall_us)[0]


def _spent_budget(key: Key, wall_us: int) -> tuple[Budget | None, int]:
    """Return which budget is spent at `wall_us`, and until when it is."""
    if wall_us < key.spent_until_us:
        return "key_budget", key.spent_until_us
    if wall_us < key.org_spent_until_us:
        return "org_budget", key.org_spent_until_us
    return None, 0


def _recent(began_ns: Sequence[int], now_ns: int) -> list[int]:
    # What is in the future was counted before the machine was started again, and its clock with it.
    return sorted(at_ns for at_ns in began_ns if now_ns - MINUTE_NS < at_ns <= now_ns)


def _too_much(code: str, message: str, retry_after_s: int) -> Refusal:
    return Refusal(
        status=429, code=code, message=message, headers=(("Retry-After", str(retry_after_s)),)
    )
