"""Pure. What the recorder remembers of one call while it folds the call's records.

One mutable struct per call, owned by `fold`. It is a checkpoint as it stands: written
with msgspec and read back at any record, it goes on as if nothing had happened. What is
over leaves it, so that an hour of talking stays small: rows are emitted, sums remain,
and of old items only their place in the conversation.

What a struct has that it always has many of leaves out its defaults: a checkpoint is written
every second.

All times are offsets on the call's clock, µs, unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from trunkline.journal.record import Record
from trunkline.protocol.call import Closed, Opened
from trunkline.protocol.prices import PriceTable
from trunkline.protocol.session import Tracing
from trunkline.recorder.arguments import Judged
from trunkline.recorder.echo import Suspect
from trunkline.recorder.histogram import Histogram
from trunkline.recorder.intake import Intake
from trunkline.recorder.loudness import Loudness
from trunkline.recorder.requested import Asked
from trunkline.recorder.sound import Heard, Sound
from trunkline.recorder.spans import Span
from trunkline.store.facts.amounts import Bill, Tokens
from trunkline.store.facts.flame import Conversation
from trunkline.store.facts.rows import ErrorRow, ResponseRow, Row, TurnRow

Phase: TypeAlias = Literal["hearing", "waiting", "answering", "answered"]
"""hearing: the caller speaks. waiting: the input is complete, nobody answers yet.
answering: a response runs. answered: none runs, though a tool may still have to."""


class Line(msgspec.Struct, omit_defaults=True):
    """One item: a line of the transcript."""

    item_id: str
    added_us: int
    kind: str = "message"
    role: str = ""
    modality: str = "text"
    turn: int = 0
    response_id: str = ""
    parts: dict[int, str] = {}
    """Text by content index."""
    transcript_status: str = "none"
    starts_us: int | None = None
    """Caller items only; an assistant item's sound is in `Sound.plays`."""
    ends_us: int | None = None
    name: str = ""
    """Of the function."""
    call_id: str = ""
    """Of the tool call: asked or answered here."""
    called: bool = False
    """The tool call in it has its row."""
    committed_us: int | None = None
    """Caller items only: the provider made an item of what was said."""
    silent_us: int | None = None
    """Caller items only: the true end of what was said, where it is known."""
    worded_us: int | None = None
    """Caller items only: the first piece of the transcript came."""
    transcribed_us: int | None = None
    deleted: bool = False
    placed: bool = False
    """The provider has said where in the conversation it is."""
    dirty: bool = True
    """Its row does not show all of this yet."""


class Lines(msgspec.Struct):
    """The conversation: a linked list of items, since items may be put into the middle."""

    order: dict[str, int] = {}
    """Position of every item there ever was."""
    kept: dict[str, Line] = {}
    """The latest items in full, for what comes late: transcripts, truncations, deletions."""
    last: int = -1
    """The highest position."""
    roots: int = 0
    """Items that the caller wants at the front, and that are not there yet."""


class Answer(msgspec.Struct, omit_defaults=True):
    """One response."""

    response_id: str
    turn: int
    created_us: int
    aside: bool = False
    """Out of band: it writes to no conversation and answers no turn."""
    status: str = "in_progress"
    status_reason: str = ""
    error_code: str = ""
    error_message: str = ""
    after_tool: bool = False
    """It goes on with a turn whose tool has answered."""
    first_text_us: int | None = None
    first_audio_us: int | None = None
    last_audio_us: int | None = None
    done_us: int | None = None
    items: list[str] = []
    """Those with sound."""
    late_audio_us: int = 0
    """Sound that came when the caller had begun to speak over it."""
    late_seq: int = 0
    """Frame of the first of it, and when it came."""
    late_at_us: int = 0
    tool_called_us: int | None = None
    """The tool was called that it goes on after."""
    called: bool = False
    """It called a tool itself."""
    silent: bool = False
    went_on: bool = False
    """Sound came after its `response.done`."""
    truncated: bool = False
    missed_truncate: bool = False
    context_dropped_tokens: int | None = None
    tools: bytes | None = None
    """`recorder.toolbox`: those that it may call. None: the session's."""
    tokens: Tokens = Tokens()
    cost_usd: Decimal | None = None
    audio_usd: Decimal | None = None
    """Of `cost_usd`, what its sound cost."""
    metadata: str = ""


class Turn(msgspec.Struct, omit_defaults=True):
    """Caller input up to the end of the assistant's answer."""

    turn: int
    kind: str
    phase: Phase
    started_us: int
    item_id: str = ""
    response_id: str = ""
    speech_started_us: int | None = None
    speech_ended_us: int | None = None
    speech_stopped_us: int | None = None
    end_by: str = ""
    """How `speech_ended_us` is known: `window`, `loudness`, `commit`."""
    told_by_us: int | None = None
    """When the last of the sound was spoken by which `speech_stopped` was told."""
    handed_in_us: int | None = None
    """When the caller committed by hand what ended before, by its loudness."""
    committed_us: int | None = None
    requested_us: int | None = None
    """`response.create` handed to the provider."""
    response_created_us: int | None = None
    first_text_us: int | None = None
    first_audio_us: int | None = None
    done_us: int | None = None
    """The last response that is done."""
    status: str = ""
    """Of the last response that is done."""
    interrupted: bool = False
    barge_in: bool = False
    barged_us: int | None = None
    """When the caller's application was told of it."""
    caller_stopped_us: int | None = None
    """When it stopped its player, as far as it tells."""
    truncated_us: int | None = None
    """When it first told how much had been heard."""
    noticed_us: int | None = None
    """When the provider told of it."""
    provider_stopped_us: int | None = None
    """When the provider ended the answer that was spoken over."""
    resumed_us: int | None = None
    """When the caller spoke again after the turn's `speech_stopped`."""
    over: list[str] = []
    """Items that were heard when the caller began to speak over them."""
    responses: list[str] = []
    items: list[str] = []
    """The answer's items that have sound."""
    asked: int = 0
    """Tool calls that wait for their output."""
    told: bool = False
    """A tool's output came since the last response began."""
    tools: list[Span] = []
    """When its tools ran, as far as they have answered."""
    tool_called_us: int | None = None
    """When the first tool was called whose output nothing goes on with yet."""
    passed: list[Span] = []
    """Received to handed, of the frames without which the answer would not have come."""
    text_came_us: int | None = None
    """When the gateway had what it handed on as `first_text_us`, and so below."""
    audio_came_us: int | None = None
    cost_usd: Decimal | None = None


class Tool(msgspec.Struct, omit_defaults=True):
    """One function or MCP call."""

    tool_call_id: str
    turn: int
    response_id: str
    name: str
    arguments: str
    called_us: int
    output: str | None = None
    answered_us: int | None = None
    dead_air_us: int | None = None
    failed: bool = False
    seq: int = 0
    """Frame of its arguments."""
    function: bool = False
    """The application answers it; else the provider does."""
    judged: Judged = Judged("")
    """Its arguments."""


class Asking(msgspec.Struct):
    """A `session.update` that is not answered yet."""

    seq: int
    at_us: int
    asked: Asked


class Unnamed(msgspec.Struct):
    """An error of the provider that does not say what it answers."""

    seq: int
    message: str


class Request(msgspec.Struct):
    """A `response.create` of the caller that no response has answered yet."""

    at_us: int
    aside: bool
    came_us: int = 0
    """When the gateway had it; `at_us` is when the provider had."""
    tools: bytes | None = None
    """`recorder.toolbox`: those of the response alone. None: it says nothing of tools."""


class Speech(msgspec.Struct, omit_defaults=True):
    """Caller sound that is, or will be, an item: offsets of the provider's session."""

    item_id: str
    starts_us: int | None = None
    """True start: the prefix padding is taken off."""
    ends_us: int | None = None
    """True end: the silence window is taken off."""
    began_us: int | None = None
    """`starts_us` on the call's clock."""
    over: bool = False
    """It is among the caller's spans."""
    silent_us: int | None = None
    """True end on the call's clock; None: the window and the loudness tell nothing."""
    told_over_us: int | None = None
    """When it was over, as well as that is known, where no sound says more."""


class Stream(msgspec.Struct):
    """The words of one side of a session that flows."""

    lines: int = 0
    """Of the transcript, so far."""
    item_id: str = ""
    """Of the line that grows."""
    words_us: int = 0
    """When the last words came."""
    told_us: int = 0
    """When its row was last written."""
    from_us: int = 0
    """Where in the appended sound the next line begins, if the provider says when one is over."""


class Meter(msgspec.Struct):
    """What a session that is paid by time has cost so far."""

    since_us: int
    charged_us: int = 0
    told: bool = False
    """The provider says itself how long it bills."""
    told_us: int = 0
    """What it said last."""
    standing_us: int | None = None
    """Since when the caller is not listened to, as far as that is not in `stood_us`."""
    stood_us: int = 0
    """How long the caller was not listened to, as far as it is not charged yet."""
    over: bool = False


class Hearing(msgspec.Struct):
    """The session in force, as far as it decides what events mean."""

    kind: str = ""
    """`protocol.call.CallKind`; empty until the provider has said."""
    language: str = ""
    """What is translated into."""
    expected: tuple[str, ...] = ()
    """Languages that the transcriber is told to expect."""
    spoken: tuple[str, ...] = ()
    """Languages that it heard."""
    model: str = ""
    provider_session_id: str = ""
    voice: str = ""
    vad: str = ""
    silence_us: int | None = None
    prefix_us: int | None = None
    creates: bool = True
    """The provider answers a commit unasked."""
    transcription_model: str = ""
    prompt: str = ""
    """`recorder.prompt` of the instructions."""
    tracing: Tracing | None = None
    """What the provider traces, on its own dashboard."""
    misnamed_trace: bool = False
    """Its metadata has a `traceparent` that is none, and that is told."""
    loudness: Loudness | None = None
    """Follows the caller's sound where the provider's window is not known."""
    tools: bytes = b""
    """`recorder.toolbox`, and so for the next."""
    asked_tools: bytes | None = None
    """What the caller asked for last, while the provider has not answered."""
    only_listens: bool = False
    """A transcription session: there are items, and neither responses nor turns."""


class Sums(msgspec.Struct, omit_defaults=True):
    """What remains of all that has left the state."""

    turns: int = 0
    responses: int = 0
    barge_ins: int = 0
    tool_calls: int = 0
    errors: int = 0
    caller_audio_us: int = 0
    assistant_audio_us: int = 0
    heard_us: int = 0
    """Of items that have left; those that are kept are summed when asked."""
    tokens: Tokens = Tokens()
    transcription_input_tokens: int = 0
    transcription_output_tokens: int = 0
    transcription_us: int = 0
    session_us: int = 0
    cost_usd: Decimal | None = None
    unpriced: list[str] = []
    waits_us: list[int] = []
    """`wait_us` of every turn that has left."""
    caller_spans: list[Span] = []
    """When the caller spoke."""
    assistant_spans: list[Span] = []
    """When items were heard that have left."""
    caller_words: int = 0
    """Of items that have left, and so for the next three."""
    caller_worded_us: int = 0
    assistant_words: int = 0
    assistant_worded_us: int = 0
    barge_kinds: dict[str, int] = {}
    missed_truncates: int = 0
    premature: int = 0
    cut_ins: int = 0
    silent: int = 0
    unanswered: int = 0
    failed_responses: int = 0
    context_drops: int = 0
    away_us: int = 0
    """How long a sideband was away."""
    stalls_us: int = 0
    """Of items that have left."""
    late_audio_us: int = 0
    unheard_usd: Decimal | None = None
    """Of responses that have left."""
    tool_us: int = 0
    tool_dead_us: int = 0
    left_permille: int | None = None
    """The least that was left of a rate limit."""
    caller_frames: int = 0
    provider_frames: int = 0
    caller_bytes: int = 0
    provider_bytes: int = 0
    lost_frames: int = 0
    lost_bytes: int = 0
    damaged_records: int = 0
    relayed_ns: Histogram = {}


class TurnTimes(msgspec.Struct, frozen=True, array_like=True):
    """What many calls are asked of their turns."""

    wait_us: int | None
    endpoint_us: int | None
    stop_us: int | None
    barge_in: bool


class Parts(msgspec.Struct, omit_defaults=True):
    """Of each row of a part of the call, what the call's own row gathers."""

    turns: dict[int, TurnTimes] = {}
    first_audios_us: dict[str, int] = {}
    """By response."""
    latencies_us: dict[str, int] = {}
    """By tool call."""
    bills: dict[str, Bill] = {}
    """By model, kind and day."""
    conversation: Conversation = msgspec.field(default_factory=Conversation)
    """What the next response will be billed again."""


class State(msgspec.Struct):
    """One call."""

    call_id: str = ""
    last_seq: int = -1
    last_us: int = 0
    """When the last record happened."""
    opened_ns: int = 0
    """Gateway monotonic clock: zero of the call's clock."""
    wall_us: int = 0
    """Wall clock at that moment, µs since 1970."""
    opened: Opened | None = None
    caller_dialect: str = ""
    """As a note corrects it; empty: as `opened` has it."""
    closed: Closed | None = None
    ended_us: int | None = None
    dialled_us: int | None = None
    """When we began to dial the provider."""
    connect_us: int | None = None
    ready_us: int | None = None
    """When the provider's first session was there."""
    update_us: int | None = None
    """When the caller's last `session.update` was handed on, while it is unanswered."""
    configure_us: int | None = None
    first_audio_us: int | None = None
    """The assistant's first sound of the call, handed to the caller."""
    hearing: Hearing = msgspec.field(default_factory=Hearing)
    sound: Sound = msgspec.field(default_factory=Sound)
    lines: Lines = msgspec.field(default_factory=Lines)
    turns: list[Turn] = []
    """Those that are not final."""
    turns_begun: int = 0
    answers: dict[str, Answer] = {}
    finished: list[str] = []
    """Responses that left lately: what comes late of them is not a new one."""
    tools: dict[str, Tool] = {}
    barged: dict[str, TurnRow] = {}
    """By item: final turns whose barge-in is not transcribed yet."""
    suspects: list[Suspect] = []
    """Barge-ins of final turns."""
    cut: dict[str, ResponseRow] = {}
    """By response: cancelled by a barge-in, and not truncated yet."""
    context_tokens: int = 0
    """Input of the last response in the conversation; 0: it may shrink."""
    asking: list[Asking] = []
    unnamed: list[Unnamed] = []
    """Errors since the first of those, any of which may be the answer to one."""
    prompt: str | None = None
    """`hearing.prompt` when the first response began."""
    last_error: ErrorRow | None = None
    """It may be what the call ends by."""
    spoken_dialect: str = ""
    """Of the caller's last `session.update`."""
    linted_models: list[str] = []
    intake: Intake = msgspec.field(default_factory=Intake)
    requests: list[Request] = []
    typed_us: int | None = None
    """When the caller last created a text item that nobody has asked to answer."""
    typed_id: str = ""
    tool_told_us: int | None = None
    """When the output of a tool came whose turn was final already."""
    tool_asked_us: int | None = None
    """When that tool was called."""
    commit_us: int | None = None
    commit_handed_us: int | None = None
    """When the caller last committed by hand."""
    commit_loud_us: int | None = None
    """Until where, of all sound appended, the caller had been loud by then."""
    commit_to_us: int | None = None
    """How much the caller had appended by then."""
    commit_from_us: int = 0
    """Offset of the caller's sound that no item has yet."""
    idle: bool = False
    """The provider is about to answer a silence."""
    speeches: list[Speech] = []
    streams: dict[str, Stream] = {}
    """By role; only of sessions that flow."""
    meter: Meter | None = None
    """Only of sessions that are paid by time."""
    sums: Sums = msgspec.field(default_factory=Sums)
    parts: Parts = msgspec.field(default_factory=Parts)

    @classmethod
    def new(cls) -> State:
        """Return the state of a call of which no record is known."""
        return cls()

    @property
    def direct(self) -> bool:
        """Its sound goes past the gateway (WebRTC, telephone): a sideband hears events alone."""
        return self.opened is not None and self.opened.transport != "websocket"


class Step(msgspec.Struct, gc=False):
    """One record on its way through the fold, and the rows that come of it."""

    record: Record
    prices: PriceTable
    at_us: int = 0
    """Received, or when it happened."""
    handed_us: int | None = None
    """Handed to the other leg; None if it never was."""
    rows: list[Row] = []
    hear: Callable[[Heard], None] | None = None
    """Is told of all sound, where somebody listens."""

    @property
    def seq(self) -> int:
        """Of the record: the version of every row that comes of it."""
        return self.record.seq

    @property
    def heard_us(self) -> int:
        """When the other leg had it, or would have."""
        return self.at_us if self.handed_us is None else self.handed_us
