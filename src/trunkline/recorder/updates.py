"""Pure. What became of each `session.update` of the caller: lint.

What is certain. A provider answers every update once and in order: with `session.updated`, which
says what is in force and not whom it answers, or with an `error`. An error that has an `event_id`
answers the event of that id and no other. One that has none answers an event that had none, which
is an update for certain if its `param` is a field of the session.

What is inferred. An error may have neither `event_id` nor `param`. It is taken for the answer to
an update where nothing else would be one: none of its `session.updated` came, or the next one
that came is what a later update asks for. Such a finding says so, and is no more than a warning.
"""

from __future__ import annotations

from typing import Final

from trunkline.protocol.events import ErrorDetail
from trunkline.recorder import requested
from trunkline.recorder.bounds import id_of
from trunkline.recorder.findings import found
from trunkline.recorder.redact import redacted
from trunkline.recorder.requested import Asked
from trunkline.recorder.state import Asking, State, Step, Unnamed

UNANSWERED_US: Final = 5_000_000
"""Whoever hangs up sooner has not waited for the answer."""
MAX_ASKING: Final = 8
_OF_OTHERS: Final = frozenset(
    (
        "conversation_already_has_active_response",
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
        "item_create_duplicate_item_id",
        "item_retrieve_invalid_item_id",
        "rate_limit_exceeded",
        "inference_rate_limit_exceeded",
        "server_error",
        "session_expired",
        "invalid_api_key",
        "insufficient_permissions",
        "account_deactivated",
        "billing_hard_limit_reached",
        "insufficient_quota",
        "credit_balance_exhausted",
        "beta_api_shape_disabled",
        "missing_model",
        "invalid_model",
        "model_not_found",
    )
)
"""Codes that never refuse an update (protocol.md 3.7): they are of other events, or of none."""
_FIELD_OF: Final = {"cannot_update_voice": "voice"}
"""Codes that refuse an update and nothing else, and the field that they are about."""


def updating(state: State, step: Step) -> None:
    """The caller sends a `session.update`, which was handed on."""
    asked = requested.read(step.record.payload)
    if asked is None:
        return
    _dialect(state, step, asked)
    state.asking.append(Asking(step.seq, step.at_us, asked))
    del state.asking[:-MAX_ASKING]


def _dialect(state: State, step: Step, asked: Asked) -> None:
    before = state.spoken_dialect
    if len(asked.dialects) == 2:
        detail = "fields of both dialects in one session"
        found(state, step, "dialect_mixed", "warn", detail, step.seq, step.at_us)
    elif asked.dialects and before and asked.dialects[0] != before:
        detail = f"{asked.dialects[0]} after {before}"
        found(state, step, "dialect_mixed", "warn", detail, step.seq, step.at_us)
    if len(asked.dialects) == 1:
        state.spoken_dialect = asked.dialects[0]


def updated(state: State, step: Step) -> None:
    """The provider answers a `session.update` with the session in force."""
    told = requested.read(step.record.payload)
    if not state.asking or told is None:
        return
    for asking, error in _passed_over(state, told):
        _inferred(state, step, asking, error, "the next session.updated is a later one's")
    # In order: what came before this answer is none to what was asked after it.
    state.unnamed.clear()
    asking = state.asking.pop(0)
    missing = _missing(asking, told)
    if missing:
        detail = "; ".join(f"{path}: {what}" for path, what in missing)
        found(state, step, "update_ignored", "warn", detail, asking.seq, asking.at_us)


def _missing(asking: Asking, told: Asked) -> list[tuple[str, str]]:
    """Return what was asked for and is not in force, with what is instead.

    Translated between dialects, names differ and fields are mapped: nothing can be held against
    anything.
    """
    if not asking.asked.dialects or set(asking.asked.dialects) != set(told.dialects):
        return []
    return list(requested.differences(asking.asked.leaves, told.leaves))


def _passed_over(state: State, told: Asked) -> list[tuple[Asking, Unnamed]]:
    """Take away the updates, with an error each, that `told` cannot answer, being what one behind
    them asked for."""
    pairs = _paired(state)
    for place, asking in enumerate(state.asking[: len(pairs) + 1]):
        if not _missing(asking, told):
            del state.asking[:place]
            return pairs[:place]
    return []


def refused(state: State, step: Step, detail: ErrorDetail) -> None:
    """The provider sends an error: is it the answer to a `session.update`?"""
    asking = _refused(state.asking, detail)
    if asking is not None:
        state.asking.remove(asking)
        what = ": ".join(part for part in (detail.param, detail.message) if part)
        found(state, step, "update_refused", "bad", what, asking.seq, asking.at_us)
    elif state.asking and _names_nothing(detail):
        what = redacted(detail.message or detail.code or "nothing")
        state.unnamed.append(Unnamed(step.seq, what[:_MAX_CHARS]))
        del state.unnamed[:-MAX_ASKING]


_MAX_CHARS: Final = 500


def _refused(asking: list[Asking], detail: ErrorDetail) -> Asking | None:
    """Return the update that `detail` refuses for certain."""
    if event_id := detail.event_id or detail.client_event_id:
        return next((one for one in asking if one.asked.event_id == id_of(event_id)), None)
    first, _, path = (detail.param or "").partition(".")
    about = _FIELD_OF.get(detail.code or "", "")
    if first != "session" and not about:
        return None
    named = [one for one in asking if _has_field(one.asked, path, about)]
    return next(iter(named or asking), None)


def _has_field(asked: Asked, path: str, last: str) -> bool:
    """Whether an update asks for the field `path`, or for one that is called `last`."""
    if path:
        return any(leaf == path or leaf.startswith(f"{path}.") for leaf in asked.leaves)
    return any(leaf.rpartition(".")[2] == last for leaf in asked.leaves)


def _names_nothing(detail: ErrorDetail) -> bool:
    named = detail.event_id or detail.client_event_id or detail.param
    return not named and detail.code not in _OF_OTHERS


def end(state: State, step: Step) -> None:
    """The call is over."""
    pairs = _paired(state)
    for asking, error in pairs:
        if step.at_us - asking.at_us >= UNANSWERED_US:
            _inferred(state, step, asking, error, "no session.updated came")
    for asking in state.asking[len(pairs) :]:
        if step.at_us - asking.at_us >= UNANSWERED_US:
            detail = "no session.updated came"
            found(state, step, "update_ignored", "warn", detail, asking.seq, asking.at_us)


def _paired(state: State) -> list[tuple[Asking, Unnamed]]:
    """Return the first updates, each with the error that would be its answer, in order."""
    pairs: list[tuple[Asking, Unnamed]] = []
    errors = iter(state.unnamed)
    for asking in state.asking:
        error = next((one for one in errors if one.seq > asking.seq), None)
        if error is None:
            break
        pairs.append((asking, error))
    return pairs


def _inferred(state: State, step: Step, asking: Asking, error: Unnamed, why: str) -> None:
    detail = f"inferred, since {why}: frame {error.seq} says {error.message}"
    found(state, step, "update_refused", "warn", detail, asking.seq, asking.at_us)
