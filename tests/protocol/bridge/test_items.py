"""Items change their content types, and nothing else, whatever shape they have."""

from typing import Any

import pytest
from tests.protocol.frames import BETA_ITEM, GA_ITEM

from trunkline.protocol import bridge_items


def test_an_assistant_item_changes_there_and_back() -> None:
    assert bridge_items.item_to_ga(BETA_ITEM) == GA_ITEM
    assert bridge_items.item_to_beta(GA_ITEM) == BETA_ITEM


USER = {"type": "message", "role": "user", "content": [{"type": "text", "text": "x"}]}
SAME: list[Any] = [
    USER,
    {"type": "function_call", "name": "f", "arguments": "{}"},
    {"role": "assistant", "content": "x"},
    {"role": "assistant", "content": [7, None, {"type": 7}, {"type": "input_text"}]},
    {},
    None,
    7,
    [],
]


@pytest.mark.parametrize("item", SAME)
def test_an_item_without_assistant_content_stays(item: Any) -> None:
    assert bridge_items.item_to_ga(item) == item
    assert bridge_items.item_to_beta(item) == item


@pytest.mark.parametrize("items", [None, 7, {}, [], SAME])
def test_lists_of_anything_stay(items: Any) -> None:
    assert bridge_items.input_to_ga(items) == items
    assert bridge_items.items_to_beta(items) == items


def test_a_message_of_references_alone_becomes_them() -> None:
    content = [{"type": "item_reference", "id": "a"}, {"type": "item_reference", "id": "b"}]
    message = {"type": "message", "role": "user", "content": content}
    assert bridge_items.input_to_ga([message]) == content


def test_a_part_that_is_none_stays() -> None:
    assert bridge_items.part_to_beta(None) is None
