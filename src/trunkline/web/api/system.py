"""I/O. `/v1/system`: how the installation is. For the organisation of whoever runs it.

The System page shows the same, from the same `vitals.summary`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from trunkline.vitals.ready import Status
from trunkline.vitals.summary import Process, Summary
from trunkline.web.api.health import Reason
from trunkline.web.api.shape import moment
from trunkline.web.auth import Deps, Reader, require_reader
from trunkline.web.refusals import NotFound

router = APIRouter(tags=["System"])

Model = TypeVar("Model", bound=BaseModel)

NS_PER_MS = 1_000_000
_NOBODYS = "There is nothing at this address."


class SystemProcess(BaseModel):
    """One process."""

    name: str
    kind: Literal["gateway", "server", "supervisor"]
    state: Literal["running", "stuck", "gone"]
    retiring: bool = Field(description="Others accept in its place; its calls go on.")
    told_ms_ago: float = Field(description="Age of its figures.")
    version: str
    started_at: datetime | None
    live_calls: int | None
    resident_bytes: int = Field(description="Memory.")
    cpu_ms: float = Field(description="User and system, since its start.")
    open_files: int
    max_open_files: int
    loop_lag_ms: float = Field(description="Latest that it came to a timer, in the last minute.")


class SystemCalls(BaseModel):
    """Calls, since the gateways were started."""

    live: int
    attempts: int
    refused: dict[str, int] = Field(description="Answers instead of a call, by code.")
    ended: dict[str, int] = Field(description="Attempts that are over, by end reason.")


class SystemLeg(BaseModel):
    """What was read on one leg of all calls and handed to the other."""

    frames: int
    bytes: int
    buffered_bytes: int = Field(description="Most that waited for this leg, in the last minute.")


class SystemRelay(BaseModel):
    """Relaying: frame received to handed on."""

    caller: SystemLeg
    provider: SystemLeg
    recent_frames: int = Field(description="In the last minute; the two times are about these.")
    p50_ms: float | None
    p99_ms: float | None


class SystemJournal(BaseModel):
    """The journals of all gateways."""

    records: int
    written_bytes: int
    backlog_bytes: int = Field(description="Accepted, and not yet written.")
    unwritten_age_ms: float
    unsynced_age_ms: float
    gaps: int
    lost_frames: int = Field(description="Relayed, and not recorded.")
    lost_bytes: int
    suspect_segments: int
    failing: str = Field(description="disk_full or io_error while the disk refuses; else empty.")


class SystemRecorder(BaseModel):
    """How far the recorder has come."""

    unread_bytes: int
    unread_age_ms: float
    live_calls: int
    waiting_rows: int
    waiting_calls: int = Field(description="Over, and not yet sealed.")
    damaged_bytes: int
    gaps: int
    lost_frames: int
    lost_bytes: int
    store_errors: int


class SystemStores(BaseModel):
    """Whether the stores answer, and what is wrong with the facts."""

    facts: bool
    control: bool
    facts_damaged: bool
    facts_refused_rows: int


class SystemAudit(BaseModel):
    """Archives compared with facts, call by call."""

    calls: int
    archived_frames: int
    facts_frames: int
    differing_calls: int
    differing_frames: int = Field(description="Only one of both has them: should be 0.")
    unreadable_archives: int
    compared_at: datetime | None


class SystemWeb(BaseModel):
    """Requests to API and dashboard."""

    requests: dict[str, int]


class SystemSupervisor(BaseModel):
    """What `trunkline up` has had to do."""

    restarts: int = Field(description="Processes that ended by themselves and were started again.")
    retiring: int = Field(description="Gateways from before a reload whose calls go on.")
    reloads: int
    reload_refused: str = Field(description="Why the last one was refused; empty: it was not.")


class SystemDisk(BaseModel):
    """The file system of the data directory."""

    free_bytes: int
    bytes: int


class System(BaseModel):
    """The whole installation, now. The server's parts are null while none runs."""

    status: Status = Field(description="As `/ready` says.")
    reasons: list[Reason]
    processes: list[SystemProcess]
    calls: SystemCalls
    relay: SystemRelay
    journal: SystemJournal
    recorder: SystemRecorder | None
    stores: SystemStores | None
    audit: SystemAudit | None
    web: SystemWeb | None
    supervisor: SystemSupervisor | None
    disk: SystemDisk


@router.get("/v1/system")
async def get_system(reader: Annotated[Reader, Depends(require_reader)], deps: Deps) -> System:
    """How the installation is: processes, calls, relay, journal, recorder, stores, disk.

    For the operator's organisation; to others there is nothing here.
    """
    if not await deps.control.is_operator(reader.org_id):
        raise NotFound(_NOBODYS)
    return _system(await deps.desk.summary())


def _system(found: Summary) -> System:
    audit = found.audit
    return System(
        status=found.verdict.status,
        reasons=[_told(Reason, one) for one in found.verdict.reasons],
        processes=[_process(one) for one in found.processes],
        calls=_told(SystemCalls, found, live=found.live_calls),
        relay=_told(
            SystemRelay,
            found.relay,
            caller=_told(SystemLeg, found.relay.caller),
            provider=_told(SystemLeg, found.relay.provider),
        ),
        journal=_told(SystemJournal, found.journal),
        recorder=_told(SystemRecorder, found.recorder) if found.recorder else None,
        stores=_told(SystemStores, found.stores) if found.stores else None,
        audit=_told(SystemAudit, audit, compared_at=_at(audit.compared_wall_ns)) if audit else None,
        web=_told(SystemWeb, found.web) if found.web else None,
        supervisor=_told(SystemSupervisor, found.supervisor) if found.supervisor else None,
        disk=SystemDisk(free_bytes=found.disk_free_bytes, bytes=found.disk_bytes),
    )


def _process(one: Process) -> SystemProcess:
    return _told(
        SystemProcess,
        one.machine,
        name=one.name,
        kind=one.kind,
        state=one.state,
        retiring=one.retiring,
        told_ms_ago=one.age_ns / NS_PER_MS,
        version=one.version,
        started_at=_at(one.started_wall_ns),
        live_calls=one.live_calls,
    )


def _told(model: type[Model], figures: msgspec.Struct, **given: Any) -> Model:
    """Return `figures` as `model`: `x_ms` is made of `x_ns`, all else has the same name."""
    names = [name for name in model.model_fields if name not in given]
    return model(**{name: _value(name, figures) for name in names}, **given)


def _value(name: str, figures: msgspec.Struct) -> Any:
    if not name.endswith("_ms"):
        return getattr(figures, name)
    ns = getattr(figures, name.removesuffix("ms") + "ns")
    return None if ns is None else ns / NS_PER_MS


def _at(wall_ns: int) -> datetime | None:
    return moment(wall_ns // 1000) if wall_ns else None
