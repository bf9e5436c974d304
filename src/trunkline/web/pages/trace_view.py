"""Pure. Which trace a call is in, as its page shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from trunkline.store.facts.rows import CallRow
from trunkline.web import otlp


@dataclass(frozen=True, slots=True)
class Traced:
    """One fact."""

    label: str
    value: str
    detail: str = ""
    href: str = ""
    """All calls of the same."""
    copied: bool = True
    """Somebody may want to have it elsewhere."""


def traced(call: CallRow) -> tuple[Traced, ...]:
    """Return the trace of a call, and what its provider traces of it."""
    return tuple(one for one in (*_ours(call), *_providers(call)) if one.value)


def _ours(call: CallRow) -> Iterator[Traced]:
    if call.trace_id:
        same = "/calls?" + urlencode({"trace_id": call.trace_id})
        detail = "" if call.trace_sampled else "the caller does not keep it: not sampled"
        yield Traced("Trace id", call.trace_id, detail, same)
        yield Traced("Parent span", call.parent_span_id)
    else:
        yield Traced("Trace id", otlp.trace_id(call), "of the call itself: the caller named none")


def _providers(call: CallRow) -> Iterator[Traced]:
    if call.tracing == "auto":
        yield Traced("Provider traces", "auto", "under names of its own", copied=False)
    workflow, group = call.tracing_workflow, call.tracing_group
    yield Traced("Workflow", workflow, href="/calls?" + urlencode({"workflow": workflow}))
    yield Traced("Group id", group, href="/calls?" + urlencode({"trace_group": group}))
    for name, value in sorted(call.tracing_metadata.items()):
        yield Traced(name, value, "metadata")
