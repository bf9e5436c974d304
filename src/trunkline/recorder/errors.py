"""Pure. Errors of the provider and of ours, without the secrets that they quote."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from trunkline.protocol.call import Closed
from trunkline.protocol.events import ErrorDetail
from trunkline.recorder.bounds import id_of
from trunkline.recorder.redact import redacted
from trunkline.recorder.state import State, Step
from trunkline.store.facts.rows import ErrorRow

ENDING_US: Final = 2_000_000
"""An error that the call ended by is followed by the close at once; so much a slow leg may take."""


def error(state: State, step: Step, source: str, detail: ErrorDetail, phase: str = "") -> None:
    """Emit the row of one error. `source`: `provider` or `gateway`; `phase`: where it is not that
    of now."""
    _emit(state, step, _row(state, step, source, detail, phase or phase_of(state)))


def _emit(state: State, step: Step, row: ErrorRow) -> None:
    state.sums.errors += 1
    state.last_error = row
    step.rows.append(row)


def _row(state: State, step: Step, source: str, detail: ErrorDetail, phase: str) -> ErrorRow:
    return ErrorRow(
        org_id=state.opened.org_id if state.opened else "",
        call_id=state.call_id,
        version=step.seq,
        seq=step.seq,
        at_us=step.at_us,
        source=source,
        type=id_of(detail.type),
        code=id_of(detail.code),
        message=redacted(detail.message),
        param=id_of(redacted(detail.param)),
        event_id=id_of(detail.event_id or detail.client_event_id),
        phase=phase,
    )


def phase_of(state: State) -> str:
    """Return what the call is at: how far it has come, and whether somebody waits for words.

    `connecting`: the provider has told of no session yet. `starting`: it has, and no response
    has begun. `answering`: one is being made. `idle`: none is. `streaming`: of a session that
    has no responses.
    """
    if state.connect_us is None:
        return "connecting"
    kind = state.hearing.kind or (state.opened.kind if state.opened else "realtime")
    if state.hearing.only_listens or kind != "realtime":
        return "streaming"
    if any(answer.done_us is None for answer in state.answers.values()):
        return "answering"
    return "idle" if state.sums.responses else "starting"


def ended(state: State, step: Step, closed: Closed) -> None:
    """The call is over, and no turn is yet: by an error, it carries the code of the close.

    The provider's, where that closed; else the one with which the gateway told the caller. A
    provider that closes as no session ends, and does not say why, has made an error, too.
    """
    if closed.status != "failed" or closed.end_reason == "caller_lost":
        return
    by_provider = closed.end_reason == "provider_closed"
    code = closed.provider_close_code if by_provider else closed.caller_close_code
    if code is None:
        return
    last = state.last_error
    if last is not None and step.at_us - last.at_us <= ENDING_US:
        step.rows.append(replace(last, version=step.seq, close_code=code))
    elif by_provider:
        detail = ErrorDetail(type="closed", message=closed.provider_close_reason)
        row = _row(state, step, "provider", detail, phase_of(state))
        _emit(state, step, replace(row, close_code=code))
