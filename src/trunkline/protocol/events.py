"""Pure. The events of the Realtime API, one frozen struct each, in GA names.

Names and fields are those of protocol.md 2 and the `openai` package. Every field but
the type has a default, since providers of the same dialect leave some out. A string
that is empty was not sent. None means null or not sent, unless a field says more.

`decode.decode` makes these; it reads beta names as the GA event of the same
meaning. Base64 audio stays text: whoever wants samples decodes it (`protocol.audio`).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from trunkline.protocol import flow
from trunkline.protocol.session import Session
from trunkline.protocol.usage import WireUsage
from trunkline.protocol.wire import Wire


class OfItem(Wire, frozen=True):
    """An event about one item."""

    item_id: str = ""


class OfOutput(OfItem, frozen=True):
    """An event about one output item of a response."""

    response_id: str = ""
    output_index: int = 0


class OfPart(OfOutput, frozen=True):
    """An event about one content part. Key buffers by (response_id, item_id, content_index)."""

    content_index: int = 0


# --- objects inside events -------------------------------------------------------------


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of content. `text` and `audio` are beta's `output_text` and `output_audio`."""

    type: str = ""
    text: str | None = None
    transcript: str | None = None
    audio: str | None = None
    """Base64. Only in what a caller creates, and in `conversation.item.retrieved`."""

    @property
    def is_audio(self) -> bool:
        """Spoken or heard, rather than typed."""
        return self.type in ("input_audio", "output_audio", "audio")

    @property
    def words(self) -> str:
        """What it says, as far as is known yet."""
        return self.text or self.transcript or ""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation item; which fields are set depends on `type`."""

    id: str = ""
    type: str = ""
    """`message`, `function_call`, `function_call_output`, `mcp_call`, `mcp_list_tools`, …"""
    status: str | None = None
    role: str | None = None
    """`user`, `assistant`, `system`; messages only."""
    content: tuple[Part, ...] = ()
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | None = None
    server_label: str | None = None
    approval_request_id: str | None = None
    error: Any = None
    """`mcp_call`: why it failed, in the provider's own shape."""


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, in the provider's words."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    event_id: str | None = None
    """The caller's event that it answers; null when that had none, and sometimes even so."""
    client_event_id: str | None = None
    """The same, as GPT-Live calls it."""


class StatusDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Why a response ended as it did."""

    type: str | None = None
    reason: str | None = None
    """`turn_detected`, `client_cancelled`, `max_output_tokens`, `content_filter`."""
    error: ErrorDetail | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A response as the provider tells it."""

    id: str = ""
    status: str | None = None
    """`in_progress`, `completed`, `cancelled`, `failed`, `incomplete`."""
    status_details: StatusDetails | None = None
    output: tuple[Item, ...] = ()
    output_modalities: tuple[str, ...] | None = None
    modalities: tuple[str, ...] | None = None
    """The same, by its beta name."""
    conversation_id: str | None = None
    """None for a response out of band, which writes to no conversation."""
    usage: WireUsage | None = None
    """Null until done. `usage.usage_of` counts it."""
    metadata: dict[str, Any] | None = None


class ResponseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks of one response, as far as the record needs it."""

    instructions: str | None = None
    conversation: str | None = None
    """`none`: out of band."""
    metadata: dict[str, Any] | None = None
    input: tuple[Item, ...] | None = None


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit and what is left of it."""

    name: str = ""
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """The default conversation of a session."""

    id: str | None = None


# --- session, error, limits ------------------------------------------------------------


class SessionUpdate(Wire, frozen=True, tag="session.update"):
    """The caller asks for a change. Also beta's `transcription_session.update`."""

    session: Session = Session()


class SessionCreated(Wire, frozen=True, tag="session.created"):
    """The provider's first event, with its defaults."""

    session: Session = Session()


class SessionUpdated(Wire, frozen=True, tag="session.updated"):
    """The whole effective session after a change."""

    session: Session = Session()


class ErrorEvent(Wire, frozen=True, tag="error"):
    """Something was refused or failed. Most errors are not fatal (protocol.md 3.7)."""

    error: ErrorDetail = ErrorDetail()


class RateLimitsUpdated(Wire, frozen=True, tag="rate_limits.updated"):
    """Comes after `response.done`, not before it."""

    rate_limits: tuple[RateLimit, ...] = ()


class ConversationCreated(Wire, frozen=True, tag="conversation.created"):
    """Sent by dialects; OpenAI documents it and does not send it."""

    conversation: Conversation = Conversation()


# --- input audio buffer ----------------------------------------------------------------


class AudioAppend(Wire, frozen=True, tag="input_audio_buffer.append"):
    """Caller audio. Never acknowledged."""

    audio: str = ""
    """Base64, in the session's input format."""


class AudioCommit(Wire, frozen=True, tag="input_audio_buffer.commit"):
    """The caller ends its input by hand."""


class AudioClear(Wire, frozen=True, tag="input_audio_buffer.clear"):
    """The caller discards what it appended since the last commit."""


class SpeechStarted(OfItem, frozen=True, tag="input_audio_buffer.speech_started"):
    """`item_id` is the item that this speech will become, if it becomes one."""

    audio_start_ms: int | None = None
    """Offset in the audio appended in this session, prefix padding included, ms."""


class SpeechStopped(OfItem, frozen=True, tag="input_audio_buffer.speech_stopped"):
    """The silence window has passed."""

    audio_end_ms: int | None = None
    """Offset in the audio appended in this session, silence window included, ms."""


class Committed(OfItem, frozen=True, tag="input_audio_buffer.committed"):
    """The appended audio is now the item `item_id`."""

    previous_item_id: str | None = ""
    """None: it is the first item. Empty: not said."""


class Cleared(Wire, frozen=True, tag="input_audio_buffer.cleared"):
    """Answers `AudioClear`."""


class TimeoutTriggered(OfItem, frozen=True, tag="input_audio_buffer.timeout_triggered"):
    """Nobody spoke for `idle_timeout_ms`; the provider answers the silence."""

    audio_start_ms: int | None = None
    audio_end_ms: int | None = None


class DtmfReceived(Wire, frozen=True, tag="input_audio_buffer.dtmf_event_received"):
    """A telephone key. The only provider event without an `event_id`."""

    event: str = ""
    received_at: int | None = None
    """Provider's wall clock, seconds since 1970."""


# --- conversation items ----------------------------------------------------------------


class ItemCreate(Wire, frozen=True, tag="conversation.item.create"):
    """The caller adds an item."""

    item: Item = Item()
    previous_item_id: str | None = ""
    """`root`: at the front. Empty or None: at the end."""


class ItemRetrieve(OfItem, frozen=True, tag="conversation.item.retrieve"):
    """The caller asks for an item with its audio."""


class ItemTruncate(OfItem, frozen=True, tag="conversation.item.truncate"):
    """The caller says how much of the assistant's audio was heard."""

    content_index: int = 0
    audio_end_ms: int | None = None


class ItemDelete(OfItem, frozen=True, tag="conversation.item.delete"):
    """The caller removes an item from the conversation."""


class ItemAdded(Wire, frozen=True, tag="conversation.item.added"):
    """An item has its place. Also the `conversation.item.created` of beta and of dialects."""

    item: Item = Item()
    """Content may be empty or in progress."""
    previous_item_id: str | None = ""
    """None: it is the first item. Empty: not said, take it as the last."""


class ItemDone(Wire, frozen=True, tag="conversation.item.done"):
    """An item has its final content; audio is not in it. GA only."""

    item: Item = Item()
    previous_item_id: str | None = ""


class ItemRetrieved(Wire, frozen=True, tag="conversation.item.retrieved"):
    """Answers `ItemRetrieve`. Large."""

    item: Item = Item()


class ItemTruncated(OfItem, frozen=True, tag="conversation.item.truncated"):
    """The provider forgot what was not heard, and with it the item's transcript."""

    content_index: int = 0
    audio_end_ms: int | None = None


class ItemDeleted(OfItem, frozen=True, tag="conversation.item.deleted"):
    """Answers `ItemDelete`."""


class TranscriptionDelta(
    OfItem, frozen=True, tag="conversation.item.input_audio_transcription.delta"
):
    """A piece of what the caller said. May precede the item's commit."""

    content_index: int = 0
    delta: str = ""


class TranscriptionCompleted(
    OfItem, frozen=True, tag="conversation.item.input_audio_transcription.completed"
):
    """What the caller said. Comes whenever it likes, also after `response.done`."""

    content_index: int = 0
    transcript: str = ""
    usage: WireUsage | None = None
    """Billed beside the response."""
    languages: Any = None
    """What was spoken, where the transcriber tells: `session.languages_of`."""


class TranscriptionFailed(
    OfItem, frozen=True, tag="conversation.item.input_audio_transcription.failed"
):
    """What the caller said will not be known."""

    content_index: int = 0
    error: ErrorDetail = ErrorDetail()


class TranscriptionSegment(
    OfItem, frozen=True, tag="conversation.item.input_audio_transcription.segment"
):
    """What one speaker said; diarizing models only."""

    content_index: int = 0
    id: str = ""
    speaker: str = ""
    text: str = ""
    start: float | None = None
    """Seconds."""
    end: float | None = None


# --- responses -------------------------------------------------------------------------


class ResponseCreate(Wire, frozen=True, tag="response.create"):
    """The caller asks for an answer."""

    response: ResponseRequest | None = None


class ResponseCancel(Wire, frozen=True, tag="response.cancel"):
    """The caller wants no more of it."""

    response_id: str | None = None


class ResponseCreated(Wire, frozen=True, tag="response.created"):
    """The provider begins."""

    response: Response = Response()


class ResponseDone(Wire, frozen=True, tag="response.done"):
    """Always sent, whatever the outcome. Repeats text and arguments, has no audio."""

    response: Response = Response()


class OutputItemAdded(Wire, frozen=True, tag="response.output_item.added"):
    """A response begins an item."""

    response_id: str = ""
    output_index: int = 0
    item: Item = Item()


class OutputItemDone(Wire, frozen=True, tag="response.output_item.done"):
    """A response has finished an item."""

    response_id: str = ""
    output_index: int = 0
    item: Item = Item()


class PartAdded(OfPart, frozen=True, tag="response.content_part.added"):
    """`part.type` is `text` or `audio` in both dialects."""

    part: Part = Part()


class PartDone(OfPart, frozen=True, tag="response.content_part.done"):
    """The part with its final text or transcript."""

    part: Part = Part()


class TextDelta(OfPart, frozen=True, tag="response.output_text.delta"):
    """A piece of written answer."""

    delta: str = ""


class TextDone(OfPart, frozen=True, tag="response.output_text.done"):
    """All of a written answer."""

    text: str = ""


class AudioDelta(OfPart, frozen=True, tag="response.output_audio.delta"):
    """A piece of spoken answer: the only copy of it on the wire."""

    delta: str = ""
    """Base64, in the session's output format."""


class AudioDone(OfPart, frozen=True, tag="response.output_audio.done"):
    """No more audio for this part. Carries none."""


class TranscriptDelta(OfPart, frozen=True, tag="response.output_audio_transcript.delta"):
    """A piece of the words of a spoken answer."""

    delta: str = ""


class TranscriptDone(OfPart, frozen=True, tag="response.output_audio_transcript.done"):
    """All the words of a spoken answer."""

    transcript: str = ""


class ArgumentsDelta(OfOutput, frozen=True, tag="response.function_call_arguments.delta"):
    """A piece of a function's arguments, JSON text."""

    call_id: str = ""
    delta: str = ""


class ArgumentsDone(OfOutput, frozen=True, tag="response.function_call_arguments.done"):
    """A function call with its arguments. They come three more times; record them once."""

    call_id: str = ""
    name: str | None = None
    """Beta leaves it out: take it from the item."""
    arguments: str = ""


class McpArgumentsDelta(OfOutput, frozen=True, tag="response.mcp_call_arguments.delta"):
    """A piece of an MCP tool's arguments."""

    delta: str = ""


class McpArgumentsDone(OfOutput, frozen=True, tag="response.mcp_call_arguments.done"):
    """An MCP tool's arguments."""

    arguments: str = ""


class McpCallInProgress(OfItem, frozen=True, tag="response.mcp_call.in_progress"):
    """The provider runs an MCP tool. Has no response_id: attribute it by item."""

    output_index: int = 0


class McpCallCompleted(OfItem, frozen=True, tag="response.mcp_call.completed"):
    """The tool has answered."""

    output_index: int = 0


class McpCallFailed(OfItem, frozen=True, tag="response.mcp_call.failed"):
    """The tool has failed."""

    output_index: int = 0


class McpListInProgress(OfItem, frozen=True, tag="mcp_list_tools.in_progress"):
    """The provider asks an MCP server for its tools."""


class McpListCompleted(OfItem, frozen=True, tag="mcp_list_tools.completed"):
    """The server has answered."""


class McpListFailed(OfItem, frozen=True, tag="mcp_list_tools.failed"):
    """The server has not."""


# --- playback, on WebRTC and SIP only --------------------------------------------------


class PlayoutClear(Wire, frozen=True, tag="output_audio_buffer.clear"):
    """The caller wants silence now."""


class PlayoutStarted(Wire, frozen=True, tag="output_audio_buffer.started"):
    """The provider has begun to play a response out."""

    response_id: str = ""


class PlayoutStopped(Wire, frozen=True, tag="output_audio_buffer.stopped"):
    """It has been played to its end; comes after `response.done`."""

    response_id: str = ""


class PlayoutCleared(Wire, frozen=True, tag="output_audio_buffer.cleared"):
    """It was cut."""

    response_id: str = ""


class Opaque(msgspec.Struct, frozen=True):
    """An event that we relay but do not model. Not an error: providers add types."""

    type: str
    """Empty when the frame is not a JSON object with a type: garbage."""
    size_bytes: int


Modelled: TypeAlias = (
    AudioDelta
    | AudioAppend
    | AudioClear
    | AudioCommit
    | AudioDone
    | ArgumentsDelta
    | ArgumentsDone
    | Cleared
    | Committed
    | ConversationCreated
    | DtmfReceived
    | ErrorEvent
    | ItemAdded
    | ItemCreate
    | ItemDelete
    | ItemDeleted
    | ItemDone
    | ItemRetrieve
    | ItemRetrieved
    | ItemTruncate
    | ItemTruncated
    | McpArgumentsDelta
    | McpArgumentsDone
    | McpCallCompleted
    | McpCallFailed
    | McpCallInProgress
    | McpListCompleted
    | McpListFailed
    | McpListInProgress
    | OutputItemAdded
    | OutputItemDone
    | PartAdded
    | PartDone
    | PlayoutClear
    | PlayoutCleared
    | PlayoutStarted
    | PlayoutStopped
    | RateLimitsUpdated
    | ResponseCancel
    | ResponseCreate
    | ResponseCreated
    | ResponseDone
    | SessionCreated
    | SessionUpdate
    | SessionUpdated
    | SpeechStarted
    | SpeechStopped
    | TextDelta
    | TextDone
    | TimeoutTriggered
    | TranscriptDelta
    | TranscriptDone
    | TranscriptionCompleted
    | TranscriptionDelta
    | TranscriptionFailed
    | TranscriptionSegment
    | flow.Flowing
)
"""Every event that has a struct."""

Event: TypeAlias = Modelled | Opaque
"""What `decode` returns."""
