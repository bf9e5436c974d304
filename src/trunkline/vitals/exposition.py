"""Pure. `/metrics`: the figures of all processes in Prometheus' text format.

`OF_…` are the lists of what is exported; docs/reference/observability.md explains each,
and a test compares the two. Labels are bounded: names of processes, legs, codes that are
written in our source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, Literal, NamedTuple, TypeAlias, TypeVar

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from trunkline.vitals.figures import Figures, Gateway, Leg, Server, Supervisor
from trunkline.vitals.fleet import Fleet
from trunkline.vitals.ready import verdict

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
PREFIX = "trunkline_"

FIRST_BITS, LAST_BITS = 12, 27
"""Bounds of histograms: 4 µs to 134 ms, doubling."""

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Labels: TypeAlias = tuple[str, ...]
Told = TypeVar("Told")


class Times(NamedTuple):
    """What a histogram shows: counts by bits of ns, and the sum."""

    counts: Sequence[int]
    sum_ns: int


@dataclass(frozen=True, slots=True)
class Metric(Generic[Told]):
    """One metric. Its name has no prefix, and a counter's no `_total`."""

    name: str
    kind: Kind
    help: str
    samples: Callable[[Told], Iterable[tuple[Labels, float | Times]]]
    """Values of the labels, and the value."""
    labels: Labels = ()
    """Beside `process`, which every metric has."""

    @property
    def exported(self) -> str:
        """Return its name as Prometheus sees it."""
        return PREFIX + self.name + ("_total" if self.kind == "counter" else "")


def _one(name: str, kind: Kind, help_: str, value: Callable[[Told], float | Times]) -> Metric[Told]:
    return Metric(name, kind, help_, lambda told: [((), value(told))])


def _by_leg(
    name: str, kind: Kind, help_: str, value: Callable[[Leg], float | Times]
) -> Metric[Gateway]:
    def samples(told: Gateway) -> Iterator[tuple[Labels, float | Times]]:
        yield ("caller",), value(told.caller)
        yield ("provider",), value(told.provider)

    return Metric(name, kind, help_, samples, ("leg",))


def _by_key(
    name: str, help_: str, label: str, counts: Callable[[Told], dict[str, int]]
) -> Metric[Told]:
    def samples(told: Told) -> Iterator[tuple[Labels, float]]:
        return (((key,), count) for key, count in sorted(counts(told).items()))

    return Metric(name, "counter", help_, samples, (label,))


def _web_requests(told: Server) -> Iterator[tuple[Labels, float]]:
    for key, count in sorted(told.web.requests.items()):
        asked, _, status = key.partition(" ")
        yield (asked, status), count


NS = 1e-9

OF_PROCESSES: tuple[Metric[Figures], ...] = (
    _one("resident_memory_bytes", "gauge", "Memory of the process.",
         lambda told: told.machine.resident_bytes),
    _one("cpu_seconds", "counter", "User and system CPU time of the process.",
         lambda told: told.machine.cpu_ns * NS),
    _one("open_files", "gauge", "Open files of the process, sockets included.",
         lambda told: told.machine.open_files),
    _one("max_open_files", "gauge", "Open files that the process may have.",
         lambda told: told.machine.max_open_files),
    _one("loop_lag_seconds", "gauge", "Latest that the event loop came to a timer, last minute.",
         lambda told: told.machine.loop_lag_ns * NS),
    _one("disk_free_bytes", "gauge", "Free on the file system of the data directory.",
         lambda told: told.machine.disk_free_bytes),
    _one("disk_bytes", "gauge", "Size of that file system.",
         lambda told: told.machine.disk_bytes),
    _one("started_timestamp_seconds", "gauge", "When the process was started, Unix time.",
         lambda told: told.started_wall_ns * NS),
    Metric("build_info", "gauge", "Always 1; the label tells the release.",
           lambda told: [((told.version,), 1)], ("version",)),
)  # fmt: skip

OF_GATEWAYS: tuple[Metric[Gateway], ...] = (
    _one("live_calls", "gauge", "Calls that run now.", lambda told: told.live_calls),
    _one("attempts", "counter", "Attempts to open a call, whatever became of them.",
         lambda told: told.attempts),
    _by_key("refused", "Requests answered in plain HTTP instead of a call, by code.", "code",
            lambda told: told.refused),
    _by_key("ended", "Attempts that are over, by end reason.", "reason",
            lambda told: told.ended),
    _by_leg("frames", "counter", "Frames read on this leg and handed to the other.",
            lambda leg: leg.frames),
    _by_leg("frame_bytes", "counter", "Payload bytes of those frames.", lambda leg: leg.bytes),
    _by_leg("relay_seconds", "histogram", "From a frame's arrival on this leg to its being"
            " handed to the other.", lambda leg: Times(leg.relay, leg.relay_ns)),
    _by_leg("buffered_bytes", "gauge", "Most that waited for this leg of one call, last minute.",
            lambda leg: leg.buffered_bytes),
    _one("journal_records", "counter", "Records accepted by the journal.",
         lambda told: told.journal.records),
    _one("journal_written_bytes", "counter", "Bytes written to the journal.",
         lambda told: told.journal.written_bytes),
    _one("journal_backlog_bytes", "gauge", "Accepted by the journal and not yet written.",
         lambda told: told.journal.backlog_bytes),
    _one("journal_unwritten_age_seconds", "gauge", "Age of the oldest record not yet written.",
         lambda told: told.journal.unwritten_age_ns * NS),
    _one("journal_unsynced_age_seconds", "gauge", "Age of the oldest written byte not yet synced.",
         lambda told: told.journal.unsynced_age_ns * NS),
    _one("journal_gaps", "counter", "Gap records written: each says exactly what was lost.",
         lambda told: told.journal.gaps),
    _one("journal_lost_frames", "counter", "Frames relayed and not recorded. Normally 0.",
         lambda told: told.journal.lost_frames),
    _one("journal_lost_bytes", "counter", "Payload bytes of those frames. Normally 0.",
         lambda told: told.journal.lost_bytes),
    _one("journal_suspect_segments", "counter", "Segments given up after a failed write or sync.",
         lambda told: told.journal.suspect_segments),
    Metric("journal_failing", "gauge", "1 while the disk refuses the journal for this reason.",
           lambda told: [((why,), told.journal.failing == why) for why in
                         ("disk_full", "io_error")], ("why",)),
)  # fmt: skip

OF_SERVERS: tuple[Metric[Server], ...] = (
    _one("recorder_unread_bytes", "gauge", "Journal bytes that the recorder has not read.",
         lambda told: told.recorder.unread_bytes),
    _one("recorder_unread_age_seconds", "gauge", "How far the recorder is behind.",
         lambda told: told.recorder.unread_age_ns * NS),
    _one("recorder_live_calls", "gauge", "Calls that the recorder takes for live.",
         lambda told: told.recorder.live_calls),
    _one("recorder_waiting_rows", "gauge", "Rows made and not yet in the facts.",
         lambda told: told.recorder.waiting_rows),
    _one("recorder_waiting_calls", "gauge", "Calls that are over and not yet sealed.",
         lambda told: told.recorder.waiting_calls),
    _one("recorder_damaged_bytes", "counter", "Journal bytes skipped as damaged. Normally 0.",
         lambda told: told.recorder.damaged_bytes),
    _one("recorder_gaps", "counter", "Gap records read from the journals. Normally 0.",
         lambda told: told.recorder.gaps),
    _one("recorder_lost_frames", "counter", "Frames missing by those gaps. Normally 0.",
         lambda told: told.recorder.lost_frames),
    _one("recorder_lost_bytes", "counter", "Payload bytes of those frames. Normally 0.",
         lambda told: told.recorder.lost_bytes),
    _one("store_errors", "counter", "Times that a store refused what the recorder brought.",
         lambda told: told.recorder.store_errors),
    _one("archived_calls", "gauge", "Sealed calls whose archives were compared with the facts.",
         lambda told: told.audit.calls),
    _one("archived_frames", "gauge", "Frames of those calls, by their archives' manifests.",
         lambda told: told.audit.archived_frames),
    _one("facts_frames", "gauge", "Frames of those calls that the facts have a row of.",
         lambda told: told.audit.facts_frames),
    _one("differing_frames", "gauge", "Frames that only one of both has. Normally 0.",
         lambda told: told.audit.differing_frames),
    _one("differing_calls", "gauge", "Calls with such frames. Normally 0.",
         lambda told: told.audit.differing_calls),
    _one("unreadable_archives", "gauge", "Archives that cannot be read. Normally 0.",
         lambda told: told.audit.unreadable_archives),
    _one("facts_up", "gauge", "1 while the facts store answers.", lambda told: told.stores.facts),
    _one("facts_damaged", "gauge", "1 while rows are missing, until a reindex.",
         lambda told: told.stores.facts_damaged),
    _one("facts_refused_rows", "gauge", "Rows put aside that the engine would not have.",
         lambda told: told.stores.facts_refused_rows),
    _one("control_up", "gauge", "1 while the accounts' database answers.",
         lambda told: told.stores.control),
    Metric("web_requests", "counter", "Requests to API and dashboard.", _web_requests,
           ("asked", "status")),
    _one("web_request_seconds", "histogram", "From a request to the head of its answer.",
         lambda told: Times(told.web.times, told.web.times_ns)),
    _one("web_watchers", "gauge", "Open feeds of running calls.", lambda told: told.web.watchers),
    _one("web_listeners", "gauge", "Those who listen in to running calls.",
         lambda told: told.web.listeners),
)  # fmt: skip

OF_SUPERVISORS: tuple[Metric[Supervisor], ...] = (
    _one("restarts", "counter", "Processes that ended by themselves and were started again.",
         lambda told: told.restarts),
    _one("failing_processes", "gauge", "Processes that ended and are not back. Normally 0.",
         lambda told: len(told.failing)),
    _one("retiring_gateways", "gauge", "Gateways from before a reload whose calls go on.",
         lambda told: told.retiring),
    _one("reloads", "counter", "Reloads, refused ones too.", lambda told: told.reloads),
    _one("reload_refused", "gauge", "1 when the last reload was refused.",
         lambda told: bool(told.reload_refused)),
)  # fmt: skip

OF_ALL: tuple[tuple[str, str], ...] = (
    ("up", "1 while the process publishes, 0 when it is stuck or has died."),
    ("ready", "1 while new calls are taken by the process that was asked."),
    ("alarm", "1 for each reason that /ready gives; the label `code` says which."),
)

KINDS: dict[str, Kind] = {
    **{PREFIX + name: "gauge" for name, _ in OF_ALL},
    **{one.exported: one.kind for one in (*OF_PROCESSES, *OF_GATEWAYS)},
    **{one.exported: one.kind for one in (*OF_SERVERS, *OF_SUPERVISORS)},
}
"""Every metric that is exported; a histogram's name without `_bucket`, `_count` and `_sum`."""


def exposition(fleet: Fleet, here: str) -> bytes:
    """Return the text, as process `here` gives it."""
    return generate_latest(_Families(fleet, here))


class _Families(Collector):
    def __init__(self, fleet: Fleet, here: str) -> None:
        self._fleet = fleet
        self._here = here

    def collect(self) -> Iterator[Family]:
        running = [(seen.name, seen.figures) for seen in self._fleet.seen if seen.running]
        yield from self._of_all()
        for metric in OF_PROCESSES:
            yield _family(metric, running)
        for metric in OF_GATEWAYS:
            yield _family(metric, [(n, told) for n, told in running if isinstance(told, Gateway)])
        for metric in OF_SERVERS:
            yield _family(metric, [(n, told) for n, told in running if isinstance(told, Server)])
        for metric in OF_SUPERVISORS:
            told = [(n, told) for n, told in running if isinstance(told, Supervisor)]
            yield _family(metric, told)

    def _of_all(self) -> Iterator[Family]:
        said = verdict(self._fleet, self._here)
        (up, up_help), (ready, ready_help), (alarm, alarm_help) = OF_ALL
        family = GaugeMetricFamily(PREFIX + up, up_help, labels=("process",))
        for seen in self._fleet.seen:
            family.add_metric((seen.name,), seen.running)
        yield family
        family = GaugeMetricFamily(PREFIX + ready, ready_help, labels=("process",))
        family.add_metric((self._here,), said.status != "unavailable")
        yield family
        family = GaugeMetricFamily(PREFIX + alarm, alarm_help, labels=("process", "code"))
        for reason in said.reasons:
            family.add_metric((reason.process, reason.code), 1)
        yield family


def _family(metric: Metric[Told], told: Iterable[tuple[str, Told]]) -> Family:
    labels = ("process", *metric.labels)
    name, help_ = PREFIX + metric.name, metric.help
    samples = [
        ((process, *values), value)
        for process, figures in told
        for values, value in metric.samples(figures)
    ]
    if metric.kind == "histogram":
        return _histogram(HistogramMetricFamily(name, help_, labels=labels), samples)
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(name, help_, labels=labels)
    for values, value in samples:
        if not isinstance(value, Times):
            family.add_metric(values, value)
    return family


def _histogram(
    family: HistogramMetricFamily, samples: Iterable[tuple[Labels, float | Times]]
) -> Family:
    for values, value in samples:
        if isinstance(value, Times):
            family.add_metric(values, _buckets(value.counts), value.sum_ns * NS)
    return family


def _buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return counts as Prometheus wants them: of all times up to each bound."""
    up_to = [0, *accumulate(counts)]
    bounds = range(FIRST_BITS, LAST_BITS + 1)
    found = [(repr(2**bits * NS), up_to[min(bits + 1, len(up_to) - 1)]) for bits in bounds]
    return [*((bound, float(count)) for bound, count in found), ("+Inf", float(up_to[-1]))]
