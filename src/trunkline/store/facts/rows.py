"""Pure. The rows of the facts store: what the recorder writes and the web reads.

Every row carries the organisation, the call, and `version`: the sequence number
of the last journal record that it takes into account. A row is identified by
its table's key; of two rows with the same key the higher version is the truth.

Clocks. `*_at_us` is wall time, microseconds since 1970 UTC. Any other `*_us` is
an offset on the call's clock: microseconds of the gateway's monotonic clock since
the call was opened, or a difference of two such times. None means: never happened,
or cannot be known from the wire.

Money is `Decimal` US dollars. None means *unpriced*, which is not zero.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens by modality. `cached_*` is a part of the input of that modality, never beside it."""

    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    cached_image: int = 0
    output_text: int = 0
    output_audio: int = 0

    @property
    def input(self) -> int:
        """All input, what was cached of it included."""
        return self.input_text + self.input_audio + self.input_image

    @property
    def cached(self) -> int:
        """Of the input, what was cached."""
        return self.cached_text + self.cached_audio + self.cached_image

    @property
    def output(self) -> int:
        """All output."""
        return self.output_text + self.output_audio

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            **{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        )


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars by what was billed. Unlike tokens, `cached_*` is beside the input of its
    modality: `input_*` is what was paid in full."""

    input_text: Decimal = Decimal(0)
    input_audio: Decimal = Decimal(0)
    input_image: Decimal = Decimal(0)
    cached_text: Decimal = Decimal(0)
    cached_audio: Decimal = Decimal(0)
    cached_image: Decimal = Decimal(0)
    output_text: Decimal = Decimal(0)
    output_audio: Decimal = Decimal(0)


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What a call used of one model, for one kind of use, on one day: rows of `usage`, summed."""

    model: str
    kind: str
    day: str
    uses: int = 0
    unpriced: int = 0
    """Of them, without a price."""
    cost_usd: Decimal = Decimal(0)
    """Of those that have one."""
    tokens: Tokens = Tokens()
    seconds_us: int = 0


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What questions about many calls ask of their parts, so that nothing need be joined.

    It is what the rows of the parts say that are written with the call's row, or before it.
    """

    turns: int = 0
    """Rows; `CallRow.turns` has those that have just begun, too."""
    barge_ins: int = 0
    waits_us: tuple[int, ...] = ()
    """Each `TurnRow.wait_us` that there is, and so for the next two."""
    endpoints_us: tuple[int, ...] = ()
    stops_us: tuple[int, ...] = ()
    first_audios_us: tuple[int, ...] = ()
    """Of each response with sound, from its creation."""
    latencies_us: tuple[int, ...] = ()
    """Of each tool call that was answered."""
    bills: tuple[Bill, ...] = ()


class Relayed(msgspec.Struct, frozen=True, kw_only=True):
    """How long frames were in the gateway, received to handed: a histogram, without what is 0.

    Histograms of many calls are added up for a percentile over all of their frames, which no
    percentile of the calls' own is.
    """

    times_ns: tuple[int, ...] = ()
    """The middle of each bucket, within 6.3 % of all times in it."""
    frames: tuple[int, ...] = ()
    """How many times are in it."""


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """One call. Key: call_id. Rewritten while the call is live, and when it ends."""

    org_id: str
    call_id: str
    version: int
    opened_at_us: int
    ended_at_us: int | None = None
    duration_us: int | None = None
    """Opened to closed, call clock; None while live."""
    status: str
    """`protocol.call.CallStatus`."""
    end_reason: str = ""
    """`protocol.call.EndReason`; empty while live."""
    kind: str = "realtime"
    """`protocol.call.CallKind`: all but `realtime` have neither turns nor responses."""
    transport: str = "websocket"
    """`protocol.call.Transport`: of all but `websocket` only a sideband is recorded."""
    language: str = ""
    """What the caller is translated into; empty for all other kinds."""
    http_status: int | None = None
    error_code: str = ""
    error_message: str = ""
    provider: str = ""
    provider_url: str = ""
    provider_session_id: str = ""
    """`sess_…`, as the provider calls it."""
    model_asked: str = ""
    model_used: str = ""
    caller_dialect: str = "ga"
    provider_dialect: str = "ga"
    voice: str = ""
    vad: str = ""
    """`server_vad`, `semantic_vad`, `none`, or empty when no session was ever seen."""
    key_id: str = ""
    key_name: str = ""
    user_id: str = ""
    session_id: str = ""
    session_name: str = ""
    session_path: str = ""
    properties: dict[str, str] = {}
    user_agent: str = ""
    caller_close_code: int | None = None
    caller_close_reason: str = ""
    provider_close_code: int | None = None
    provider_close_reason: str = ""
    caller_frames: int = 0
    provider_frames: int = 0
    caller_bytes: int = 0
    provider_bytes: int = 0
    lost_frames: int = 0
    """Relayed but not recorded, by `gap` records."""
    lost_bytes: int = 0
    damaged_records: int = 0
    """Recorded, and damaged on the disk since: by the numbers that are missing."""
    connect_us: int | None = None
    """Dial to `session.created`."""
    turns: int = 0
    responses: int = 0
    barge_ins: int = 0
    tool_calls: int = 0
    errors: int = 0
    caller_audio_us: int = 0
    """Speech and silence appended by the caller."""
    assistant_audio_us: int = 0
    """Generated by the provider."""
    heard_audio_us: int = 0
    """Of that, played before a barge-in or the end of the call."""
    tokens: Tokens = Tokens()
    """Of responses. Transcription is in `transcription_*`, billed beside them."""
    transcription_input_tokens: int = 0
    transcription_output_tokens: int = 0
    transcription_us: int = 0
    """Billed by duration."""
    session_us: int = 0
    """Billed by the session's duration: translation and GPT-Live."""
    cost_usd: Decimal | None = None
    """Sum of the priced usage; None when nothing could be priced."""
    unpriced: tuple[str, ...] = ()
    """Models that this call used and that have no price."""
    wait_p50_us: int | None = None
    """Median of the turns' `wait_us`."""
    wait_max_us: int | None = None
    relay_p50_us: int | None = None
    """Time in the gateway per frame, received to handed, median (from a histogram)."""
    relay_p99_us: int | None = None
    configure_us: int | None = None
    """The last `session.update` to `session.updated`."""
    time_to_first_audio_us: int | None = None
    """`session.created` to the assistant's first sound."""
    caller_talk_us: int | None = None
    """`recorder.talk`; None too in rows that an earlier release wrote, as for all below."""
    assistant_talk_us: int | None = None
    overlap_us: int | None = None
    silence_us: int | None = None
    longest_silence_us: int | None = None
    longest_silence_at_us: int | None = None
    longest_monologue_us: int | None = None
    caller_words: int | None = None
    """Of transcripts of known length, `caller_worded_us` together."""
    caller_worded_us: int | None = None
    assistant_words: int | None = None
    assistant_worded_us: int | None = None
    cut_ins: int | None = None
    """Turns in which the assistant began to speak while the caller did."""
    silent_responses: int | None = None
    abandoned: bool | None = None
    """The caller hung up before any answer, or just after waiting in silence for one."""
    false_barge_ins: int | None = None
    """Of `barge_ins`: noise, backchannel, echo."""
    missed_truncates: int | None = None
    premature_endpoints: int | None = None
    unanswered_turns: int | None = None
    failed_responses: int | None = None
    context_drops: int | None = None
    unheard_usd: Decimal | None = None
    """Of `cost_usd`, what was paid for sound that nobody heard."""
    stalls_us: int | None = None
    """How long the caller's player had run dry in the middle of an item."""
    late_audio_us: int | None = None
    """Sound that came when the caller had begun to speak over it."""
    tool_us: int | None = None
    """How long tools ran; parallel ones count once."""
    tool_dead_us: int | None = None
    """Of that, how long nobody was heard."""
    input_jitter_us: int | None = None
    """`recorder.intake`, and so for the next three."""
    input_drift_ppm: int | None = None
    input_gaps: int | None = None
    input_gap_us: int | None = None
    left_permille: int | None = None
    """The least that was left of any rate limit."""
    gathered: Gathered = Gathered()
    has_audio: bool = False
    """A playable recording is sealed."""
    gateway: str = ""
    expires_at_us: int = 0
    """When the store may forget it; 0 = never."""
    tags: tuple[str, ...] = ()
    """Said of the call afterwards, as are the next two, and some of its `properties`: the facts
    store puts them here, see `MarkRow`."""
    feedback: bool | None = None
    scores: dict[str, float] = {}
    sideband_gap_us: int | None = None
    """Of a sideband: for how long it was away, in all, and nothing was heard."""
    relayed: Relayed = Relayed()
    """Of frames that were handed on as received; when the call is over."""
    spoken: tuple[str, ...] = ()
    """Languages of the caller, by name as the wire has them, sorted."""
    spoken_by: str = ""
    """Who says so: `transcript` (the transcriber heard them), `session` (it was told to expect
    them), or empty: nobody."""


class TurnRow(msgspec.Struct, frozen=True, kw_only=True):
    """Caller input up to the end of the assistant's answer. Key: call_id, turn.

    Written when the turn is over; its cost and heard time are then final.
    """

    org_id: str
    call_id: str
    version: int
    turn: int
    """From 1."""
    kind: str
    """What began it: `speech`, `text`, `tool`, `assistant` (the assistant spoke unasked)."""
    status: str
    """`completed`, `interrupted`, `failed`, `unanswered`, `incomplete`."""
    item_id: str = ""
    """The caller's item."""
    response_id: str = ""
    """The first response that answers it."""
    started_us: int = 0
    speech_started_us: int | None = None
    """True start, protocol.md 6.1."""
    speech_ended_us: int | None = None
    """True end of the caller's speech: A(audio_end_ms - silence), protocol.md 6.1."""
    speech_stopped_us: int | None = None
    """When `speech_stopped` was received."""
    speech_end_by: str = ""
    """How the true end is known: `window` (of the provider's detection), `loudness` (our own
    detector), `commit` (the caller's own), or empty when it is not."""
    committed_us: int | None = None
    response_created_us: int | None = None
    first_text_us: int | None = None
    first_audio_us: int | None = None
    """First audio delta, handed to the caller."""
    ended_us: int = 0
    wait_us: int | None = None
    """True end of speech (or request, for text) to first audio: what the caller felt."""
    wait_from_stopped_us: int | None = None
    """`speech_stopped` to first audio: what most tools report. Leaves the endpointing out."""
    endpoint_us: int | None = None
    """True end of speech to `speech_stopped`."""
    dispatch_us: int | None = None
    """Commit, or request, to `response.created`."""
    tool_us: int | None = None
    """How long its tools ran; parallel ones count once."""
    tool_dead_us: int | None = None
    """Of that, how long nobody was heard."""
    premature: bool = False
    """The caller had not finished: spoke again at once, and the answer was cancelled unheard."""
    barge_in: bool = False
    """The caller spoke over the previous answer to begin this turn."""
    barge_in_kind: str = ""
    """`speech`, `backchannel`, `noise`, `echo`; empty without a barge-in."""
    stop_us: int | None = None
    """Barge-in to the last audio that the caller heard."""
    caller_stop_us: int | None = None
    """Told of the barge-in, to the application's cancel, truncate or clear."""
    provider_stop_us: int | None = None
    """`speech_started`, to the provider's end of the answer that it cancelled."""
    cut_in: bool = False
    """The assistant began to speak while the caller did, or just before."""
    audio_us: int = 0
    heard_us: int = 0
    cost_usd: Decimal | None = None
    unheard_usd: Decimal | None = None
    """Of that, what was paid for sound that nobody heard."""
    vad_lag_us: int | None = None
    """The sound by which the provider noticed the end, to `speech_stopped`. None too in rows that
    an earlier release wrote, as for the next two."""
    gap_us: int | None = None
    """True end of speech to first audio; negative: the caller spoke on for so long."""
    caller_gap_us: int | None = None
    """Last audio heard before to the caller's speech; negative: it was spoken over."""
    gateway_us: int | None = None
    """Of `wait_us`, what the gateway made. None too in rows that an earlier release wrote, as for
    the next."""
    truncate_stop_us: int | None = None
    """True start of the speech to the application's truncate."""


class ResponseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One response. Key: call_id, response_id."""

    org_id: str
    call_id: str
    version: int
    response_id: str
    turn: int
    status: str
    """completed, cancelled, failed, incomplete; `in_progress` if it never ended."""
    status_reason: str = ""
    error_code: str = ""
    error_message: str = ""
    after_tool: bool = False
    """It goes on with a turn whose tool has answered: its times are no first answer's."""
    created_us: int
    first_text_us: int | None = None
    first_audio_us: int | None = None
    last_audio_us: int | None = None
    done_us: int | None = None
    to_first_text_us: int | None = None
    """`response.created` to the first text or transcript."""
    to_first_audio_us: int | None = None
    """`response.created` to the first sound."""
    stream_us: int | None = None
    """First sound to last: divided by `audio_us`, the real-time factor."""
    stalls_us: int | None = None
    """How long the caller's player had run dry."""
    late_audio_us: int | None = None
    """Sound that came when the caller had begun to speak over it."""
    truncated: bool = False
    """The caller told the provider how much was heard."""
    truncate_error_us: int | None = None
    """How much more that is than what the playback model says. Negative: less."""
    tool_round_trip_us: int | None = None
    """From a tool's arguments to the first sound of the response that goes on with its output."""
    silent: bool = False
    """It is completed and called nothing, was to be heard, and there is no sound."""
    missed_truncate: bool = False
    """Cut by a barge-in, and the provider was not told where before it answered again."""
    context_dropped_tokens: int | None = None
    """By how much the input shrank since the last response, though nothing was removed."""
    play_start_us: int | None = None
    """Playback model, protocol.md 6.3."""
    audio_us: int = 0
    heard_us: int = 0
    tokens: Tokens = Tokens()
    cost_usd: Decimal | None = None
    unheard_tokens: int | None = None
    """Of its tokens of sound, those that nobody heard."""
    unheard_usd: Decimal | None = None
    metadata: str = ""
    """JSON as sent."""


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation item: a line of the transcript. Key: call_id, item_id.

    Rewritten when a transcript arrives late, or the item is truncated or deleted.
    """

    org_id: str
    call_id: str
    version: int
    item_id: str
    position: int
    """Order in the conversation (the linked list of `previous_item_id`), from 0. Sparse."""
    kind: str
    """`message`, `function_call`, `function_call_output`, `mcp_call`, …"""
    role: str = ""
    """`caller`, `assistant`, `system`, `tool`."""
    modality: str = "text"
    """`audio` or `text`."""
    turn: int = 0
    response_id: str = ""
    text: str = ""
    """Transcript or text, all of it. For tools: arguments or output, JSON as sent."""
    heard_chars: int | None = None
    """How many characters of `text` were heard, by share of audio; None = all."""
    transcript_status: str = "none"
    """`none`, `pending`, `completed`, `failed`."""
    first_words_us: int | None = None
    """True start of the caller's speech to the first piece of its transcript."""
    transcription_us: int | None = None
    """From its commit to its transcript. Negative: the transcript came first."""
    added_us: int = 0
    starts_us: int | None = None
    """Where its sound begins on the call's clock."""
    ends_us: int | None = None
    """Where its sound ends; for an interrupted one, where it stopped being heard."""
    generated_ends_us: int | None = None
    """Where it would have ended, had nobody spoken."""
    deleted: bool = False
    transcription_from_speech_us: int | None = None
    """From the true end of the speech to its transcript. Negative: the transcript came first.
    None too in rows that an earlier release wrote."""


class ToolCallRow(msgspec.Struct, frozen=True, kw_only=True):
    """One function or MCP call. Key: call_id, tool_call_id."""

    org_id: str
    call_id: str
    version: int
    tool_call_id: str
    """The provider's `call_…`; not our call id."""
    turn: int
    response_id: str = ""
    name: str
    arguments: str = ""
    output: str | None = None
    """None: never answered."""
    called_us: int
    """Arguments complete, handed to the caller."""
    answered_us: int | None = None
    latency_us: int | None = None
    dead_air_us: int | None = None
    """Of `latency_us`, how long neither side was heard."""
    failed: bool = False
    """By the provider's word (MCP), or by an `error` in the output."""
    arguments_are: str = ""
    """`recorder.arguments`: `valid`, `json` (not held against a schema), `no_json`, `misfit`;
    empty in rows that an earlier release wrote."""
    arguments_error: str = ""
    """The first thing that is wrong with them, or why they were not held against the schema."""


class ErrorRow(msgspec.Struct, frozen=True, kw_only=True):
    """One error. Key: call_id, seq."""

    org_id: str
    call_id: str
    version: int
    seq: int
    at_us: int
    source: str
    """`provider` (an error event, a failed response, a failed transcription) or `gateway`."""
    type: str = ""
    code: str = ""
    message: str = ""
    param: str = ""
    event_id: str = ""
    """The caller's event that it answers, when the provider says."""


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One billed thing. Key: call_id, seq."""

    org_id: str
    call_id: str
    version: int
    seq: int
    at_us: int
    at_day: str
    """UTC date of the event, `YYYY-MM-DD`: prices are those of that day."""
    kind: str
    """`response`, `transcription`, `session`, or `message`: one that the caller wrote."""
    model: str
    turn: int = 0
    response_id: str = ""
    item_id: str = ""
    tokens: Tokens = Tokens()
    seconds_us: int = 0
    """Billed by duration: transcriptions, and sessions that are paid by time."""
    standby_us: int = 0
    """Of `seconds_us`, how long the model did not listen."""
    cost_usd: Decimal | None = None
    parts: Money = Money()
    """Of `cost_usd`, what its tokens cost; all 0 where time is billed, or nothing is priced."""
    price_version: str = ""
    estimated: bool = False
    """Something is ours and not the provider's: how cached tokens split by modality, or how
    long a session was."""


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """What of a frame is likely not what its sender meant. Key: call_id, seq, code."""

    org_id: str
    call_id: str
    version: int
    seq: int
    """Of the frame."""
    code: str
    """`recorder.lint` lists them."""
    at_us: int
    severity: str
    """`bad`, `warn`, `note`."""
    detail: str = ""


class MarkRow(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said of a call, or of a part of it, afterwards.
    Key: call_id, part, kind, name.

    Not from the wire: its truth is the blob `marks.json` beside the call's archive, see
    `store.marks`. What is said of the call itself is put into its `CallRow`, too.
    """

    org_id: str
    call_id: str
    version: int
    """The wall time of its writing, µs; more, where that would be no later than before."""
    part: str = ""
    """`turn_<n>`, or the id of a response or an item; empty: the call."""
    kind: str
    """`feedback`, `comment`, `score`, `tag` or `property`."""
    name: str = ""
    """Of a score or a property; a tag itself."""
    text: str = ""
    """A comment; a property's value."""
    number: float | None = None
    """Of a score; of feedback 1 for up, 0 for down."""
    truth: bool = False
    """The score was given as true or false."""
    gone: bool = False
    """It was taken back."""
    by: str = ""
    """Id of the user, or of the key, that said it."""


class EventRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Index of one frame; the frame itself is in the archive. Key: call_id, seq."""

    org_id: str
    call_id: str
    seq: int
    at_us: int
    handed_us: int | None
    leg: str
    """`caller` or `provider`: where it came from."""
    record: str
    """`frame` or `bridged`."""
    type: str
    """The event's `type`; empty when it could not be read."""
    item_id: str = ""
    response_id: str = ""
    size_bytes: int


Row: TypeAlias = (
    CallRow
    | TurnRow
    | ResponseRow
    | ItemRow
    | ToolCallRow
    | ErrorRow
    | UsageRow
    | FindingRow
    | MarkRow
    | EventRow
)
