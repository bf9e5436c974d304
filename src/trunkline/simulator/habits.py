"""Pure. Habits of providers that speak the dialect in their own way (protocol.md 8.1).

Each was reported by one source only, so each is a switch.
"""

from __future__ import annotations

from typing import Any

from trunkline.simulator.config import SimulatorConfig

Event = dict[str, Any]

_SPARED = ("output_index", "content_index", "part")
_SPARSE = ("response.content_part.added", "response.content_part.done")


def habitual(event: Event, config: SimulatorConfig) -> list[Event]:
    """Return what a provider with these habits sends in place of `event`."""
    type_: str = event["type"]
    if config.no_usage and type_ == "response.done":
        event = {**event, "response": {**event["response"], "usage": {}}}
    if config.sparse_events and type_ in _SPARSE:
        event = {name: value for name, value in event.items() if name not in _SPARED}
    if config.items_created:
        if type_ == "conversation.item.done":
            return []
        if type_ == "conversation.item.added":
            event = {**event, "type": "conversation.item.created"}
    if config.text_twice and type_.startswith("response.output_text."):
        return [event, {**event, "type": type_.replace(".output_text.", ".text.")}]
    return [event]
