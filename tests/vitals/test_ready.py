"""`/ready`: 503 when new calls are refused, and a sentence for whatever else is wrong."""

from __future__ import annotations

import pytest
from tests.vitals.of import HOUR_NS, NOW_NS, gateway, of, server, supervisor

from trunkline.vitals.figures import Audit, Figures, Journal, Machine, Recorder, Stores
from trunkline.vitals.fleet import STALE_NS
from trunkline.vitals.ready import (
    ABSENT,
    CODES,
    GATEWAY_CHECKS,
    MACHINE_CHECKS,
    REFUSING,
    SERVER_CHECKS,
    SUPERVISOR_CHECKS,
    verdict,
)

S = 1_000_000_000


def told(*processes: Figures) -> tuple[str, list[str]]:
    """Return the verdict of the first process, and the codes of its reasons."""
    names = [f"p_{number}" for number in range(len(processes))]
    said = verdict(of(**dict(zip(names, processes, strict=True))), "p-0")
    return said.status, [reason.code for reason in said.reasons]


def test_nothing_wrong_is_ok() -> None:
    assert told(gateway(), server()) == ("ok", [])


WRONG: dict[str, Figures] = {
    "disk_full": gateway(journal=Journal(failing="disk_full")),
    "journal_io_error": gateway(journal=Journal(failing="io_error")),
    "frames_lost": gateway(journal=Journal(lost_frames=1, lost_at_ns=NOW_NS - HOUR_NS + S)),
    "fsync_failed": gateway(journal=Journal(suspect_at_ns=NOW_NS - 1)),
    "keys_unreadable": gateway(keys_unreadable=True),
    "limits_uncounted": gateway(uncounted_at_ns=NOW_NS - 1),
    "gateway_busy": gateway(machine=Machine(loop_lag_ns=S)),
    "recorder_behind": server(recorder=Recorder(unread_age_ns=10 * S)),
    "recorder_waits": server(recorder=Recorder(stuck=("disk",))),
    "recorder_failing": server(recorder=Recorder(stuck=("recorder",))),
    "journal_unreadable": server(recorder=Recorder(stuck=("journal",))),
    "facts_refused": server(recorder=Recorder(stuck=("facts",))),
    "facts_down": server(stores=Stores(facts=False)),
    "facts_damaged": server(stores=Stores(facts_damaged=True)),
    "facts_differ": server(audit=Audit(differing_calls=1)),
    "archives_unreadable": server(audit=Audit(unreadable_archives=1)),
    "rows_refused": server(stores=Stores(facts_refused_rows=1)),
    "keys_unpublished": server(stores=Stores(keys_unpublished=True)),
    "control_down": server(stores=Stores(control=False)),
    "process_failing": supervisor(failing=("server",)),
    "reload_refused": supervisor(reloads=1, reload_refused="prices: not JSON"),
    "disk_low": server(machine=Machine(disk_free_bytes=49, disk_bytes=1000)),
    "files_low": gateway(machine=Machine(open_files=91, max_open_files=100)),
}


@pytest.mark.parametrize(("code", "process"), WRONG.items())
def test_what_is_wrong_while_calls_go_on_is_told_and_degrades(code: str, process: Figures) -> None:
    assert told(process) == ("degraded", [code])


def test_every_check_is_in_the_table_above() -> None:
    checks = [*GATEWAY_CHECKS, *SERVER_CHECKS, *SUPERVISOR_CHECKS, *MACHINE_CHECKS]
    assert {check.code for check in checks} == WRONG.keys()


FINE: dict[str, Figures] = {
    "what was lost more than an hour ago": gateway(journal=Journal(lost_at_ns=NOW_NS - HOUR_NS)),
    "a recorder that is not far behind": server(recorder=Recorder(unread_age_ns=9 * S)),
    "a small disk with room": server(machine=Machine(disk_free_bytes=60, disk_bytes=1000)),
    "a large disk with many bytes free": server(
        machine=Machine(disk_free_bytes=6 * 1024**3, disk_bytes=1024**4)
    ),
    "a machine that does not tell": server(machine=Machine()),
}


@pytest.mark.parametrize("process", FINE.values(), ids=FINE.keys())
def test_what_is_fine_is_not_told(process: Figures) -> None:
    assert told(process) == ("ok", [])


@pytest.mark.parametrize("code", REFUSING)
def test_a_gateway_that_refuses_is_unavailable_and_says_why(code: str) -> None:
    said = verdict(of(gateway_0=gateway(refusing=code), gateway_1=gateway()), "gateway-0")
    assert (said.status, said.http_status) == ("unavailable", 503)
    assert [(reason.code, reason.process) for reason in said.reasons] == [(code, "gateway-0")]


def test_a_gateway_beside_one_that_refuses_goes_on() -> None:
    fleet = of(gateway_0=gateway(), gateway_1=gateway(refusing="draining"))
    assert verdict(fleet, "gateway-0").status == "degraded"


def test_a_server_speaks_for_all_gateways() -> None:
    draining = gateway(refusing="draining")
    some = of(server=server(), gateway_0=draining, gateway_1=gateway())
    none = of(server=server(), gateway_0=draining, gateway_1=draining)
    assert verdict(some, "server").status == "degraded"
    assert verdict(none, "server").status == "unavailable"
    assert verdict(of(server=server()), "server").status == "ok"


def test_a_gateway_that_retires_takes_no_calls_for_a_server_to_speak_of() -> None:
    retiring, full = gateway(retiring=True), gateway(refusing="gateway_full")
    assert verdict(of(server=server(), g_0=retiring, g_1=full), "server").status == "unavailable"
    assert told(gateway(retiring=True)) == ("ok", [])


@pytest.mark.parametrize(("kind", "state"), ABSENT)
def test_a_process_that_does_not_publish_is_told(kind: str, state: str) -> None:
    process = {
        "gateway": gateway(refusing="no_keys"),
        "server": server(),
        "supervisor": supervisor(),
    }[kind]
    fleet = of(other=process, age_ns=STALE_NS, there=state == "stuck")
    said = verdict(fleet, "gateway-7")
    assert (said.status, [reason.code for reason in said.reasons]) == (
        "degraded",
        [f"{kind}_{state}"],
    )


def test_every_reason_has_a_sentence_for_the_operator_and_a_code_of_its_own() -> None:
    assert len(set(CODES)) == len(CODES)
    sentences = [
        *REFUSING.values(),
        *(check.message for check in (*GATEWAY_CHECKS, *SERVER_CHECKS)),
        *(check.message for check in (*SUPERVISOR_CHECKS, *MACHINE_CHECKS)),
        *(message for _, message in ABSENT.values()),
    ]
    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in sentences)
