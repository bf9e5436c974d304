"""What a page shows, read off its HTML, and what it should, by the API's answers."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any, NamedTuple

from tests.support.web import Member, Site

from trunkline.web.pages import text

VOID = {"input", "meter", "br", "img", "link", "meta", "rect", "line", "polyline", "path", "circle"}


class Fact(NamedTuple):
    """One number with its label. The small print below it is `detail`."""

    value: str
    detail: str


class Shown(HTMLParser):
    """Facts by label, and tables by the label of the region or list that they are in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.facts: dict[str, Fact] = {}
        self.tables: dict[str, list[list[str]]] = {}
        self.drawn: dict[tuple[str, str], str] = {}
        """Names of drawings in tables, by the table's label and the first cell of the row."""
        self._label = self._value = self._detail = ""
        self._region = ""
        self._row: list[str] = []
        self._in: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        found = dict(attrs)
        self._in.append((tag, found.get("class") or ""))
        if found.get("role") == "region" or "data-region" in found:
            self._region = found.get("aria-label") or found.get("data-region") or ""
        match tag:
            case "dt":
                self._label = self._value = self._detail = ""
            case "tr":
                self._row = []
            case "td" | "th":
                self._row.append("")
            case "svg" if len(self._row) > 1:
                self.drawn[self._region, self._row[0]] = found.get("aria-label") or ""
            case _:
                pass

    def handle_endtag(self, tag: str) -> None:
        while self._in and self._in.pop()[0] != tag:
            pass
        if tag == "dd" and self._label:
            self.facts[self._label] = Fact(self._value, self._detail)
        if tag == "tr":
            self.tables.setdefault(self._region, []).append(self._row)

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        tags = {tag for tag, _ in self._in}
        if not words or tags & {"svg", "script", "style", "form", "dialog"}:
            return
        if tags & {"td", "th"} and self._row:
            self._row[-1] = f"{self._row[-1]} {words}".strip()
        elif "dt" in tags:
            self._label = f"{self._label} {words}".strip()
        elif "dd" in tags and not self._is("change"):
            if self._is("s") or self._is("faint"):
                self._detail = f"{self._detail} {words}".strip()
            else:
                self._value = f"{self._value} {words}".strip()

    def _is(self, name: str) -> bool:
        return any(name in classes.split() for _, classes in self._in)


async def page(site: Site, member: Member, path: str) -> str:
    answer = await site.client.get(path, headers=member.cookie)
    assert answer.status_code == 200, answer.text
    return answer.text


async def api(site: Site, member: Member, path: str, **query: Any) -> Any:
    answer = await site.client.get(path, params=query, headers=member.bearer)
    assert answer.status_code == 200, answer.text
    return answer.json()


def us(ms: float | None) -> int | None:
    return None if ms is None else round(ms * 1000)


def usd(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def percent(share: float | None) -> str:
    return text.UNKNOWN if share is None else text.rate(share, 1)


def length_of(site: Site, call: dict[str, Any]) -> str:
    """Return a call's length as pages show it: a live one's grows from its opening."""
    if call["duration_ms"] is not None:
        return text.clock(us(call["duration_ms"]))
    opened = datetime.fromisoformat(call["opened_at"])
    return text.clock(site.clock.now_us - int(opened.timestamp() * 1_000_000))


def cost_of(call: dict[str, Any]) -> str:
    cost, unpriced = usd(call["cost_usd"]), call["unpriced"]
    if cost is None:
        return text.UNPRICED if unpriced else text.UNKNOWN
    return text.money(cost) + ("+" if unpriced else "")


def when(moment: str) -> str:
    return text.when(int(datetime.fromisoformat(moment).timestamp() * 1_000_000))
