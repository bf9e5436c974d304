"""Pure. Items and their content, beta to GA and back (protocol.md 2.3).

Only the assistant's content types differ, and beta has no images. Items occur by
themselves, in `response.input` and in `response.output`; some providers name content parts as
they name content.
"""

from __future__ import annotations

from typing import Any, cast

from trunkline.protocol.objects import Fields

_GA_TYPES = {"text": "output_text", "audio": "output_audio"}
_BETA_TYPES = {ga: beta for beta, ga in _GA_TYPES.items()}
_GA_ONLY = "input_image"


def item_to_ga(item: Any) -> Any:
    """Return the GA form of a beta item."""
    if not isinstance(item, dict):
        return item
    fields = cast("Fields", item)
    if fields.get("role") != "assistant":
        return fields
    return _with_content(fields, _GA_TYPES)


def item_to_beta(item: Any) -> Any:
    """Return the beta form of a GA item."""
    return _with_content(cast("Fields", item), _BETA_TYPES) if isinstance(item, dict) else item


def items_to_beta(items: Any) -> Any:
    """Return the beta form of a list of GA items."""
    return [item_to_beta(item) for item in _listed(items)] if isinstance(items, list) else items


def items_to_ga(items: Any) -> Any:
    """Return the GA form of a list of beta items."""
    return [item_to_ga(item) for item in _listed(items)] if isinstance(items, list) else items


def asked_of_beta(item: Any, path: str) -> tuple[Any, tuple[str, ...]]:
    """Return the beta form of an item that a caller sends, and the paths of what is not in it.

    `path` is the item's own. The item is None when nothing is left of it.
    """
    content = _content(item)
    lost = tuple(f"{path}.content[{n}]" for n, part in enumerate(content) if _is(part, _GA_ONLY))
    if not lost:
        return item_to_beta(item), ()
    kept = [part for part in content if not _is(part, _GA_ONLY)]
    return (item_to_beta({**item, "content": kept}) if kept else None), lost


def input_to_beta(items: Any, path: str) -> tuple[Any, tuple[str, ...]]:
    """Return the beta form of `response.input`, and the paths of what is not in it."""
    if not isinstance(items, list):
        return items, ()
    made = [asked_of_beta(item, f"{path}[{n}]") for n, item in enumerate(_listed(items))]
    kept = [item for item, lost in made if item is not None or not lost]
    return kept, tuple(name for _, lost in made for name in lost)


def part_to_beta(part: Any) -> Any:
    """Return the beta form of a content part. GA has `text` and `audio` there, most of the time."""
    return _retyped(part, _BETA_TYPES)


def input_to_ga(items: Any) -> Any:
    """Return the GA form of `response.input`.

    Beta may refer to an earlier item inside a message's content. GA only knows
    references as items: they come before what is left of that message.
    """
    if not isinstance(items, list):
        return items
    return [made for item in _listed(items) for made in _dereferenced(item_to_ga(item))]


def _dereferenced(item: Any) -> list[Any]:
    content = _content(item)
    references = [part for part in content if _is(part, "item_reference")]
    if not references:
        return [item]
    left = [part for part in content if not _is(part, "item_reference")]
    moved = [{"type": "item_reference", "id": part.get("id")} for part in references]
    return [*moved, {**item, "content": left}] if left else moved


def _content(item: Any) -> list[Any]:
    content = cast("Fields", item).get("content") if isinstance(item, dict) else None
    return _listed(content)


def _is(part: Any, type_: str) -> bool:
    return isinstance(part, dict) and cast("Fields", part).get("type") == type_


def _with_content(item: Fields, types: dict[str, str]) -> Fields:
    if not isinstance(item.get("content"), list):
        return item
    return {**item, "content": [_retyped(part, types) for part in _content(item)]}


def _retyped(part: Any, types: dict[str, str]) -> Any:
    if not isinstance(part, dict):
        return part
    fields = cast("Fields", part)
    type_ = fields.get("type")
    new = types.get(type_) if isinstance(type_, str) else None
    return fields if new is None else {**fields, "type": new}


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
