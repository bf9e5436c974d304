"""Pure. Rows of the facts store as the API shows them.

A model's field takes the row's field of the same name; `x_ms` is made of the row's
`x_us`, `x_at` of its `x_at_us`. What follows no such rule is given by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
from pydantic import BaseModel

from trunkline.store.facts import ratios
from trunkline.store.facts.amounts import Money, Tokens
from trunkline.store.facts.queries_sessions import SessionRow
from trunkline.store.facts.rows import CallRow
from trunkline.web.api import models, models_measures

Model = TypeVar("Model", bound=BaseModel)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC)


def shaped(model: type[Model], row: msgspec.Struct, **given: Any) -> Model:
    """Return `row` as `model`."""
    values = {name: _value(name, row) for name in model.model_fields if name not in given}
    return model(**values, **given)


def moment(at_us: int) -> datetime:
    """Return wall time, µs since 1970 UTC, as the API's time."""
    try:
        return _EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        return _LAST


def microseconds(at: datetime) -> int:
    """Return a time as wall time, µs since 1970 UTC. Without a zone it is taken for UTC."""
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (at - _EPOCH) // timedelta(microseconds=1)


def call(row: CallRow) -> models.Call:
    """Return a call as lists show it."""
    return shaped(models.Call, row, **_call_parts(row))


def call_detail(row: CallRow, **parts: Sequence[BaseModel]) -> models.CallDetail:
    """Return a call with all its `parts`."""
    return shaped(models.CallDetail, row, **_call_parts(row), **parts)


def session(row: SessionRow) -> models.Session:
    """Return a session as lists show it."""
    return shaped(models.Session, row, id=row.session_id)


def _call_parts(row: CallRow) -> dict[str, Any]:
    failed = row.error_code or row.error_message
    return {
        "id": row.call_id,
        "error": {"code": row.error_code, "message": row.error_message} if failed else None,
        "key": {"id": row.key_id, "name": row.key_name} if row.key_id else None,
        "session": _session_ref(row) if row.session_id else None,
        "trace": _trace(row) if row.trace_id else None,
        "tracing": _tracing(row) if row.tracing else None,
        "caller_leg": _leg(row, "caller"),
        "provider_leg": _leg(row, "provider"),
        "counts": {name: getattr(row, name) for name in models.Counts.model_fields},
        "audio": {
            "caller_ms": row.caller_audio_us / 1000,
            "assistant_ms": row.assistant_audio_us / 1000,
            "heard_ms": row.heard_audio_us / 1000,
            "unheard_share": ratios.unheard_ratio(row),
            "recorded": row.has_audio,
        },
        "cached_share": ratios.cache_ratio(row.tokens),
        "talk": models_measures.talk(row),
        "interruptions": models_measures.interruptions(row),
        "delivery": models_measures.delivery(row),
        "transcription": {
            "input_tokens": row.transcription_input_tokens,
            "output_tokens": row.transcription_output_tokens,
            "billed_ms": row.transcription_us / 1000,
        },
    }


def _session_ref(row: CallRow) -> dict[str, str]:
    return {"id": row.session_id, "name": row.session_name, "path": row.session_path}


def _trace(row: CallRow) -> dict[str, Any]:
    return {
        "trace_id": row.trace_id,
        "parent_span_id": row.parent_span_id,
        "sampled": bool(row.trace_sampled),
    }


def _tracing(row: CallRow) -> dict[str, Any]:
    return {
        "mode": row.tracing,
        "workflow_name": row.tracing_workflow,
        "group_id": row.tracing_group,
        "metadata": row.tracing_metadata,
    }


def _leg(row: CallRow, side: str) -> dict[str, Any]:
    return {name: getattr(row, f"{side}_{name}") for name in models.Leg.model_fields}


def _value(name: str, row: msgspec.Struct) -> Any:
    stem, _, unit = name.rpartition("_")
    if unit == "ms" and not hasattr(row, name):
        us = getattr(row, _RENAMED.get(name, f"{stem}_us"))
        return None if us is None else us / 1000
    if unit == "at":
        at_us = getattr(row, f"{name}_us")
        return None if at_us is None else moment(at_us)
    value = getattr(row, name)
    return msgspec.structs.asdict(value) if isinstance(value, Tokens | Money) else value


_RENAMED: Final = {"billed_ms": "seconds_us", "session_billed_ms": "session_us"}
