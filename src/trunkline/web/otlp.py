"""Pure. A call as a trace of OpenTelemetry: OTLP in JSON, as a collector takes it by HTTP.

One trace: the caller's where it named one, else one whose id is the call's own. The call is the
root; its turns are in it, and in each turn the responses and tool calls that belong to it. Ids
follow from the call's, so that who sends a call twice sends the same spans.

There is no content in it: neither what was said nor what tools were told, and no error's text.

Source: opentelemetry-proto, trace/v1/trace.proto, and OTLP 1.x, "JSON Protobuf Encoding": ids
are hexadecimal, 64 bit numbers are text, enumerations are numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec

from trunkline import __version__
from trunkline.ids import parse_call_id
from trunkline.store.facts.rows import CallRow, ResponseRow, ToolCallRow, TurnRow
from trunkline.web import semconv

_INTERNAL: Final = 1
_SERVER: Final = 2
_CLIENT: Final = 3
"""`SpanKind`: the caller asks us, and we ask the provider."""
_FAILED: Final = 2
"""`StatusCode`."""
_SAMPLED: Final = 0x1
_KNOWN: Final = 0x100
_REMOTE: Final = 0x200
"""`SpanFlags`: whether the parent is of another process is known; it is."""

Value: TypeAlias = str | int | float | bool | Decimal | tuple[str, ...] | None


class Parts(msgspec.Struct, frozen=True):
    """What is in a call."""

    turns: Sequence[TurnRow] = ()
    responses: Sequence[ResponseRow] = ()
    tools: Sequence[ToolCallRow] = ()


class _Span(msgspec.Struct, frozen=True, kw_only=True):
    """One span, before it is written."""

    key: str
    """What its id is made of."""
    name: str
    parent: str
    """Key of the span that it is in."""
    kind: int
    from_us: int
    to_us: int
    """Call clock."""
    attributes: Mapping[str, Value]
    error: str = ""
    """Its type; empty: it did not fail."""


def trace_id(call: CallRow) -> str:
    """Return the id of the trace that `call` is in: the caller's, or the call's own 16 bytes."""
    return call.trace_id or parse_call_id(call.call_id).hex()


def span_id(call: CallRow, key: str) -> str:
    """Return the id of one span of `call`."""
    return hashlib.sha256(f"{call.call_id} {key}".encode()).hexdigest()[:16]


def exported(call: CallRow, parts: Parts) -> dict[str, Any]:
    """Return a call that is over as an `ExportTraceServiceRequest`."""
    resource = {
        "service.name": "trunkline",
        "service.version": __version__,
        "service.instance.id": call.gateway,
    }
    spans = [_written(call, span) for span in _spans(call, parts)]
    scope = {"name": "trunkline", "version": __version__}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [{"scope": scope, "spans": spans}],
            }
        ]
    }


def _spans(call: CallRow, parts: Parts) -> Iterator[_Span]:
    yield _root(call)
    turns = {turn.turn for turn in parts.turns}
    for turn in parts.turns:
        yield _turn(call, turn)
    for response in parts.responses:
        yield _response(call, response, _in_turn(response.turn, turns))
    for tool in parts.tools:
        yield _tool(call, tool, _in_turn(tool.turn, turns))


_ROOT: Final = "call"


def _in_turn(number: int, turns: set[int]) -> str:
    return f"turn {number}" if number in turns else _ROOT


def _root(call: CallRow) -> _Span:
    failed = call.status not in ("completed", "recovered")
    return _Span(
        key=_ROOT,
        name="realtime session",
        parent="",
        kind=_SERVER,
        from_us=0,
        to_us=_end_us(call),
        attributes={
            **_of_call(call),
            "semconv": semconv.VERSION,
            "model_used": call.model_used,
            "voice": call.voice,
            "spoken": ", ".join(call.spoken),
            "session": call.session_id,
            "user": call.user_id,
            "call_kind": call.kind,
            "call_status": call.status,
            "call_end_reason": call.end_reason,
            "workflow": call.tracing_workflow,
            "trace_group": call.tracing_group,
            "cost_usd": call.cost_usd,
        },
        error=(call.error_code or call.end_reason) if failed else "",
    )


def _of_call(call: CallRow) -> dict[str, Value]:
    return {
        "conversation": call.call_id,
        "provider": semconv.PROVIDERS.get(call.provider, call.provider),
        "model_asked": call.model_asked,
    }


def _end_us(call: CallRow) -> int:
    return call.duration_us or 0


def _turn(call: CallRow, turn: TurnRow) -> _Span:
    ended = semconv.END_REASONS.get(turn.status, "")
    if not ended and turn.ended_us >= _end_us(call):
        ended = semconv.SESSION_CLOSED
    return _Span(
        key=f"turn {turn.turn}",
        name=semconv.INVOKE_AGENT,
        parent=_ROOT,
        kind=_INTERNAL,
        from_us=turn.started_us,
        to_us=turn.ended_us,
        attributes={
            **_of_call(call),
            "operation": semconv.INVOKE_AGENT,
            "turn": turn.turn,
            "turn_kind": turn.kind,
            "turn_end_reason": ended,
            "wait_ms": _ms(turn.wait_us),
            "wait_from_stopped_ms": _ms(turn.wait_from_stopped_us),
            "barge_in": turn.barge_in,
            "cost_usd": turn.cost_usd,
        },
        error=turn.status if turn.status in ("failed", "unanswered") else "",
    )


def _response(call: CallRow, row: ResponseRow, parent: str) -> _Span:
    model, tokens = call.model_used or call.model_asked, row.tokens
    return _Span(
        key=f"response {row.response_id}",
        name=f"{semconv.CHAT} {model}".strip(),
        parent=parent,
        kind=_CLIENT,
        from_us=row.created_us,
        to_us=_end_us(call) if row.done_us is None else row.done_us,
        attributes={
            **_of_call(call),
            "operation": semconv.CHAT,
            "model_used": model,
            "output": "speech" if row.audio_us else "text",
            "response": row.response_id,
            "response_status": (row.status_reason or row.status,),
            "first_audio_ms": _ms(row.to_first_audio_us),
            "audio_ms": _ms(row.audio_us),
            "heard_ms": _ms(row.heard_us),
            "input_tokens": tokens.input,
            "output_tokens": tokens.output,
            "cached_tokens": tokens.cached,
            "input_text_tokens": tokens.input_text,
            "input_audio_tokens": tokens.input_audio,
            "output_text_tokens": tokens.output_text,
            "output_audio_tokens": tokens.output_audio,
            "cost_usd": row.cost_usd,
        },
        error=(row.error_code or row.status) if row.status == "failed" else "",
    )


def _tool(call: CallRow, row: ToolCallRow, parent: str) -> _Span:
    return _Span(
        key=f"tool {row.tool_call_id}",
        name=f"{semconv.EXECUTE_TOOL} {row.name}".strip(),
        parent=parent,
        kind=_INTERNAL,
        from_us=row.called_us,
        to_us=_end_us(call) if row.answered_us is None else row.answered_us,
        attributes={
            **_of_call(call),
            "operation": semconv.EXECUTE_TOOL,
            "tool": row.name,
            "tool_call": row.tool_call_id,
            "answered": row.answered_us is not None,
        },
        error="tool_error" if row.failed else "",
    )


def _ms(time_us: int | None) -> float | None:
    return None if time_us is None else time_us / 1000


def _written(call: CallRow, span: _Span) -> dict[str, Any]:
    parent = span_id(call, span.parent) if span.parent else call.parent_span_id
    remote = _REMOTE if not span.parent and parent else 0
    # What is in no trace of the caller's is kept: nobody has decided otherwise.
    sampled = 0 if call.trace_sampled is False else _SAMPLED
    attributes = {**span.attributes, "error": span.error}
    written: dict[str, Any] = {
        "traceId": trace_id(call),
        "spanId": span_id(call, span.key),
        "parentSpanId": parent,
        "flags": sampled | _KNOWN | remote,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": _nano(call, span.from_us),
        "endTimeUnixNano": _nano(call, max(span.from_us, span.to_us)),
        "attributes": _attributes(
            {semconv.ATTRIBUTES[name]: value for name, value in attributes.items()}
        ),
    }
    return written | ({"status": {"code": _FAILED}} if span.error else {})


def _nano(call: CallRow, offset_us: int) -> str:
    """Return wall time: where on the call's clock, from the wall clock at its opening."""
    return str((call.opened_at_us + offset_us) * 1000)


def _attributes(named: Mapping[str, Value]) -> list[dict[str, Any]]:
    """Return attributes, those left out that say nothing."""
    return [
        {"key": name, "value": _value(value)}
        for name, value in named.items()
        if value not in ("", None)
    ]


def _value(value: Value) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float() | Decimal():
            return {"doubleValue": float(value)}
        case tuple():
            return {"arrayValue": {"values": [{"stringValue": one} for one in value]}}
        case _:
            return {"stringValue": str(value)}
