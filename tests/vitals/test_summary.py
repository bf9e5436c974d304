"""Many processes' figures as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.vitals.of import NOW_NS, gateway, of, server, supervisor

from trunkline.vitals.figures import Journal, Leg, Machine, Recorder
from trunkline.vitals.fleet import STALE_NS, Seen, fleet
from trunkline.vitals.summary import quantile_ns, summary


def counted(*times_ns: int) -> list[int]:
    counts = [0] * 64
    for time_ns in times_ns:
        counts[time_ns.bit_length()] += 1
    return counts


def test_gateways_are_added_and_the_worst_of_them_is_shown() -> None:
    found = summary(
        of(
            gateway_0=gateway(
                live_calls=3,
                attempts=10,
                refused={"invalid_key": 1, "gateway_full": 5},
                caller=Leg(frames=100, bytes=1000, buffered_bytes=7),
                recent_relay=tuple(counted(20_000, 20_000)),
                journal=Journal(lost_frames=1, unsynced_age_ns=50, backlog_bytes=10),
                machine=Machine(disk_free_bytes=5, disk_bytes=10),
            ),
            gateway_1=gateway(
                live_calls=4,
                attempts=20,
                refused={"invalid_key": 1},
                caller=Leg(frames=200, bytes=2000, buffered_bytes=9),
                recent_relay=tuple(counted(40_000)),
                journal=Journal(lost_frames=2, unsynced_age_ns=90, failing="disk_full"),
                machine=Machine(disk_free_bytes=4, disk_bytes=10),
            ),
            server=server(
                recorder=Recorder(unread_bytes=77),
                machine=Machine(disk_free_bytes=6, disk_bytes=10),
            ),
        ),
        "server",
    )
    assert (found.live_calls, found.attempts) == (7, 30)
    assert list(found.refused.items()) == [("gateway_full", 5), ("invalid_key", 2)]
    assert (found.relay.caller.frames, found.relay.caller.buffered_bytes) == (300, 9)
    assert found.relay.recent_frames == 3
    assert found.journal == Journal(
        lost_frames=3, unsynced_age_ns=90, backlog_bytes=10, failing="disk_full"
    )
    assert found.recorder == Recorder(unread_bytes=77)
    assert (found.disk_free_bytes, found.disk_bytes) == (4, 10)
    assert [one.name for one in found.processes] == ["gateway-0", "gateway-1", "server"]
    assert [one.live_calls for one in found.processes] == [3, 4, None]
    assert found.verdict.status == "degraded"


def test_a_supervisor_is_shown_beside_what_it_supervises() -> None:
    found = summary(of(gateway_0=gateway(retiring=True), up=supervisor(restarts=3)), "gateway-0")
    assert [(one.kind, one.retiring) for one in found.processes] == [
        ("gateway", True),
        ("supervisor", False),
    ]
    assert found.supervisor is not None
    assert found.supervisor.restarts == 3


def test_of_a_process_that_does_not_run_nothing_is_added() -> None:
    stuck = Seen("gateway-0", gateway(live_calls=3), STALE_NS, there=True)
    gone = Seen("server", server(), STALE_NS, there=False)
    runs = Seen("gateway-1", gateway(live_calls=4), 0, there=True)
    found = summary(fleet([stuck, runs, gone], NOW_NS), "gateway-1")
    assert found.live_calls == 4
    assert (found.recorder, found.stores, found.audit, found.web) == (None, None, None, None)
    assert [one.state for one in found.processes] == ["stuck", "running", "gone"]


def test_without_any_figures_there_is_nothing_to_say() -> None:
    found = summary(of(gateway_0=gateway()), "gateway-0")
    assert (found.relay.p50_ns, found.relay.p99_ns, found.relay.recent_frames) == (None, None, 0)
    assert found.relay.caller.relay == ()


@pytest.mark.parametrize(
    ("times_ns", "share", "expected_ns"),
    [((), 0.5, None), ((0,), 0.5, 0), ((30_000,) * 4, 1.0, 32_768), ((16_384,) * 2, 0.5, 23_170)],
)
def test_a_quantile_is_within_its_bucket(
    times_ns: tuple[int, ...], share: float, expected_ns: int | None
) -> None:
    assert quantile_ns(counted(*times_ns), share) == expected_ns


@given(st.lists(st.integers(1, 2**40), min_size=1), st.integers(1, 100))
def test_a_quantile_is_at_most_a_factor_of_two_from_true(times_ns: list[int], cent: int) -> None:
    found = quantile_ns(counted(*times_ns), cent / 100)
    true = sorted(times_ns)[-(-cent * len(times_ns) // 100) - 1]
    assert found is not None
    assert true / 2 <= found <= true * 2
