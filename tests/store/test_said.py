"""Calls are found by what was said, in any language, however it was written."""

import unicodedata
from typing import Any

import pytest
from tests.support.facts import NOON_US, SECOND_US, a_call, fresh_org

from trunkline.store.facts.queries_calls import CallFilters, calls_page, where
from trunkline.store.facts.rows import CallRow, ItemRow, Row
from trunkline.store.facts.store import FactsStore

DAY_US = 86_400 * SECOND_US
SAID = {
    "german": "Die Straße ist GRÖSSER als 50% von 'allem' – \"wirklich\"!",
    "french": "Un café crème, s’il vous plaît",
    "decomposed": unicodedata.normalize("NFD", "Ångström à Zürich"),
    "greek": "Ο ΔΡΟΜΟΣ είναι μακρύς",
    "turkish": "İSTANBUL’da ışık",
    "chinese": "我想预约明天下午三点",
    "japanese": "ｶﾅﾀﾞへの予約を変更してください",
    "thai": "ขอเลื่อนนัดเป็นวันพุธ",
    "arabic": "أريد تغيير الموعد",
    "emoji": "Great 👍🏽 see you 👩‍👩‍👧",
    "signs": "a_b 100%_ C:\\new {said:String} '; DROP TABLE items --",
    "wide": "Ｐａｙ ＄１２ ％",
}
ASKED: dict[str, list[str]] = {
    "straße": ["german"],
    "STRASSE": ["german"],
    "größer": ["german"],
    "50%": ["german"],
    "'allem'": ["german"],
    '"WIRKLICH"': ["german"],
    "CAFÉ": ["french"],
    "cafe": [],
    "ångström": ["decomposed"],
    unicodedata.normalize("NFD", "zürich"): ["decomposed"],
    "δρομος": ["greek"],
    "δρομοσ": ["greek"],
    "ΜΑΚΡΎς": ["greek"],
    "预约": ["chinese"],
    "予約": ["japanese"],
    "約": ["japanese"],
    "カナダ": ["japanese"],
    "เลื่อนนัด": ["thai"],
    "الموعد": ["arabic"],
    "👍🏽": ["emoji"],
    "👩‍👩‍👧": ["emoji"],
    "a_b": ["signs"],
    "axb": [],
    "100%_": ["signs"],
    "c:\\new": ["signs"],
    "{said:String} '; drop": ["signs"],
    "%": ["german", "signs", "wide"],
    "pay $12 %": ["wide"],
    "％": ["german", "signs", "wide"],
    "_": ["signs"],
    "\\": ["signs"],
    "nobody said this": [],
}


def line(call: CallRow, text: str, **more: Any) -> ItemRow:
    values: dict[str, Any] = {
        "org_id": call.org_id,
        "call_id": call.call_id,
        "version": 1,
        "item_id": "item_1",
        "position": 1,
        "kind": "message",
        "text": text,
        **more,
    }
    return ItemRow(**values)


async def found(facts: FactsStore, org_id: str, **filters: Any) -> list[str]:
    page = await calls_page(facts, org_id, CallFilters(**filters))
    return [call.user_id for call in page.calls]


@pytest.fixture(scope="module")
def org() -> str:
    return fresh_org()


async def test_every_language_is_searched(facts: FactsStore, org: str) -> None:
    calls = [
        a_call(org, NOON_US - n * SECOND_US, user_id=name) for n, name in enumerate(sorted(SAID))
    ]
    lines = [line(call, SAID[call.user_id]) for call in calls]
    await facts.insert([*lines, *calls])
    for text, names in ASKED.items():
        assert await found(facts, org, said=text) == names, text


async def test_what_was_corrected_is_not_found_any_more(facts: FactsStore) -> None:
    call = a_call(fresh_org(), user_id="x")
    await facts.insert([line(call, "one first word"), call])
    await facts.insert([line(call, "another one", version=2)])
    assert await found(facts, call.org_id, said="first") == []
    assert await found(facts, call.org_id, said="another") == ["x"]


async def test_old_calls_are_found_as_well_as_new_ones_and_page_by_page(
    facts: FactsStore,
) -> None:
    """The latest days are searched first."""
    org_id = fresh_org()
    ages = [0, 0.5, 3, 7.9, 20, 300]
    calls = [a_call(org_id, NOON_US - int(days * DAY_US), user_id=str(days)) for days in ages]
    quiet = a_call(org_id, NOON_US + DAY_US * 2, user_id="said nothing")
    rows: list[Row] = [line(call, "Termin") for call in calls]
    await facts.insert([*rows, *calls, quiet])
    everybody = [call.user_id for call in calls]
    for limit in (1, 2, 5, 6, 50):
        got: list[str] = []
        before = None
        while True:
            page = await calls_page(
                facts, org_id, CallFilters(said="TERMIN"), limit=limit, before=before
            )
            got += [call.user_id for call in page.calls]
            before = page.next_cursor
            if before is None:
                break
        assert got == everybody, limit
    since = {"from_us": NOON_US - 5 * DAY_US}
    assert await found(facts, org_id, said="termin", **since) == everybody[:3]
    until = {"to_us": NOON_US - 5 * DAY_US}
    assert await found(facts, org_id, said="termin", **until) == everybody[3:]
    assert await found(facts, org_id, said="termin", **since, **until) == []
    assert await found(facts, fresh_org(), said="termin") == []


@pytest.mark.parametrize("text", ["wort", "予約"])
async def test_the_index_is_asked(facts: FactsStore, text: str) -> None:
    call = a_call(fresh_org())
    await facts.insert([line(call, "nothing like it"), call])
    predicates, parameters = where(CallFilters(said=text))
    inner = predicates.partition("call_id IN (")[2].removesuffix(")")
    plan = facts._writes.client.query(  # pyright: ignore[reportPrivateUsage]
        f"EXPLAIN indexes = 1 {inner}", parameters={**parameters, "org_id": call.org_id}
    )
    steps = "\n".join(str(row[0]) for row in plan.result_rows)
    assert f"said_{min(3, len(text))}" in steps
