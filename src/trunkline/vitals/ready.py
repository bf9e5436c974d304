"""Pure. The verdict of `/ready`: whether new calls are taken, and what is wrong beside that.

    ok           200   nothing is wrong
    degraded     200   calls are taken, and somebody should look
    unavailable  503   new calls are refused

The sentences are for the operator: what is the case, and what to do. They are told to
whoever asks, so they are written here, whole, and quote nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

import msgspec

from trunkline.vitals.figures import Figures, Gateway, Machine, Server, Supervisor
from trunkline.vitals.fleet import Fleet, Seen

ALARM_NS = 3600 * 1_000_000_000
"""For how long something that has happened is told."""
BEHIND_NS = 10 * 1_000_000_000
BUSY_NS = 1_000_000_000
DISK_SHARE, DISK_BYTES = 0.05, 5 * 1024**3
"""Less free than both is little."""
FILES_SHARE = 0.9

Status: TypeAlias = Literal["ok", "degraded", "unavailable"]
Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Check(Generic[Told]):
    """Something that may be wrong with a process that runs, while calls go on."""

    code: str
    is_wrong: Callable[[Told, int], bool]
    """Gets what the process told, and the monotonic clock."""
    message: str


REFUSING = {
    "draining": "This gateway is being stopped: it takes no new calls and lets live ones end.",
    "gateway_full": "This gateway carries as many calls as it may. Start more workers.",
    "gateway_files": "This gateway has too few open files left for another call. Raise the limit"
    " (ulimit -n).",
    "gateway_memory": "This gateway has too little memory left for another call.",
    "no_keys": "No file of keys could be read yet: every key is refused. Start the server.",
}
"""Why a gateway refuses every new call, by the code that it publishes as `refusing`."""

GATEWAY_CHECKS: tuple[Check[Gateway], ...] = (
    Check(
        "disk_full",
        lambda told, _: told.journal.failing == "disk_full",
        "The disk is full, or less than half of TRUNKLINE_MIN_FREE_BYTES is left of it: calls go"
        " on, and their record waits in memory, as much as fits. Make room.",
    ),
    Check(
        "journal_io_error",
        lambda told, _: told.journal.failing == "io_error",
        "The disk refuses the journal: calls go on, and their record waits in memory, as much as"
        " fits. Look at the log and the disk.",
    ),
    Check(
        "frames_lost",
        lambda told, now_ns: _is_recent(told.journal.lost_at_ns, now_ns),
        "Frames were relayed but not recorded within the last hour. The calls' pages say which.",
    ),
    Check(
        "fsync_failed",
        lambda told, now_ns: _is_recent(told.journal.suspect_at_ns, now_ns),
        "The disk failed a write or sync of the journal within the last hour: what it held then"
        " is suspect. Look at the log and the disk.",
    ),
    Check(
        "keys_unreadable",
        lambda told, _: told.keys_unreadable,
        "The file of keys cannot be read: the last good one is in force, so new keys do not work"
        " yet and revoked ones still do. Look at the log.",
    ),
    Check(
        "limits_uncounted",
        lambda told, now_ns: _is_recent(told.uncounted_at_ns, now_ns),
        "Calls of keys with limits were let through uncounted within the last hour: their files"
        " could not be used. Look at the log and the disk.",
    ),
    Check(
        "gateway_busy",
        lambda told, _: told.machine.loop_lag_ns >= BUSY_NS,
        "A gateway did not come to its work for more than a second within the last minute. Start"
        " more workers.",
    ),
)

SERVER_CHECKS: tuple[Check[Server], ...] = (
    Check(
        "recorder_behind",
        lambda told, _: told.recorder.unread_age_ns >= BEHIND_NS,
        "The recorder is more than 10 s behind: the dashboard is late, nothing is lost. Give the"
        " server more CPU.",
    ),
    Check(
        "recorder_waits",
        lambda told, _: "disk" in told.recorder.stuck,
        "Less than TRUNKLINE_MIN_FREE_BYTES is left of the disk: the recorder waits, the dashboard"
        " is late, and the journals keep everything. Make room.",
    ),
    Check(
        "recorder_failing",
        lambda told, _: "recorder" in told.recorder.stuck,
        "The recorder fails and begins again: what is written stays in the journals. Look at the"
        " log.",
    ),
    Check(
        "journal_unreadable",
        lambda told, _: "journal" in told.recorder.stuck,
        "A journal cannot be read on: it stays where it is. Look at the log.",
    ),
    Check(
        "facts_refused",
        lambda told, _: "facts" in told.recorder.stuck,
        "The facts store refuses rows: they wait, and the journals are kept. Look at the log.",
    ),
    Check(
        "facts_down",
        lambda told, _: not told.stores.facts,
        "The facts store does not answer: the dashboard shows nothing. Look at the log.",
    ),
    Check(
        "facts_damaged",
        lambda told, _: told.stores.facts_damaged,
        "Facts are damaged or gone: the archives have them. Stop Trunkline and run `trunkline"
        " reindex`.",
    ),
    Check(
        "facts_differ",
        lambda told, _: told.audit.differing_calls > 0,
        "The facts of some calls are not what their archives say; the log names the calls. Stop"
        " Trunkline and run `trunkline reindex`.",
    ),
    Check(
        "archives_unreadable",
        lambda told, _: told.audit.unreadable_archives > 0,
        "Some archives cannot be read. Look at the log and the disk.",
    ),
    Check(
        "rows_refused",
        lambda told, _: told.stores.facts_refused_rows > 0,
        "The facts store would not have some rows: they are put aside. Look at the log; `trunkline"
        " reindex` offers them again.",
    ),
    Check(
        "keys_unpublished",
        lambda told, _: told.stores.keys_unpublished,
        "Changes of keys cannot be written for the gateways: new keys do not work yet and revoked"
        " ones still do. Look at the log and the disk.",
    ),
    Check(
        "control_down",
        lambda told, _: not told.stores.control,
        "The accounts' database does not answer: nobody can sign in, known keys still open calls.",
    ),
)

SUPERVISOR_CHECKS: tuple[Check[Supervisor], ...] = (
    Check(
        "process_failing",
        lambda told, _: bool(told.failing),
        "A process has ended and is not back: `trunkline up` starts it again and again. Its log"
        " says why it ends.",
    ),
    Check(
        "reload_refused",
        lambda told, _: bool(told.reload_refused),
        "The last reload was refused, and everything is as it was before. The log says why; mend"
        " it and reload again.",
    ),
)

MACHINE_CHECKS: tuple[Check[Machine], ...] = (
    Check(
        "disk_low",
        lambda told, _: told.disk_free_bytes < min(DISK_BYTES, DISK_SHARE * told.disk_bytes),
        "Less than 5 % of the disk is free. Make room before calls cannot be recorded.",
    ),
    Check(
        "files_low",
        lambda told, _: told.open_files > FILES_SHARE * told.max_open_files > 0,
        "Nearly all open files that the process may have are in use. Raise the limit (ulimit -n).",
    ),
)

ABSENT = {
    ("gateway", "gone"): (
        "gateway_gone",
        "A gateway process has died. `trunkline up` starts it anew.",
    ),
    ("gateway", "stuck"): (
        "gateway_stuck",
        "A gateway process does not tell of itself any more.",
    ),
    ("server", "gone"): (
        "server_gone",
        "The server has died: calls go on and are recorded later; dashboard and API are away."
        " `trunkline up` starts it anew.",
    ),
    ("server", "stuck"): (
        "server_stuck",
        "The server does not tell of itself any more: dashboard and API may be away.",
    ),
    ("supervisor", "gone"): (
        "supervisor_gone",
        "The supervisor, `trunkline up`, has died: its processes end. Start it anew.",
    ),
    ("supervisor", "stuck"): (
        "supervisor_stuck",
        "The supervisor, `trunkline up`, does not tell of itself any more: what dies stays dead.",
    ),
}

CODES = (
    *REFUSING,
    *(check.code for check in (*GATEWAY_CHECKS, *SERVER_CHECKS)),
    *(check.code for check in (*SUPERVISOR_CHECKS, *MACHINE_CHECKS)),
    *(code for code, _ in ABSENT.values()),
)
"""Every code that there is."""


class Reason(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    code: str
    process: str
    message: str


class Verdict(msgspec.Struct, frozen=True):
    """What `/ready` says."""

    status: Status
    reasons: tuple[Reason, ...] = ()

    @property
    def http_status(self) -> int:
        """200 as long as new calls are taken."""
        return 503 if self.status == "unavailable" else 200


def verdict(fleet: Fleet, here: str) -> Verdict:
    """Return the verdict of process `here`.

    A gateway speaks of the calls that it would take itself; a server, of those that any
    gateway beside it would.
    """
    reasons = tuple(
        Reason(code, one.name, message)
        for one in fleet.seen
        for code, message in _wrong(one, fleet.now_ns)
    )
    if _refuses(fleet, here):
        return Verdict("unavailable", reasons)
    return Verdict("degraded" if reasons else "ok", reasons)


def _refuses(fleet: Fleet, here: str) -> bool:
    gateways = fleet.gateways()
    own = [told for seen, told in gateways if seen.name == here]
    asked = own or [told for seen, told in gateways if seen.running and not told.retiring]
    return bool(asked) and all(told.refusing for told in asked)


def _wrong(seen: Seen, now_ns: int) -> Iterator[tuple[str, str]]:
    told = seen.figures
    if not seen.running:
        yield ABSENT[_kind(told), seen.state]
        return
    match told:
        case Gateway():
            if told.refusing:
                yield (
                    told.refusing,
                    REFUSING.get(told.refusing, "This gateway refuses every new call."),
                )
            yield from _failed(GATEWAY_CHECKS, told, now_ns)
        case Server():
            yield from _failed(SERVER_CHECKS, told, now_ns)
        case Supervisor():
            yield from _failed(SUPERVISOR_CHECKS, told, now_ns)
    yield from _failed(MACHINE_CHECKS, told.machine, now_ns)


def _kind(told: Figures) -> str:
    match told:
        case Gateway():
            return "gateway"
        case Server():
            return "server"
        case Supervisor():
            return "supervisor"


def _failed(checks: tuple[Check[Told], ...], told: Told, now_ns: int) -> Iterator[tuple[str, str]]:
    return ((one.code, one.message) for one in checks if one.is_wrong(told, now_ns))


def _is_recent(at_ns: int, now_ns: int) -> bool:
    return at_ns > 0 and now_ns - at_ns < ALARM_NS
