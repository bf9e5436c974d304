"""What an organisation pays goes before the list prices, from its first day on."""

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
from tests.recorder.journals import ORG, Journal, MemoryFacts, instance, recording
from tests.support import golden
from tests.support.control import open_control

from trunkline.protocol.prices import Price, PriceTable, shipped
from trunkline.recorder.fold import fold
from trunkline.recorder.pricing import Pricing
from trunkline.recorder.state import State
from trunkline.store.facts.rows import UsageRow

MODEL = "gpt-realtime-2.1"
OWN = Price(model=MODEL, valid_from="2026-11-10", text_in=Decimal(1), text_out=Decimal(2))


def table(*own: Price, org_id: str = "org_a") -> PriceTable:
    return shipped().with_own({org_id: own})


def test_an_own_price_counts_for_its_organisation_from_its_day_on() -> None:
    listed = shipped().find(MODEL, "2026-11-15", "openai")
    prices = table(OWN, msgspec.structs.replace(OWN, valid_from="2026-11-20", text_in=Decimal(3)))
    for day, org_id, expected in (
        ("2026-11-09", "org_a", listed),
        ("2026-11-10", "org_a", OWN),
        ("2026-11-19", "org_a", OWN),
        ("2026-11-15", "org_b", listed),
        ("2026-11-15", "", listed),
    ):
        assert prices.find(MODEL, day, "openai", org_id) == expected, (day, org_id)
    found = prices.find(f"{MODEL}-2026-07-28", "2026-12-01", "azure", "org_a")
    assert found is not None
    assert found.text_in == 3


def test_a_price_of_one_provider_goes_before_that_of_all() -> None:
    azure = msgspec.structs.replace(OWN, provider="azure", text_in=Decimal(9))
    prices = table(OWN, azure)
    for provider, expected in (("azure", azure), ("openai", OWN), ("", OWN)):
        assert prices.find(MODEL, "2026-11-15", provider, "org_a") == expected
    only_azure = table(azure)
    assert only_azure.find_own(MODEL, "2026-11-15", "openai", "org_a") is None


def charged(prices: PriceTable) -> list[UsageRow]:
    state, rows = State.new(), list[UsageRow]()
    for record in golden.records(golden.names()[0]):
        state, found = fold(state, record, prices)
        rows += [row for row in found if isinstance(row, UsageRow)]
    return rows


def test_what_is_used_is_priced_so_and_says_so() -> None:
    listed = charged(shipped())
    assert listed
    (model,) = {row.model for row in listed if row.kind == "response"}
    org_id = listed[0].org_id
    free = Price(model=model, text_in=Decimal(0), audio_in=Decimal(0), audio_out=Decimal(0))
    own = charged(table(msgspec.structs.replace(free, text_out=Decimal(0)), org_id=org_id))
    responses = [row for row in own if row.kind == "response"]
    assert {row.cost_usd for row in responses} == {Decimal(0)}
    assert {row.price_version for row in responses} == {f"{shipped().version}+own"}
    assert any(row.cost_usd for row in listed)
    others = charged(table(free, org_id="org_other"))
    assert others == listed


async def test_the_recorder_hears_of_a_price_while_it_runs(tmp_path: Path) -> None:
    control = await open_control(tmp_path)
    org_id = (await control.ensure_operator()).id
    looking = Pricing(shipped(), control.prices)
    heard: asyncio.Queue[PriceTable] = asyncio.Queue()
    first = await looking.look()
    assert first is not None
    assert first.own == {}
    assert await looking.look() is None
    task = asyncio.create_task(looking.run(heard.put_nowait))
    try:
        made = await control.prices.put(
            org_id, {"model": MODEL, "text_in": "1.25", "valid_from": "2026-11-10"}, by=""
        )
        found = await asyncio.wait_for(heard.get(), 30)
        assert found.find(MODEL, "2026-11-10", "openai", org_id) == made.price
        await control.prices.delete(org_id, made.id, by="")
        assert (await asyncio.wait_for(heard.get(), 30)).own == {}
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await control.close()


async def test_while_accounts_do_not_answer_the_last_known_prices_count(tmp_path: Path) -> None:
    control = await open_control(tmp_path)
    looking = Pricing(shipped(), control.prices)
    assert await looking.look() is not None
    await control.close()
    (tmp_path / "control.sqlite3").rename(tmp_path / "away")
    (tmp_path / "control.sqlite3").mkdir()
    assert await looking.look() is None


async def test_a_running_recorder_takes_the_new_prices(tmp_path: Path) -> None:
    journal, facts = Journal(tmp_path), MemoryFacts()
    journal.begin(instance(1))
    records = golden.records(golden.names()[0])
    models = {row.model for row in charged(shipped())}
    no = Decimal(0)
    free = tuple(
        Price(model=model, text_in=no, text_out=no, audio_in=no, audio_out=no) for model in models
    )
    async with recording(tmp_path, facts) as recorder:
        journal.write(records[:1])
        await recorder.caught_up()
        org_ids = {row.org_id for row in facts.table.values()} | {ORG}
        recorder.use_prices(shipped().with_own(dict.fromkeys(org_ids, free)))
        journal.write(records[1:])
        await recorder.caught_up()
    used = [row for row in facts.table.values() if isinstance(row, UsageRow)]
    versions = {row.price_version for row in used if row.kind == "response"}
    assert versions == {f"{shipped().version}+own"}
