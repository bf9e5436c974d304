"""Pure. The System page: what all processes tell, as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trunkline.vitals.figures import Audit, Journal, Recorder, Stores, Supervisor
from trunkline.vitals.ready import REFUSING, Reason
from trunkline.vitals.summary import Process, Summary
from trunkline.web.pages import text
from trunkline.web.pages.call_facts import Fact

_STATUS = {
    "ok": ("good", "Everything is well"),
    "degraded": ("warn", "Calls are taken, and something needs a look"),
    "unavailable": ("bad", "New calls are refused"),
}
_STATE_TONES = {"running": "good", "stuck": "warn", "gone": "bad"}
_GRAVE = frozenset({
    *REFUSING, "disk_full", "journal_io_error", "frames_lost", "fsync_failed", "facts_damaged",
    "facts_differ", "archives_unreadable",
})  # fmt: skip
"""Codes of reasons that are about calls refused, or about records in danger."""

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong."""

    key: str
    tone: str
    words: tuple[tuple[str, bool], ...]
    """The sentence, part by part, and whether the part is a command to type."""
    process: str


@dataclass(frozen=True, slots=True)
class Row:
    """One process in the table."""

    name: str
    state: str
    tone: str
    calls: str
    memory: str
    cpu: str
    files: str
    lag: str
    started_at_iso: str
    started_at: str
    version: str


@dataclass(frozen=True, slots=True)
class Line:
    """One number with its name."""

    label: str
    value: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One panel of numbers. Without lines it says `empty`."""

    id: str
    title: str
    lines: tuple[Line, ...]
    empty: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """Everything on the page."""

    tone: str
    words: str
    troubles: tuple[Trouble, ...]
    tiles: tuple[Fact, ...]
    rows: tuple[Row, ...]
    parts: tuple[Part, ...]


def view(found: Summary) -> System:
    """Return the page's words."""
    tone, words = _STATUS[found.verdict.status]
    return System(
        tone=tone,
        words=words,
        troubles=tuple(_trouble(reason) for reason in found.verdict.reasons),
        tiles=tuple(_tiles(found)),
        rows=tuple(_row(process) for process in found.processes),
        parts=tuple(_parts(found)),
    )


def _trouble(reason: Reason) -> Trouble:
    return Trouble(
        key=f"{reason.process} {reason.code}",
        tone="bad" if reason.code in _GRAVE else "warn",
        words=tuple((part, bool(n % 2)) for n, part in enumerate(reason.message.split("`"))),
        process=reason.process,
    )


# --- the tiles -----------------------------------------------------------------------


def _tiles(found: Summary) -> Iterator[Fact]:
    relay = found.relay
    frames = f"n = {relay.recent_frames:,} frames, last minute"
    yield Fact(
        "live_calls",
        "Live calls",
        text.count(found.live_calls),
        f"{text.plural(found.attempts, 'attempt')} since the start",
    )
    yield Fact("relay", "Relay time, p50", _short(relay.p50_ns), frames)
    yield Fact("relay", "p99", _short(relay.p99_ns), "received to handed on")
    yield _unrecorded(found.journal)
    yield _journal_lag(found.journal)
    yield _recorder_lag(found.recorder)
    yield _difference(found.audit)
    yield _disk(found)


def _unrecorded(journal: Journal) -> Fact:
    if not journal.lost_frames:
        detail = f"all {text.plural(journal.records, 'record')} accepted"
        return Fact("unrecorded", "Frames not recorded", "0", detail)
    detail = f"{text.size(journal.lost_bytes)} in {text.plural(journal.gaps, 'gap')}"
    return Fact("unrecorded", "Frames not recorded", text.count(journal.lost_frames), detail, "bad")


def _journal_lag(journal: Journal) -> Fact:
    unsynced = _time(journal.unsynced_age_ns)
    ages = f"synced but for the last {unsynced}" if journal.unsynced_age_ns else "all is synced"
    tone = "bad" if journal.failing else "none"
    return Fact("journal_lag", "Journal lag", text.size(journal.backlog_bytes), ages, tone)


def _recorder_lag(recorder: Recorder | None) -> Fact:
    if recorder is None:
        return Fact("recorder_lag", "Recorder lag", text.UNKNOWN, "no server runs", "bad")
    waiting = f"{text.size(recorder.unread_bytes)} unread"
    tone = "warn" if recorder.unread_age_ns > 10 * _SECOND_NS else "none"
    return Fact("recorder_lag", "Recorder lag", _time(recorder.unread_age_ns), waiting, tone)


def _difference(audit: Audit | None) -> Fact:
    label = "Archives and facts differ by"
    if audit is None or not audit.compared_wall_ns:
        return Fact("difference", label, text.UNKNOWN, "not compared yet")
    if audit.differing_frames:
        detail = f"frames of {text.plural(audit.differing_calls, 'call')}"
        return Fact("difference", label, text.count(audit.differing_frames), detail, "bad")
    calls = text.plural(audit.calls, "call")
    return Fact("difference", label, "0", f"{audit.archived_frames:,} frames of {calls} in both")


def _disk(found: Summary) -> Fact:
    if not found.disk_bytes:
        return Fact("disk", "Disk free", text.UNKNOWN)
    part = text.share(found.disk_free_bytes, found.disk_bytes)
    low = any(reason.code == "disk_low" for reason in found.verdict.reasons)
    detail = f"{part} of {text.size(found.disk_bytes)}"
    return Fact("disk", "Disk free", text.size(found.disk_free_bytes), detail, "bad" if low else "")


# --- the table -----------------------------------------------------------------------


def _row(process: Process) -> Row:
    machine = process.machine
    started_us = process.started_wall_ns // 1000
    return Row(
        name=process.name,
        state="retiring" if process.retiring and process.state == "running" else process.state,
        tone=_STATE_TONES[process.state],
        calls=text.count(process.live_calls if process.state == "running" else None),
        memory=text.size(machine.resident_bytes),
        cpu=text.clock(machine.cpu_ns // 1000),
        files=f"{machine.open_files:,} of {machine.max_open_files:,}",
        lag=_short(machine.loop_lag_ns),
        started_at_iso=text.iso(started_us),
        started_at=text.when(started_us),
        version=process.version,
    )


# --- the panels ----------------------------------------------------------------------


def _parts(found: Summary) -> Iterator[Part]:
    yield Part("relayed", "Relayed", tuple(_relayed(found)))
    yield Part("journal", "Journals", tuple(_journal(found.journal)))
    yield Part(
        "recorder",
        "Recorder",
        tuple(_recorder(found.recorder)) if found.recorder else (),
        "No server runs. What is written to the journals is recorded later.",
    )
    yield Part(
        "stores",
        "Stores",
        (*_stores(found.stores), *_audit(found.audit)) if found.stores and found.audit else (),
        "No server runs.",
    )
    yield _counts("refused", "Refused, by reason", found.refused, "Nobody was refused.")
    yield _counts("ended", "Ended, by reason", found.ended, "No call has ended.")
    yield _counts(
        "web", "API and dashboard", found.web.requests if found.web else {}, "Nothing was asked."
    )
    if found.supervisor:
        yield Part("supervisor", "Supervisor", tuple(_supervisor(found.supervisor)))


def _supervisor(supervisor: Supervisor) -> Iterator[Line]:
    yield _normally_zero("Processes started again", supervisor.restarts)
    yield Line("Gateways that retire", text.count(supervisor.retiring))
    yield Line("Reloads", text.count(supervisor.reloads))
    if supervisor.reload_refused:
        yield Line("The last reload", "refused", "bad")


def _relayed(found: Summary) -> Iterator[Line]:
    for name, leg in (("caller", found.relay.caller), ("provider", found.relay.provider)):
        yield Line(f"Frames from {name}s", text.count(leg.frames))
        yield Line(f"Bytes from {name}s", text.size(leg.bytes))
        yield Line(f"Most waiting for a {name}", text.size(leg.buffered_bytes))


def _journal(journal: Journal) -> Iterator[Line]:
    yield Line("Records", text.count(journal.records))
    yield Line("Written", text.size(journal.written_bytes))
    yield Line("Oldest not written", _time(journal.unwritten_age_ns))
    yield Line("Oldest not synced", _time(journal.unsynced_age_ns))
    yield _normally_zero("Gaps", journal.gaps)
    yield _normally_zero("Frames lost", journal.lost_frames)
    yield _normally_zero("Suspect segments", journal.suspect_segments)


def _recorder(recorder: Recorder) -> Iterator[Line]:
    yield Line("Live calls", text.count(recorder.live_calls))
    yield Line("Rows to be stored", text.count(recorder.waiting_rows))
    yield Line("Calls to be sealed", text.count(recorder.waiting_calls))
    yield _normally_zero("Gaps read", recorder.gaps)
    yield _normally_zero("Frames lost by them", recorder.lost_frames)
    yield _normally_zero("Journal bytes damaged", recorder.damaged_bytes)
    yield _normally_zero("Store errors", recorder.store_errors)


def _stores(stores: Stores) -> Iterator[Line]:
    yield _answers("Facts", up=stores.facts)
    yield _answers("Accounts", up=stores.control)
    damaged = stores.facts_damaged
    yield Line("Parts of facts damaged", "yes" if damaged else "none", "bad" if damaged else "")
    yield _normally_zero("Rows refused", stores.facts_refused_rows)


def _audit(audit: Audit) -> Iterator[Line]:
    yield Line("Frames archived", text.count(audit.archived_frames))
    yield Line("Frames in facts", text.count(audit.facts_frames))
    yield _normally_zero("Archives unreadable", audit.unreadable_archives)


def _counts(id_: str, title: str, counts: Mapping[str, int], empty: str) -> Part:
    lines = tuple(Line(name.replace("_", " "), text.count(count)) for name, count in counts.items())
    return Part(id_, title, lines, empty)


def _normally_zero(label: str, count: int) -> Line:
    return Line(label, text.count(count), "bad" if count else "")


def _answers(label: str, *, up: bool) -> Line:
    return Line(label, "answer" if up else "do not answer", "" if up else "bad")


def _short(ns: int | None) -> str:
    """Return a short time; a gateway's are well below a millisecond."""
    return text.UNKNOWN if ns is None else text.millis(ns // 1000)


def _time(ns: int) -> str:
    if ns < _SECOND_NS:
        return f"{ns // 1_000_000} ms"
    return text.length(ns // 1000)
