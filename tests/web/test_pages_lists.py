from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.web import sample

from trunkline.store.facts.queries_overview import Overview
from trunkline.web.pages import art, calls_view, sessions_view, snippets
from trunkline.web.pages.filters import KINDS, read_filters
from trunkline.web.pages.overview_view import tiles

replace = msgspec.structs.replace
NOW_US = sample.OPENED_AT_US + 3_600_000_000


def test_filters_are_read_from_the_address_and_written_back() -> None:
    query = {"status": "failed", "user": " u 1 ", "property": "tenant=a=b", "span": "24h"}
    filters = read_filters(query)
    assert filters.properties() == {"tenant": "a=b"}
    assert filters.from_us(NOW_US) == NOW_US - 24 * 3600 * 1_000_000
    assert filters.address() == "status=failed&user=u+1&property=tenant%3Da%3Db&span=24h"
    assert filters.address(cursor="x").endswith("&cursor=x")
    assert filters.narrow()
    assert not read_filters({}).narrow()


def test_other_kinds_of_session_are_named_in_the_table() -> None:
    translation = replace(sample.CALL_ROW, kind="translation", turns=0)
    kinds = [
        (row.kind, row.turns)
        for row in calls_view.rows([sample.CALL_ROW, translation], now_us=NOW_US)
    ]
    assert kinds == [("", "5"), ("translation", "–")]


def test_times_in_the_address_are_utc_unless_they_say_otherwise() -> None:
    filters = read_filters({"from": "2026-11-22T14:00", "to": "2026-11-22T15:00+01:00"})
    assert filters.from_us(NOW_US) == filters.to_us()
    assert filters.ends() == ("2026-11-22T14:00", "2026-11-22T14:00")
    assert filters.custom()
    assert filters.backwards()


def test_a_chosen_span_goes_before_the_hidden_fields_of_another_time() -> None:
    ends = {"from": "2026-11-22T14:00:05", "to": ""}
    assert read_filters({"span": "custom", **ends}).ends() == ("2026-11-22T14:00:05", "")
    assert read_filters({"span": "1h", **ends}).address() == "span=1h"
    assert not read_filters({"span": "any", **ends}).narrow()


@pytest.mark.parametrize(
    ("query", "words", "address"),
    [
        ({}, "the last 7 days", "span=7d"),
        ({"span": "24h"}, "the last 24 hours", "span=24h"),
        ({"to": "2026-11-22"}, "the time chosen", "to=2026-11-22"),
        ({"user": "u"}, "all calls that fit", "user=u"),
        ({"user": "u", "span": "1h"}, "calls that fit, the last hour", "user=u&span=1h"),
    ],
)
def test_the_numbers_say_which_calls_they_are_about(
    query: dict[str, str], words: str, address: str
) -> None:
    filters = read_filters(query)
    assert filters.covers() == words
    assert filters.summarised().address() == address


NAMES = (
    "status",
    "kind",
    "model",
    "user",
    "session",
    "property",
    "provider",
    "key",
    "span",
    "from",
    "to",
)


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=400)))
def test_any_address_is_read(query: dict[str, str]) -> None:
    filters = read_filters(query)
    filters.from_us(NOW_US)
    filters.to_us()
    filters.properties()
    filters.address()
    filters.ends()
    filters.covers()


def test_what_makes_no_sense_is_no_filter() -> None:
    nonsense = {"status": "odd", "kind": "odd", "span": "9y", "from": "soon", "property": "novalue"}
    assert not read_filters(nonsense).narrow()


def test_a_row_says_what_a_call_is_and_how_it_came() -> None:
    said = {
        ("realtime", "websocket"): "", ("realtime", "sip"): "telephone (SIP)",
        ("live", "webrtc"): "GPT-Live, WebRTC", ("translation", "websocket"): "translation",
    }  # fmt: skip
    for (kind, transport), words in said.items():
        call = replace(sample.CALL_ROW, kind=kind, transport=transport)
        (row,) = calls_view.rows([call], now_us=NOW_US)
        assert row.kind == words
    for kind in KINDS:
        assert read_filters({"kind": kind}).address() == f"kind={kind}"


@pytest.mark.parametrize(
    ("cost", "unpriced", "words"),
    [
        (Decimal("0.1113"), (), "$0.111"),
        (Decimal("0.1113"), ("acme",), "$0.111+"),
        (None, ("acme",), "unpriced"),
        (None, (), "–"),
    ],
)
def test_a_cost_in_the_table_never_hides_what_has_no_price(
    cost: Decimal | None, unpriced: tuple[str, ...], words: str
) -> None:
    call = replace(sample.CALL_ROW, cost_usd=cost, unpriced=unpriced)
    assert calls_view.rows([call], now_us=NOW_US)[0].cost == words
    assert sessions_view.cost_of([call]) == words


def test_a_live_call_has_the_length_it_has_so_far() -> None:
    call = replace(sample.CALL_ROW, status="live", duration_us=None)
    row = calls_view.rows([call], now_us=NOW_US)[0]
    assert (row.live, row.length) == (True, "1:00:00")


def test_a_session_is_a_tree_with_totals() -> None:
    paths = ("/triage/nurse", "triage//nurse/", "/triage", "")
    calls = [
        replace(sample.CALL_ROW, call_id=f"call_{n}", session_path=path, opened_at_us=n)
        for n, path in enumerate(paths)
    ]
    lines = sessions_view.tree(calls, now_us=NOW_US)
    assert [(line.depth, line.name, line.calls, line.cost) for line in lines] == [
        (0, "call_3", "", ""),
        (0, "/triage", "3 calls", "$0.334"),
        (1, "call_2", "", ""),
        (1, "/nurse", "2 calls", "$0.223"),
        (2, "call_0", "", ""),
        (2, "call_1", "", ""),
    ]


def test_tiles_say_how_many_they_are_about() -> None:
    told = tiles(
        Overview(
            calls=200,
            live=3,
            failed=2,
            attention=9,
            turns=1000,
            barge_ins=142,
            waits=980,
            wait_p50_us=940_000,
            wait_p95_us=2_310_000,
            wait_p99_us=None,
            cost_usd=Decimal("0.071"),
            usd_per_minute=Decimal("0.071"),
            unpriced_calls=0,
            unheard_us=0,
            unheard_share=None,
            unheard_usd=None,
        )
    )
    assert [(fact.value, fact.detail) for fact in told] == [
        ("200", "3 live now"),
        ("0.94 s", "from true end of speech, n = 980"),
        ("2.31 s", "from true end of speech, n = 980"),
        ("14.2%", "142 in 1,000 turns"),
        ("1.0%", "2 of 200"),
        ("$0.0710", "$0.0710 a minute"),
    ]


def test_snippets_hold_this_servers_address_and_no_key() -> None:
    openai, azure, python = snippets.snippets("https://voice.example", simulator=False)
    address = "wss://voice.example/v1/gateway/oai/realtime"
    assert f'"{address}?model={snippets.GUIDE_MODEL}"' in openai.code
    assert f"`{address}?resource=${{process.env.AZURE_RESOURCE}}&deployment=" in azure.code
    assert 'websocket_base_url="wss://voice.example/v1"' in python.code
    compile(python.code, "snippet", "exec")
    assert "export OPENAI_API_KEY=<your-openai-api-key>" in openai.environment


def test_the_drawing_is_the_same_every_time() -> None:
    assert art.strokes() == art.strokes()
    assert {stroke.voice for stroke in art.strokes()} == {"c", "a", "u"}


def test_the_column_of_properties_leaves_out_what_has_columns_of_its_own() -> None:
    properties = {"tenant": "north", "Helicone-Session-Path": "/x"}
    (row,) = calls_view.rows([replace(sample.CALL_ROW, properties=properties)], now_us=0)
    assert row.properties == "tenant north"
