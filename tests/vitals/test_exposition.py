"""`/metrics`, as Prometheus' own parser reads it."""

from __future__ import annotations

import math

from prometheus_client.parser import text_string_to_metric_families
from tests.vitals.of import gateway, of, server

from trunkline.vitals.exposition import KINDS, exposition
from trunkline.vitals.figures import Journal, Leg, Recorder, Web
from trunkline.vitals.fleet import STALE_NS, Fleet

RELAY = tuple(10 if bits == 15 else 1 if bits == 30 else 0 for bits in range(64))
"""Ten frames took 16 to 33 µs, and one about a second."""


def exported(fleet: Fleet, here: str = "gateway-0") -> dict[tuple[str, ...], float]:
    """Return every sample by its name and the values of its labels, in order of their names."""
    text = exposition(fleet, here).decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures_come_out_by_process_in_base_units() -> None:
    found = exported(
        of(
            gateway_0=gateway(
                live_calls=3,
                refused={"invalid_key": 2},
                ended={"caller_closed": 9},
                caller=Leg(frames=11, bytes=5000),
                journal=Journal(unsynced_age_ns=250_000_000, failing="disk_full"),
            ),
            gateway_1=gateway(live_calls=4),
            server=server(
                recorder=Recorder(unread_age_ns=1_500_000_000),
                web=Web(requests={"api 2xx": 5}),
            ),
        )
    )
    for name, value in {
        ("trunkline_live_calls", "gateway-0"): 3,
        ("trunkline_live_calls", "gateway-1"): 4,
        ("trunkline_refused_total", "invalid_key", "gateway-0"): 2,
        ("trunkline_ended_total", "gateway-0", "caller_closed"): 9,
        ("trunkline_frames_total", "caller", "gateway-0"): 11,
        ("trunkline_frame_bytes_total", "caller", "gateway-0"): 5000,
        ("trunkline_journal_unsynced_age_seconds", "gateway-0"): 0.25,
        ("trunkline_journal_failing", "gateway-0", "disk_full"): 1,
        ("trunkline_journal_failing", "gateway-0", "io_error"): 0,
        ("trunkline_journal_lost_bytes_total", "gateway-0"): 0,
        ("trunkline_recorder_unread_age_seconds", "server"): 1.5,
        ("trunkline_web_requests_total", "api", "server", "2xx"): 5,
        ("trunkline_up", "server"): 1,
        ("trunkline_ready", "gateway-0"): 1,
        ("trunkline_alarm", "disk_full", "gateway-0"): 1,
    }.items():
        assert math.isclose(found[name], value), name


def test_relay_times_are_a_histogram() -> None:
    found = exported(of(gateway_0=gateway(caller=Leg(relay=RELAY, relay_ns=1_000_300_000))))
    buckets = {
        float(name[1]): value
        for name, value in found.items()
        if name[0] == "trunkline_relay_seconds_bucket" and name[2] == "caller"
    }
    assert list(buckets.values()) == sorted(buckets.values()), "cumulative"
    assert buckets[16.384e-6] == 0
    assert buckets[32.768e-6] == 10
    assert buckets[0.134217728] == 10
    assert buckets[math.inf] == 11
    assert found["trunkline_relay_seconds_count", "caller", "gateway-0"] == 11
    assert math.isclose(found["trunkline_relay_seconds_sum", "caller", "gateway-0"], 1.0003)
    assert min(buckets) <= 10e-6
    assert sorted(buckets)[-2] >= 0.1


def test_of_a_process_that_does_not_publish_only_that_is_told() -> None:
    found = exported(of(gateway_0=gateway(live_calls=3), age_ns=STALE_NS))
    assert found["trunkline_up", "gateway-0"] == 0
    assert ("trunkline_live_calls", "gateway-0") not in found


def test_a_gateway_that_refuses_is_not_ready() -> None:
    found = exported(of(gateway_0=gateway(refusing="draining")))
    assert found["trunkline_ready", "gateway-0"] == 0


def test_every_metric_is_in_the_list_and_has_a_help_text() -> None:
    text = exposition(of(gateway_0=gateway(), server=server()), "gateway-0").decode()
    named = [line.split(" ", 3)[2:] for line in text.splitlines() if line.startswith("# HELP ")]
    assert sorted(name for name, _ in named) == sorted(KINDS)
    assert all(help_.endswith((".", "time.")) for _, help_ in named)
