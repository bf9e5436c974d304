"""Pure. The numbers of one process at one moment, as it publishes them.

Counters begin at 0 with the process and only grow. Ages and moments are of the monotonic
clock, which all processes of a machine share. New fields need defaults: for a second
after an upgrade, two releases read each other's files. Nothing that a caller or a
provider chose is in here.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a process takes of its machine."""

    resident_bytes: int = 0
    cpu_ns: int = 0
    """User and system."""
    open_files: int = 0
    max_open_files: int = 0
    loop_lag_ns: int = 0
    """Latest that the event loop came to a timer, in the last minute."""
    disk_free_bytes: int = 0
    """Of the file system that holds the data directory, as far as we may use it."""
    disk_bytes: int = 0


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """What was read on one leg of all calls, and what waits for that leg."""

    frames: int = 0
    """Handed to the other leg."""
    bytes: int = 0
    relay: tuple[int, ...] = ()
    """Those frames by relay time: number `n` counts times below 2**n ns, and not below half."""
    relay_ns: int = 0
    """Sum of the relay times: frame received to handed on."""
    buffered_bytes: int = 0
    """Most that waited for this leg of one call in the last minute, seen five times a second."""


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """How one gateway's journal is doing."""

    records: int = 0
    written_bytes: int = 0
    backlog_bytes: int = 0
    """Appended and not yet written."""
    unwritten_age_ns: int = 0
    """For how long the oldest record has waited to be written; 0: none waits."""
    unsynced_age_ns: int = 0
    """For how long the oldest written byte has not been synced; 0: all is, or `never` is set."""
    gaps: int = 0
    lost_frames: int = 0
    """Relayed, and in no record."""
    lost_bytes: int = 0
    lost_at_ns: int = 0
    """When `lost_frames` last grew; 0: never."""
    suspect_segments: int = 0
    """Given up after a failed write or sync."""
    suspect_at_ns: int = 0
    failing: str = ""
    """`disk_full` or `io_error` while the disk refuses."""


class _Process(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    pid: int
    at_ns: int
    started_wall_ns: int
    version: str = ""
    machine: Machine = Machine()


class Gateway(_Process, frozen=True, kw_only=True, tag="gateway"):
    """One gateway process."""

    live_calls: int = 0
    attempts: int = 0
    """To open a call, whatever became of them."""
    refusing: str = ""
    """Why new calls are refused now, a code of `ready.REFUSING`; empty when they are taken."""
    retiring: bool = False
    """Others accept in its place; its calls go on."""
    keys_unreadable: bool = False
    """The keys' file cannot be read: the last good one is in force."""
    uncounted_at_ns: int = 0
    """When a call of a key with limits was last let through uncounted; 0: never."""
    refused: dict[str, int] = {}
    """Answers in plain HTTP instead of a call, by code."""
    ended: dict[str, int] = {}
    """Attempts that are over, by end reason: refused ones too."""
    caller: Leg = Leg()
    provider: Leg = Leg()
    recent_relay: tuple[int, ...] = ()
    """Relay times of the last minute, both legs; buckets as in `Leg.relay`."""
    journal: Journal = Journal()


class Recorder(msgspec.Struct, frozen=True, kw_only=True):
    """How far the recorder has come."""

    unread_bytes: int = 0
    """Of all journals."""
    unread_age_ns: int = 0
    """All that came in longer ago is read; 0: all there is. Of a journal from before the
    machine was started anew it means nothing."""
    live_calls: int = 0
    waiting_rows: int = 0
    """Made, and not yet in the facts."""
    waiting_calls: int = 0
    """Over, and not yet sealed."""
    damaged_bytes: int = 0
    """Of journals, skipped."""
    gaps: int = 0
    """Gap records read."""
    lost_frames: int = 0
    lost_bytes: int = 0
    store_errors: int = 0
    """Times that a store refused what the recorder brought."""
    stuck: tuple[str, ...] = ()
    """What keeps it from going on now: `disk`, `facts`, `recorder`, `journal`."""


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What is archived, compared with the facts: call by call, since all were last compared."""

    calls: int = 0
    archived_frames: int = 0
    """By the manifests of their archives."""
    facts_frames: int = 0
    """Rows that the facts have of them."""
    differing_calls: int = 0
    differing_frames: int = 0
    """Frames that only one of both has."""
    unreadable_archives: int = 0
    compared_wall_ns: int = 0
    """When some were last compared; 0: none yet."""


class Stores(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the stores answer, looked at now and then."""

    facts: bool = True
    control: bool = True
    keys_unpublished: bool = False
    """The gateways do not hear of changes of keys."""
    facts_damaged: bool = False
    """Rows are missing until a reindex."""
    facts_refused_rows: int = 0
    """Put aside, because the engine would not have them."""


class Web(msgspec.Struct, frozen=True, kw_only=True):
    """What the web was asked."""

    requests: dict[str, int] = {}
    """By what was asked for and the class of the answer: `api 2xx`, `page 3xx`."""
    times: tuple[int, ...] = ()
    """Answers by the time to their first byte; buckets as in `Leg.relay`."""
    times_ns: int = 0
    watchers: int = 0
    """Feeds of running calls that are open."""
    listeners: int = 0
    """Those who listen in to one."""


class Server(_Process, frozen=True, kw_only=True, tag="server"):
    """Recorder and web."""

    recorder: Recorder = Recorder()
    stores: Stores = Stores()
    audit: Audit = Audit()
    web: Web = Web()


class Supervisor(_Process, frozen=True, kw_only=True, tag="supervisor"):
    """`trunkline up` itself."""

    restarts: int = 0
    """Processes that ended by themselves and were started again."""
    failing: tuple[str, ...] = ()
    """Names of processes that ended and are not back."""
    retiring: int = 0
    """Gateways from before a reload whose calls have not ended."""
    reloads: int = 0
    """Refused ones too."""
    reload_refused: str = ""
    """Why the last reload was refused; empty when it was not."""


Figures: TypeAlias = Gateway | Server | Supervisor

_decoder = msgspec.json.Decoder(Gateway | Server | Supervisor)


def encode(figures: Figures) -> bytes:
    """Return `figures` as JSON."""
    return msgspec.json.encode(figures)


def decode(data: bytes) -> Figures:
    """Return what `encode` wrote. Raises `msgspec.DecodeError` for anything else."""
    return _decoder.decode(data)
