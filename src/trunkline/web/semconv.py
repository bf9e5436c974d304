"""Pure. What a call's spans and their attributes are called: one table, of one version.

OpenTelemetry's conventions for generative AI are in development, and have renamed attributes
before. So nothing else names one: a later version is another table, told by `VERSION` in each
trace. Source: open-telemetry/semantic-conventions-genai, docs/gen-ai, as of 2026-08; what they
have no word for is under `trunkline.`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VERSION: Final = "genai-dev-2026-08"

INVOKE_AGENT: Final = "invoke_agent"
CHAT: Final = "chat"
EXECUTE_TOOL: Final = "execute_tool"
"""Operations: of a turn, of a response, of a tool call."""

ATTRIBUTES: Final[Mapping[str, str]] = {
    "semconv": "trunkline.semconv",
    "operation": "gen_ai.operation.name",
    "conversation": "gen_ai.conversation.id",
    "provider": "gen_ai.provider.name",
    "model_asked": "gen_ai.request.model",
    "model_used": "gen_ai.response.model",
    "output": "gen_ai.output.type",
    "voice": "gen_ai.speech.voice",
    "spoken": "gen_ai.speech.input.language",
    "session": "session.id",
    "user": "user.id",
    "error": "error.type",
    "call_kind": "trunkline.call.kind",
    "call_status": "trunkline.call.status",
    "call_end_reason": "trunkline.call.end_reason",
    "workflow": "trunkline.tracing.workflow_name",
    "trace_group": "trunkline.tracing.group_id",
    "cost_usd": "trunkline.cost_usd",
    "turn": "trunkline.turn.number",
    "turn_kind": "trunkline.turn.kind",
    "turn_end_reason": "gen_ai.agent.invocation.end_reason",
    "wait_ms": "trunkline.turn.wait_ms",
    "wait_from_stopped_ms": "trunkline.turn.wait_from_stopped_ms",
    "barge_in": "trunkline.turn.barge_in",
    "response": "gen_ai.response.id",
    "response_status": "gen_ai.response.finish_reasons",
    "first_audio_ms": "trunkline.response.first_audio_ms",
    "audio_ms": "trunkline.response.audio_ms",
    "heard_ms": "trunkline.response.heard_ms",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "input_text_tokens": "gen_ai.usage.text.input_tokens",
    "input_audio_tokens": "gen_ai.usage.audio.input_tokens",
    "output_text_tokens": "gen_ai.usage.text.output_tokens",
    "output_audio_tokens": "gen_ai.usage.audio.output_tokens",
    "tool": "gen_ai.tool.name",
    "tool_call": "gen_ai.tool.call.id",
    "answered": "trunkline.tool.answered",
}
"""What we call it, and what an attribute does."""

PROVIDERS: Final[Mapping[str, str]] = {
    "openai": "openai",
    "azure": "azure.ai.openai",
    "voice-live": "azure.ai.openai",
    "xai": "x_ai",
}
"""Our names of providers that the conventions name otherwise, or at all."""

END_REASONS: Final[Mapping[str, str]] = {
    "completed": "completed",
    "interrupted": "interrupted",
}
"""Of turns, by their status. Of all others the conventions have `session_closed`, where the call
ended with the turn."""
SESSION_CLOSED: Final = "session_closed"
