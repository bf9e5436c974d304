"""What tool calls' arguments are, held against what strangers write as schemas."""

import json
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.recorder import arguments
from trunkline.recorder.arguments import Judged, judge

BOOK: dict[str, Any] = {
    "type": "object",
    "properties": {
        "day": {"type": "string", "description": "The day, as YYYY-MM-DD.", "maxLength": 10},
        "guests": {
            "type": "array",
            "items": {"type": "object", "properties": {"age": {"type": "integer"}}},
            "minItems": 1,
        },
        "smoking": {"enum": ["yes", "no"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "price": {"type": "number", "exclusiveMinimum": 0},
        "place": {"oneOf": [{"required": ["table"]}, {"required": ["room"]}]},
    },
    "required": ["day", "guests"],
    "additionalProperties": False,
}
GOOD: dict[str, Any] = {"day": "2026-12-01", "guests": [{"age": 30}]}


def against(schema: Any, given_: Any) -> Judged:
    text = given_ if isinstance(given_, str) else json.dumps(given_)
    return judge(text, None if schema is None else json.dumps(schema).encode())


VALID = {
    "all that is asked for": GOOD,
    "what may be left out, too": {**GOOD, "smoking": "no", "note": None, "price": 1e-3},
    "half an emoji, which JavaScript writes": '{"day": "\\ud83d", "guests": [{}]}',
    "spaces": '  {"day": "x",\n"guests": [{}]} ',
}


@pytest.mark.parametrize("given_", VALID.values(), ids=VALID.keys())
def test_arguments_that_fit(given_: Any) -> None:
    assert against(BOOK, given_) == Judged("valid")


UNREADABLE = {
    '{"day": "Mon': "not JSON: it ends too early",
    '{"day": ': "not JSON: it ends too early",
    "day=Mon": "not JSON",
    "{'day': 1}": "not JSON",
    "{} {}": "not JSON",
    '{"day": NaN}': "not JSON",
    "[1]": "JSON, but no object",
    "null": "JSON, but no object",
    '"day"': "JSON, but no object",
    '{"day": ' * 30_000: "too deep to be read",
}


@pytest.mark.parametrize("given_", UNREADABLE, ids=lambda text: text[:12])
def test_arguments_that_no_application_can_read(given_: str) -> None:
    assert against(BOOK, given_) == against(None, given_)
    assert against(BOOK, given_) == Judged("no_json", UNREADABLE[given_])


WRONG: dict[str, tuple[Any, str]] = {
    "nothing": ("", '$: lacks "day"'),
    "a field is missing": ({"day": "x"}, '$: lacks "guests"'),
    "another type": ({**GOOD, "day": 3}, "$.day: is an integer, not a string"),
    "a text for a number": ({**GOOD, "price": "4"}, "$.price: is a string, not a number"),
    "none of a few": ({**GOOD, "smoking": "a bit"}, "$.smoking: is none of the 2 values allowed"),
    "within a list": (
        {**GOOD, "guests": [{"age": 3}, {"age": 3.5}]},
        "$.guests[].age: is a number, not an integer",
    ),
    "none of two types": ({**GOOD, "note": 7}, "$.note: is an integer, not a string or null"),
    "none of two shapes": ({**GOOD, "place": {}}, "$.place: fits none of the 2 alternatives"),
    "both shapes": (
        {**GOOD, "place": {"table": 1, "room": 1}},
        "$.place: fits more than one of the alternatives",
    ),
    "too long": ({**GOOD, "day": "the first of December"}, "$.day: is longer than 10"),
    "too few": ({**GOOD, "guests": []}, "$.guests: has fewer items than 1"),
    "too little": ({**GOOD, "price": 0}, "$.price: is not more than 0"),
    "a name of the model's own": ({**GOOD, "sk-secret": 1}, "$: has a name that is not allowed"),
}  # fmt: skip


@pytest.mark.parametrize(("given_", "why"), WRONG.values(), ids=WRONG.keys())
def test_arguments_that_the_schema_rules_out(given_: Any, why: str) -> None:
    assert against(BOOK, given_) == Judged("misfit", why)


def test_neither_values_nor_names_that_the_schema_has_not_are_told() -> None:
    schema = {"additionalProperties": {"type": "array", "items": {"const": 7}}}
    told = against(schema, {"+49 30 1234": ["his own words"]})
    assert told == Judged("misfit", "$.*[]: is not the one value allowed")


def test_a_schema_that_is_not_known_rules_out_nothing() -> None:
    assert against(None, GOOD) == Judged("json")
    assert against(None, "") == Judged("json")


def test_draft_7_knows_lists_of_schemas() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://example.com/tool.json",
        "definitions": {"size": {"type": "integer"}},
        "properties": {"pair": {"items": [{"$ref": "#/definitions/size"}, {"type": "string"}]}},
    }
    assert against(schema, {"pair": [1, "x"]}) == Judged("valid")
    assert against(schema, {"pair": ["x"]}).why == "$.pair[]: is a string, not an integer"


def test_a_tree_is_checked_all_the_way_down() -> None:
    node = {"properties": {"left": {"$ref": "#"}, "size": {"type": "integer"}}}
    tree: dict[str, Any] = {"size": "x"}
    for _ in range(8):
        tree = {"left": tree}
    assert against(node, tree).why == f"${'.left' * 8}.size: is a string, not an integer"


NESTED: Any = {}
for _ in range(200):
    NESTED = {"not": NESTED}
LAUGHS = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}
HOSTILE: dict[str, Any] = {
    "round in a circle": {"$ref": "#"},
    "two in a circle": {"$ref": "#/a", "a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}},
    "a circle within not": {"not": {"$ref": "#"}},
    "twice as much at each step": {"$ref": "#/$defs/d0", "$defs": LAUGHS | {"d30": {}}},
    "another machine": {"$ref": "http://169.254.169.254/latest"},
    "a file": {"$ref": "file:///etc/passwd"},
    "the schema of schemas": {"$ref": "https://json-schema.org/draft/2020-12/schema"},
    "an anchor": {"$ref": "#there", "$anchor": "there"},
    "a moving anchor": {"$dynamicRef": "#there"},
    "nowhere": {"$ref": "#/nowhere"},
    "a base of its own": {"$ref": "#/a", "a": {"$id": "http://b/", "$ref": "#/x"}},
    "too deep": NESTED,
    "too long": {"enum": ["x" * 20_000]},
    "no type that there is": {"type": "strng"},
    "no list": {"required": 5},
    "no schema": {"properties": {"list": 3}},
    "a hundred thousand comparisons": {"properties": {"list": {"items": {"enum": [*range(500)]}}}},
    "alternatives that quote all of it": {"anyOf": [{"type": "null"}] * 800},
    "each with each": {"properties": {"list": {"uniqueItems": True}}},
}  # fmt: skip


@pytest.mark.parametrize("schema", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_cannot_be_checked_is_said_to_be_json(schema: Any) -> None:
    judged = against(schema, {"list": [*range(5000), None]})
    assert (judged.are, judged.why[:12]) == ("json", "not checked:")


def test_nothing_is_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        there = f"http://127.0.0.1:{server.getsockname()[1]}/schema"
        for schema in ({"$ref": there}, {"$schema": there, "$id": there, "$ref": "more"}):
            assert against(schema, GOOD).why == "not checked: a $ref of the schema leads out of it"
        with pytest.raises(BlockingIOError):
            server.accept()


UNRUN: dict[str, Any] = {
    "a pattern": {"properties": {"text": {"pattern": "^(a+)+$"}}},
    "patterns of names": {"patternProperties": {"^(t+)+$": {"type": "null"}}},
    "all other names": {"patternProperties": {"^(t+)+$": {}}, "additionalProperties": False},
    "a format": {"properties": {"text": {"format": "regex"}}},
    "lists among the values": {"properties": {"text": {"enum": [["x"]]}}},
}


@pytest.mark.parametrize("schema", UNRUN.values(), ids=UNRUN.keys())
def test_what_is_not_checked_rules_out_nothing(schema: Any) -> None:
    assert against(schema, {"text": "a" * 60 + "!"}) == Judged("valid")


@pytest.mark.parametrize(
    "given_",
    [
        '{"list": ' * 50 + "1" + "}" * 50,
        '{"list": ' + "9" * 5000 + "}",
        '{"list": "' + "x" * 70_000 + '"}',
    ],
    ids=["too deep", "too long a number", "too long"],
)  # fmt: skip
def test_arguments_beyond_what_is_read_are_not_checked(given_: str) -> None:
    assert against({}, given_).are == "json"
    assert against(None, given_) == Judged("json")


_words = st.sampled_from(
    ["type", "properties", "items", "required", "enum", "anyOf", "not", "$ref", "$defs", "minimum",
     "additionalProperties", "multipleOf", "a", "b", "#", "#/$defs/a", "integer", "object", "array",
     "if", "then", "contains", "dependentRequired", "prefixItems", "maxLength", "const", "$id"]
)  # fmt: skip
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_words, inner, max_size=5),
    max_leaves=20,
)


@given(st.dictionaries(_words, _values, max_size=6), _values)
def test_any_schema_and_any_arguments_are_judged(schema: Any, given_: Any) -> None:
    judged = against(schema, given_)
    assert judged.are in ("valid", "json", "no_json", "misfit")
    assert (judged.why == "") == (judged.are == "valid")


@given(st.text(), st.binary())
def test_any_text_is_judged(text: str, schema: bytes) -> None:
    judged = judge(text, schema)
    assert judged.are in ("json", "no_json", "misfit", "valid")


def test_a_schema_is_prepared_once() -> None:
    arguments._compile.cache_clear()  # pyright: ignore[reportPrivateUsage]
    for _ in range(3):
        against(BOOK, GOOD)
    assert arguments._compile.cache_info().misses == 1  # pyright: ignore[reportPrivateUsage]
