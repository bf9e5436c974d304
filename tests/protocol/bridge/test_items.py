"""Items change their content types, and nothing else, whatever shape they have."""

from typing import Any

import pytest
from tests.protocol.frames import BETA_ITEM, GA_ITEM

from trunkline.protocol.bridge.items import (
    asked_of_beta,
    input_to_beta,
    input_to_ga,
    item_to_beta,
    item_to_ga,
    items_to_beta,
    items_to_ga,
    part_to_beta,
)


def test_an_assistant_item_changes_there_and_back() -> None:
    assert item_to_ga(BETA_ITEM) == GA_ITEM
    assert item_to_beta(GA_ITEM) == BETA_ITEM


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
    assert item_to_ga(item) == item
    assert item_to_beta(item) == item


@pytest.mark.parametrize("items", [None, 7, {}, [], SAME])
def test_lists_of_anything_stay(items: Any) -> None:
    assert input_to_ga(items) == items
    assert items_to_beta(items) == items
    assert items_to_ga(items) == items
    assert input_to_beta(items, "response.input") == (items, ())


def test_a_message_of_references_alone_becomes_them() -> None:
    content = [{"type": "item_reference", "id": "a"}, {"type": "item_reference", "id": "b"}]
    message = {"type": "message", "role": "user", "content": content}
    assert input_to_ga([message]) == content


def test_a_part_that_is_none_stays() -> None:
    assert part_to_beta(None) is None


IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
TEXT = {"type": "input_text", "text": "x"}


def test_beta_is_asked_without_the_images() -> None:
    asked = asked_of_beta({**USER, "content": [IMAGE, TEXT, IMAGE]}, "item")
    assert asked == ({**USER, "content": [TEXT]}, ("item.content[0]", "item.content[2]"))


def test_of_a_message_of_images_nothing_is_left() -> None:
    assert asked_of_beta({**USER, "content": [IMAGE]}, "item") == (None, ("item.content[0]",))


def test_what_is_left_out_of_an_input_is_named_by_its_place() -> None:
    reference = {"type": "item_reference", "id": "a"}
    items = [reference, {**USER, "content": [IMAGE]}, {**USER, "content": [TEXT, IMAGE]}, GA_ITEM]
    assert input_to_beta(items, "response.input") == (
        [reference, {**USER, "content": [TEXT]}, BETA_ITEM],
        ("response.input[1].content[0]", "response.input[2].content[1]"),
    )
