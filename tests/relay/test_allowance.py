"""What a key allows. Times in the tables are seconds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.relay.world import key

from trunkline.relay.allowance import (
    MINUTE_NS,
    is_bounded,
    is_counted,
    noted,
    overdue,
    spent,
    too_many,
    too_often,
    wait_ns,
)
from trunkline.relay.refusal import Refusal

S = 10**9
NOW_US = 1_795_356_000_000_000


def told(refusal: Refusal | None) -> tuple[int, str, str, str]:
    assert refusal is not None
    retry_after = dict(refusal.headers)["Retry-After"]
    return refusal.status, refusal.type, refusal.code, retry_after


def test_each_limit_has_its_answer() -> None:
    limited = key(max_calls=3, max_calls_per_minute=20, spent_until_us=NOW_US + 1_500_000)
    assert told(too_many(limited)) == (429, "rate_limit_error", "key_concurrency", "5")
    assert told(too_often(limited, 1_200_000_000)) == (429, "rate_limit_error", "key_rate", "2")
    assert told(spent(limited, NOW_US)) == (429, "rate_limit_error", "key_budget", "2")
    orgs = key(org_spent_until_us=NOW_US + 1)
    assert told(spent(orgs, NOW_US)) == (429, "rate_limit_error", "org_budget", "1")
    assert "3 calls" in too_many(limited).message
    assert "20 calls" in too_often(limited, 1).message


def test_a_budget_is_fresh_again_when_its_month_is_over() -> None:
    assert spent(key(spent_until_us=NOW_US), NOW_US - 1) is not None
    assert spent(key(spent_until_us=NOW_US), NOW_US) is None
    assert spent(key(), NOW_US) is None


@pytest.mark.parametrize(
    ("limits", "counted", "bounded"),
    [
        ({}, False, False),
        ({"max_calls": 1}, True, False),
        ({"max_calls_per_minute": 1}, True, False),
        ({"max_call_seconds": 1}, False, True),
        ({"spent_until_us": 1}, False, True),
        ({"org_spent_until_us": 1}, False, True),
    ],
)
def test_only_what_has_a_limit_is_looked_at(
    limits: dict[str, Any], counted: bool, bounded: bool
) -> None:
    assert (is_counted(key(**limits)), is_bounded(key(**limits))) == (counted, bounded)


OVERDUE = {
    "no limit": ({}, 10**6, None),
    "not yet": ({"max_call_seconds": 60}, 59.999, None),
    "exactly": ({"max_call_seconds": 60}, 60, "key_duration"),
    "budget not spent": ({"spent_until_us": NOW_US}, 1, None),
    "budget spent": ({"spent_until_us": NOW_US + 1}, 1, "key_budget"),
    "organisation's budget spent": ({"org_spent_until_us": NOW_US + 1}, 1, "org_budget"),
}


@pytest.mark.parametrize(("limits", "lasted_s", "why"), OVERDUE.values(), ids=OVERDUE)
def test_a_live_call_ends_when_it_must(
    limits: dict[str, Any], lasted_s: float, why: str | None
) -> None:
    assert overdue(key(**limits), round(lasted_s * S), NOW_US) == why


WAITS = {
    "nothing before": ([], 2, 100, 0),
    "one before": ([90], 2, 100, 0),
    "as many as may": ([90, 95], 2, 100, 50),
    "a minute ago exactly": ([40, 95], 2, 100, 0),
    "not quite a minute ago": ([40.5, 95], 2, 100, 0.5),
    "more than may, since the limit was lowered": ([90, 92, 95, 99], 2, 100, 55),
    "in any order": ([95, 90], 2, 100, 50),
    "from before the machine was started again": ([5000, 6000], 2, 100, 0),
}


@pytest.mark.parametrize(
    ("began_s", "per_minute", "now_s", "wait_s"), WAITS.values(), ids=WAITS.keys()
)
def test_how_long_the_next_call_must_wait(
    began_s: list[float], per_minute: int, now_s: float, wait_s: float
) -> None:
    began_ns = [round(at_s * S) for at_s in began_s]
    assert wait_ns(began_ns, per_minute, now_s * S) == wait_s * S


@given(
    st.lists(st.integers(0, 20 * S), min_size=1, max_size=60),
    st.integers(1, 5),
)
def test_no_minute_has_more_than_may_wherever_it_is_laid(pauses: list[int], most: int) -> None:
    remembered: tuple[int, ...] = ()
    began: list[int] = []
    now_ns = 10**15
    for pause_ns in pauses:
        now_ns += pause_ns
        wait = wait_ns(remembered, most, now_ns)
        assert wait <= MINUTE_NS
        if wait > 0:
            # Whoever waits for so long, and no longer, gets in.
            assert wait_ns(remembered, most, now_ns + wait) <= 0
            assert wait_ns(remembered, most, now_ns + wait - 1) > 0
            continue
        remembered = noted(remembered, most, now_ns)
        began.append(now_ns)
        assert len(remembered) <= most
    for first, last in zip(began, began[most:], strict=False):
        assert last - first >= MINUTE_NS
