"""Pure. Everything that was measured, as it is kept in results/latest.json."""

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """Where something was measured."""

    processor: str
    cores: int
    memory_gb: int
    kernel: str
    congestion: str
    """TCP's algorithm: some of them cost more than others."""


class Stamp(msgspec.Struct, frozen=True):
    """When, where and of what a group was measured."""

    at: str
    """UTC, ISO 8601."""
    machine: Machine
    versions: dict[str, str]


class Times(msgspec.Struct, frozen=True):
    """Percentiles of a time, µs; medians of the rounds. None: too few to tell."""

    p50: float | None = None
    p99: float | None = None
    p999: float | None = None

    def since(self, other: "Times") -> "Times":
        """Return by how much each is more than in `other`."""
        return Times(
            _less(self.p50, other.p50), _less(self.p99, other.p99), _less(self.p999, other.p999)
        )


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else round(one - other, 1)


class Relayed(msgspec.Struct, frozen=True, kw_only=True):
    """One proxy under one load: medians of the rounds that count."""

    plan: str
    mix: str
    calls: int
    secure: bool
    """The provider's leg was TLS."""
    proxy: str
    rounds: int
    """That count; with none, the figures are missing."""
    refused: tuple[str, ...] = ()
    """Why others do not."""
    held: bool | None = None
    """The proxy carried this load. None: in no round could that be told."""
    cpu_us: float | None = None
    """Of the proxy per relayed frame."""
    cpu_range_us: tuple[float, float] | None = None
    """Least and most of the rounds."""
    frames_per_s: float = 0
    """Relayed, both ways."""
    round_trip_us: Times = Times()
    added_us: Times = Times()
    """To the round trip, beside no proxy."""
    resident_kb: int = 0
    ends_busy: float = 0
    ends_late_us: float | None = None
    """p99."""


class Connects(msgspec.Struct, frozen=True, kw_only=True):
    """How long it takes until a call can talk, one after the other on an idle machine."""

    proxy: str
    secure: bool
    calls: int
    greeting_us: float
    """From before TCP's `connect` to the provider's first frame, p50."""
    added_us: float
    """Beside no proxy: another TCP connection and handshake are in it, with TLS that too."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Resident memory of a proxy's processes."""

    proxy: str
    started_kb: int
    """With one call."""
    talked_calls: int
    talked_kb: int
    """With so many, after all of them have talked."""
    calls: int
    resident_kb: int
    """With so many open, of which the others are idle."""
    idle_kb_per_call: float
    talked_kb_per_call: float


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls one core holds that talk all the time."""

    proxy: str
    calls: int
    frames_per_s: float
    limit: str
    """Why not more; empty: no more were tried."""


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """One of several gateway processes that share a port."""

    name: str
    calls: int
    frames: int
    cpu_us: float
    """Per frame that it relayed."""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What the recorder does when nothing but itself holds it up, on one core."""

    calls: int
    call_seconds: int
    """Of one call."""
    frames: int
    read_us: float
    """CPU per record: the journal's reader alone, decoding and checking."""
    fold_us: float
    """CPU per record: `fold` alone."""
    recorder_us: float
    """CPU per record: all that the process does while calls are live."""
    recorder_parts_us: dict[str, float]
    """The same by thread; `engine` is the facts engine's own."""
    seal_parts_us: dict[str, float]
    """CPU per second of call by thread, while finished calls are sealed."""
    sealed_per_cpu_s: float
    """Seconds of a call, both voices, made playable and archived by a second of CPU."""
    jobs_per_cpu_s: dict[str, int]
    """Seconds of a call, both voices, that a second of CPU handles, by what is done: a process
    that seals, by itself."""
    seal_s: float
    """Until the last of the calls that ended at once was playable and archived."""
    reindexed_per_s: float
    """Frames whose facts were made again from archives in a second, by one core."""
    bytes_per_call_minute: dict[str, int]
    """By store."""

    @property
    def frames_per_core(self) -> float:
        """Frames a second that one core folds and stores."""
        return 1e6 / self.recorder_us


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """How the recorder follows calls that talk now, as many as end and begin all the time."""

    calls: int
    """That talk at once."""
    seconds: int
    """Of one call."""
    frames_per_s: float
    cores: float
    """Used by the recorder's process: fold and facts."""
    sealing_cores: float
    """Used by the processes that it has started."""
    behind_s: float
    """What it still had to read when all was written."""
    ended_calls: int
    """In as many seconds as a call has."""
    playable: int
    """Of those, within `wait_s`."""
    lossless: int
    """Of those, not compressed yet."""
    wait_s: float
    visible_p50_s: float | None
    """From a call's end until the facts say that it is over."""
    visible_max_s: float | None
    playable_p50_s: float | None
    """From a call's end until they say that it can be played."""
    playable_max_s: float | None


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """From the end of a call to the dashboard, through a whole installation."""

    calls: int
    call_seconds: float
    visible_p50_s: float
    visible_max_s: float
    playable_p50_s: float
    playable_max_s: float


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """How long a process takes to be of use."""

    process: str
    seconds: float
    cpu_seconds: float
    resident_kb: int


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one part of the gateway takes of a relayed frame."""

    part: str
    us: float
    functions: tuple[tuple[str, float], ...]
    """The most expensive ones, µs."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What one question about many calls took."""

    name: str
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    """Median, of the whole process: what a busy machine does not change."""


class Ingested(msgspec.Struct, frozen=True, kw_only=True):
    """How fast rows were stored."""

    rows_per_s: int
    calls_per_s: float
    batch_rows: int
    p50_ms: float
    """Until a batch was on the disk."""
    max_ms: float


class Queried(msgspec.Struct, frozen=True, kw_only=True):
    """A store of so many calls: what it takes, and how it answers."""

    calls: int
    rows: dict[str, int]
    """By table."""
    seeded_s: float
    bytes_per_call: int
    """Of the disk, merged or not."""
    table_bytes: dict[str, int]
    bytes_per_frame: int
    """Of the index of frames, of calls that were stored afterwards."""
    search_bytes: int
    """Of that, what searching in transcripts takes: folded text, and its indexes."""
    idle_mb: int
    peak_mb: int
    """Resident memory, before and after all questions."""
    asked: tuple[Asked, ...]
    alone: Ingested
    beside: Ingested
    """While the questions are asked, one after the other."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """How a call's page opens in a browser: medians, ms since the navigation began."""

    name: str
    rounds: int
    server_ms: float
    """From the request to the answer's first byte."""
    painted_ms: float
    """Something is on the screen."""
    usable_ms: float
    """Transcript and lanes are on the screen, and everything answers."""
    usable_max_ms: float
    """Of the slowest round."""
    waveform_ms: float
    """The waveform too."""
    play_ms: float
    """From a click to sound, once it is usable."""
    longest_task_ms: float
    """What kept the page from answering the longest; 0: nothing over 50 ms."""


class CallPage(msgspec.Struct, frozen=True, kw_only=True):
    """The page of one long call."""

    minutes: int
    turns: int
    lines: int
    """Of the transcript."""
    frames: int
    elements: int
    """Of the document."""
    html_bytes: int
    html_sent_bytes: int
    """Compressed."""
    script_sent_bytes: int
    visits: tuple[Visit, ...]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, or what one group gave."""

    stamps: dict[str, Stamp] = {}
    """By group."""
    relayed: tuple[Relayed, ...] = ()
    connects: tuple[Connects, ...] = ()
    memory: tuple[Memory, ...] = ()
    held: tuple[Held, ...] = ()
    workers: tuple[Worker, ...] = ()
    recording: Recording | None = None
    live: Live | None = None
    ended: Ended | None = None
    started: tuple[Started, ...] = ()
    profile: tuple[Share, ...] = ()
    queried: tuple[Queried, ...] = ()
    page: CallPage | None = None

    def replaced(self, newer: "Results") -> "Results":
        """Return this, with what `newer` has in the place of what was there before."""
        plans = {one.plan for one in newer.relayed}
        kept = tuple(one for one in self.relayed if one.plan not in plans)
        sizes = {one.calls for one in newer.queried}
        stores = (*(one for one in self.queried if one.calls not in sizes), *newer.queried)
        changed = {
            name: found
            for name in self.__struct_fields__
            if name not in ("stamps", "relayed", "queried") and (found := getattr(newer, name))
        }
        return msgspec.structs.replace(
            self,
            stamps={**self.stamps, **newer.stamps},
            relayed=(*kept, *newer.relayed),
            queried=tuple(sorted(stores, key=lambda one: one.calls)),
            **changed,
        )


def encode(results: Results) -> bytes:
    """Return `results` as JSON for people to compare, a line for each figure."""
    return msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n"


def decode(data: bytes) -> Results:
    """Return what `encode` wrote."""
    return msgspec.json.decode(data, type=Results)
