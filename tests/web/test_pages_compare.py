"""The Compare page shows the numbers of the API, and leads to each moment."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.support.facts import a_call
from tests.support.web import Member, Site
from tests.web.test_api_compare import turn, with_versions

from trunkline.store.facts.rows import ItemRow
from trunkline.web import comparing
from trunkline.web.pages import compare_view
from trunkline.web.pages.compare_view import amount, signed


class Cells(HTMLParser):
    """Collects cells by the row's metric or turn, and what each is of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, str]] = {}
        self._row = self._of = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "tr":
            self._row = found.get("data-metric") or found.get("data-turn") or ""
        if tag == "td":
            self._of = found.get("data-of") or ""

    def handle_data(self, data: str) -> None:
        if self._row and self._of and data.strip():
            row = self.rows.setdefault(self._row, {})
            row[self._of] = f"{row.get(self._of, '')} {data.strip()}".strip()


@pytest.fixture
async def member(site: Site) -> Member:
    return await with_versions(site, v1=12, v2=13, v3=3)


async def page(site: Site, member: Member, query: str = "") -> str:
    answer = await site.client.get(f"/compare{query}", headers=member.cookie)
    assert answer.status_code == 200, answer.text
    return answer.text


SAME: dict[str, tuple[str, dict[str, Any]]] = {
    "by a property": (
        "?by=property:version&a=1&b=2", {"by": "property:version", "values": ["1", "2"]},
    ),
    "by a model, among some": (
        "?by=model&a=model-1&b=model-3&property=tier%3Dgold",
        {"by": "model", "values": ["model-1", "model-3"], "property": ["tier=gold"]},
    ),
    "by filters": (
        "?by=&a.model=model-1&b.property=version%3D2",
        {"a": {"model": "model-1"}, "b": {"property": ["version=2"]}},
    ),
    "before and after": (
        "?by=&model=model-1&a.to=2026-11-18T12:00:06&b.from=2026-11-18T12:00:06",
        {
            "model": "model-1",
            "a": {"to": "2026-11-18T12:00:06Z"}, "b": {"from": "2026-11-18T12:00:06Z"},
        },
    ),
    "one side's own word": (
        "?by=&model=model-1&b.model=model-2", {"model": "model-1", "b": {"model": "model-2"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("query", "body"), SAME.values(), ids=SAME)
async def test_a_page_has_the_numbers_of_the_api(
    site: Site, member: Member, query: str, body: dict[str, Any]
) -> None:
    rows = Cells(await page(site, member, query)).rows
    answer = await site.client.post("/v1/compare", json=body, headers=member.bearer)
    assert answer.status_code == 200, answer.text
    told = [one for one in answer.json()["data"] if one["a"]["n"] or one["b"]["n"]]
    assert list(rows) == [one["metric"] for one in told]
    assert len(told) >= 8
    for one in told:
        shown, first = rows[one["metric"]], one["differences"][0]
        for side in ("a", "b"):
            values = one[side]["values"]
            assert shown[f"{side}.n"] == f"{one[side]['n']:,}"
            middle = values.get("p50", values.get("ratio"))
            assert shown[f"{side}.middle"] == amount(one["unit"], number(one, middle))
        assert shown["difference"].startswith(signed(one["unit"], number(one, first["value"])))
        if first["low"] is not None:
            ends = [signed(one["unit"], number(one, first[end])) for end in ("low", "high")]
            assert " to ".join(ends) in shown["difference"]
        assert shown["says"] == compare_view._SAYS[first["says"]]  # pyright: ignore[reportPrivateUsage]


def number(one: dict[str, Any], value: Any) -> Any:
    return Decimal(value) if one["unit"] == "usd" and value is not None else value


async def test_each_side_leads_to_its_calls(site: Site, member: Member) -> None:
    for query in ("?by=property:version&a=1&b=2", "?by=&a.property=version%3D2&b.status=completed"):
        html = await page(site, member, query)
        found = Cells(html).rows["call.duration"]
        hrefs = re.findall(r'<a class="link" href="(/calls\?[^"]*)">(A|B): ', html)
        assert [side for _, side in hrefs] == ["A", "B"]
        for href, side in hrefs:
            calls = (await site.client.get(unescape(href), headers=member.cookie)).text
            assert calls.count(' data-key="call_') == int(found[f"{side.lower()}.n"]) > 0


async def test_by_itself_it_compares_the_models_with_most_calls(site: Site, member: Member) -> None:
    text = await page(site, member)
    assert "A: <bdi>model-2</bdi>" in text
    assert "B: <bdi>model-1</bdi>" in text
    assert 'class="chip" href="/compare?by=model&amp;a=model-2&amp;b=model-3"' in text
    assert "model-9" not in text


async def test_few_calls_are_said_to_be_few(site: Site, member: Member) -> None:
    text = await page(site, member, "?by=property:version&a=1&b=3")
    assert "There are 12 calls of A and 3 of B." in text
    assert Cells(text).rows["turn.wait"]["says"] == "too few to say"


async def test_groups_with_calls_in_common_are_said_to_have_them(
    site: Site, member: Member
) -> None:
    text = await page(site, member, "?by=&a.model=model-1&b.property=tier%3Dgold")
    assert "A and B have 12 calls in common." in text
    assert "in common" not in await page(site, member, "?by=property:version&a=1&b=2")


async def test_each_distribution_has_a_table(site: Site, member: Member) -> None:
    text = await page(site, member, "?by=property:version&a=1&b=2")
    pictures = re.findall(r'<svg class="spread".*?</svg>', text, re.DOTALL)
    tables = re.findall(r"<tbody>(.*?)</tbody>", text.partition('class="spreads"')[2], re.DOTALL)
    assert len(pictures) == len(tables) >= 4
    for picture, table in zip(pictures, tables, strict=True):
        assert picture.count('<rect class="a"') == table.count("<tr>")
        shares = [float(share) for share in re.findall(r"([\d.]+)%</td>", table)]
        assert sum(shares) == pytest.approx(200, abs=2)


async def test_nothing_to_compare_says_so(site: Site) -> None:
    member = await site.join()
    assert "Name two groups" in await page(site, member)
    assert "Give A or B a filter" in await page(site, member, "?by=")
    assert "Name two groups" in await page(site, member, "?by=joy&a=1&b=2")
    assert "fewer than two values" in await page(site, member, "?by=property:nothing")


async def test_what_is_typed_is_text(site: Site, member: Member) -> None:
    wicked = "%3Cscript%3Ealert(1)%3C/script%3E"
    text = await page(site, member, f"?by=property:{wicked}&a={wicked}&b=2&a.user={wicked}")
    assert "<script>alert" not in text


async def test_two_calls_by_turn(site: Site) -> None:
    member = await site.join()
    one, other = a_call(member.org_id), a_call(member.org_id)
    item = ItemRow(
        org_id=one.org_id, call_id=one.call_id, version=40, item_id="item_1", position=1,
        kind="message", role="caller", text="Where is <my> parcel?",
    )  # fmt: skip
    await site.facts.insert([
        turn(one, 1, 700, started_us=1_500_000, item_id="item_1"), item,
        turn(other, 1, 950, started_us=9_000_000, speech_started_us=2_250_000),
        turn(other, 2, 800), one, other,
    ])  # fmt: skip
    query = f"?call={one.call_id}&call={other.call_id}"
    text = await page(site, member, query)
    path = f"/v1/calls/{one.call_id}/compare/{other.call_id}"
    told = (await site.client.get(path, headers=member.bearer)).json()["data"]
    rows = Cells(text).rows
    assert list(rows) == [str(pair["turn"]) for pair in told] == ["1", "2"]
    first = told[0]
    assert rows["1"]["a.wait_ms"] == amount("ms", first["a"]["wait_ms"]) == "700 ms"
    assert rows["1"]["wait_ms"] == signed("ms", first["differences"]["wait_ms"]) == "+250 ms"
    assert f'href="/calls/{one.call_id}?t=1.50"' in text
    assert f'href="/calls/{other.call_id}?t=2.25"' in text
    assert "Where is &lt;my&gt; parcel?" in text
    assert "no such turn" in text
    assert f'href="/compare?call={other.call_id}&amp;call={one.call_id}"' in text


async def test_a_call_alone_is_asked_for_another(site: Site) -> None:
    owner, stranger = await site.join(), await site.join()
    one, other = a_call(owner.org_id), a_call(owner.org_id)
    await site.facts.insert([one, other, a_call(stranger.org_id)])
    text = await page(site, owner, f"?call={one.call_id}")
    assert text.count(f'href="/compare?call={one.call_id}&amp;call=') == 1
    assert f"call={other.call_id}" in text
    page_of_call = await site.client.get(f"/calls/{one.call_id}", headers=owner.cookie)
    assert f'href="/compare?call={one.call_id}"' in page_of_call.text
    for gone in (f"?call={one.call_id}&call=joy", f"?call={one.call_id}&call=call_{'0' * 26}"):
        answer = await site.client.get(f"/compare{gone}", headers=owner.cookie)
        assert answer.status_code == 404
    answer = await site.client.get(f"/compare?call={one.call_id}", headers=stranger.cookie)
    assert answer.status_code == 404


AMOUNTS = {
    "ms": ("ms", 640.4, "640 ms"),
    "seconds": ("ms", 1620.0, "1.62 s"),
    "minutes": ("ms", 61_000.0, "1:01"),
    "a share": ("share", 0.2504, "25.0%"),
    "money": ("usd", Decimal("0.001234"), "$0.00123"),
    "less money": ("usd", -0.5, "−$0.500"),
    "a count": ("count", 3, "3"),
    "a mean": ("count", 3.25, "3.2"),
    "nothing": ("ms", None, "–"),
}


@pytest.mark.parametrize(("unit", "value", "words"), AMOUNTS.values(), ids=AMOUNTS)
def test_amounts(unit: str, value: Any, words: str) -> None:
    assert amount(unit, value) == words


def test_differences_have_a_sign() -> None:
    assert [signed("ms", value) for value in (5.0, -5.0, 0.2, -0.041, 0.001, None, -61_000.0)] == [
        "+5 ms", "−5 ms", "+0.20 ms", "−0.04 ms", "0 ms", "–", "−1:01",
    ]  # fmt: skip


def test_every_metric_that_is_compared_has_a_title() -> None:
    assert set(comparing.METRICS) == set(compare_view._TITLES)  # pyright: ignore[reportPrivateUsage]
