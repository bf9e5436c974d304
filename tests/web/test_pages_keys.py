"""The pages of keys: limits as they are typed, money as it is spent, and who may change what."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.support.facts import NOON_US, a_call, charged
from tests.support.web import Member, Site

from trunkline.store.control.accounts import (
    UNLIMITED,
    ApiKey,
    BadAccountDetail,
    KeyLimits,
    Organisation,
)
from trunkline.store.facts.queries_calls import KeyUse
from trunkline.store.facts.queries_spend import KeySpend
from trunkline.store.month import Month
from trunkline.web.pages.keys_view import FIELDS, fields, limit_words, read_limits, rows
from trunkline.web.spend import MonthsSpend

LIMITS = KeyLimits(
    max_calls=3,
    max_calls_per_minute=20,
    max_call_seconds=3661,
    max_usd_per_month=Decimal("12.5"),
)
TYPED = {
    "max_calls": "3",
    "max_calls_per_minute": "20",
    "max_call_seconds": "3661",
    "max_usd_per_month": "12.5",
}


# --- pure ----------------------------------------------------------------------------


def a_key(name: str, **changes: Any) -> ApiKey:
    plain: dict[str, Any] = {
        "id": name,
        "org_id": "o",
        "name": name,
        "prefix": "sk-",
        "scopes": ("call",),
        "created_at_us": 1_000_000,
        "last_used_at_us": None,
        "revoked_at_us": None,
    }
    return ApiKey(**{**plain, **changes})


def spend(org: Organisation | None = None, **by_key: KeySpend) -> MonthsSpend:
    org = org or Organisation(id="o", name="O")
    return MonthsSpend(org, Month.of(NOON_US), NOON_US, by_key)


def test_keys_that_work_come_first_and_say_when_they_were_last_used() -> None:
    use = {"new": KeyUse(key_id="new", last_used_at_us=2_000_000, calls=1234, live=2)}
    keys = [a_key("old", revoked_at_us=5), a_key("new", limits=LIMITS)]
    shown = rows(keys, use, spend())
    assert [(row.name, row.revoked, row.may) for row in shown] == [
        ("new", False, "open calls"),
        ("old", True, "open calls"),
    ]
    assert (shown[0].last_used_at, shown[1].last_used_at) == ("1 Jan 1970, 00:00:02", "")
    assert (shown[0].calls, shown[0].live, shown[1].live) == ("1,234", "2 of 3", "0")
    read = a_key("new", last_used_at_us=9_000_000)
    assert rows([read], use, spend())[0].last_used_at == "1 Jan 1970, 00:00:09"


def test_money_is_shown_beside_what_may_be_spent() -> None:
    found = KeySpend(key_id="k", spent_usd=Decimal("3.125"), unpriced=["a", "b"])
    (row,) = rows([a_key("k", limits=LIMITS)], {}, spend(k=found))
    assert (row.month.usd, row.month.of, row.month.share) == ("$3.12", "of $12.50", 0.25)
    assert (row.month.unpriced, row.month.over) == ("a, b", False)
    (row,) = rows([a_key("k")], {}, spend())
    assert (row.month.usd, row.month.of, row.month.share) == ("$0.00", "", None)
    most = KeySpend(key_id="k", spent_usd=Decimal(99), unpriced=[])
    (row,) = rows([a_key("k", limits=LIMITS, spent_until_us=NOON_US + 1)], {}, spend(k=most))
    assert (row.month.share, row.month.over) == (1.0, True)


def test_a_key_is_over_budget_when_its_organisation_is() -> None:
    org = Organisation(id="o", name="O", spent_until_us=NOON_US + 1)
    assert rows([a_key("k")], {}, spend(org))[0].month.over
    past = Organisation(id="o", name="O", spent_until_us=NOON_US)
    assert not rows([a_key("k")], {}, spend(past))[0].month.over


def test_limits_read_as_words() -> None:
    assert limit_words(LIMITS) == ("3 at once", "20 a minute", "1:01:01 each", "$12.50 a month")
    assert limit_words(UNLIMITED) == ()


def test_what_a_key_has_is_what_its_form_holds_and_gives_back() -> None:
    held = {field.name: field.value for field in fields(LIMITS)}
    assert held == TYPED
    assert read_limits(held) == LIMITS
    empty = {field.name: field.value for field in fields(UNLIMITED)}
    assert set(empty.values()) == {""}
    assert read_limits(empty) == UNLIMITED
    assert {field.name for field in FIELDS} == set(KeyLimits.__struct_fields__)


READ = {
    "spaces": ("max_calls", " 7 ", 7),
    "a dollar sign": ("max_usd_per_month", "$12.50", Decimal("12.50")),
    "no cents": ("max_usd_per_month", "40", Decimal(40)),
    "nothing": ("max_call_seconds", "  ", None),
    "zero is left to the rules": ("max_calls", "0", 0),
}


@pytest.mark.parametrize(("name", "typed", "value"), READ.values(), ids=READ)
def test_what_is_typed_is_read(name: str, typed: str, value: Any) -> None:
    assert getattr(read_limits({name: typed}), name) == value


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("max_calls", "3.5"),
        ("max_calls", "-1"),
        ("max_calls", "three"),
        ("max_calls", "٣"),
        ("max_calls", "1" * 30),
        ("max_usd_per_month", "1,000"),
        ("max_usd_per_month", "1e6"),
        ("max_usd_per_month", "12.3456789"),
        ("max_usd_per_month", "€5"),
        ("max_usd_per_month", "nan"),
    ],
)
def test_what_is_no_number_is_told_at_its_field(name: str, typed: str) -> None:
    with pytest.raises(BadAccountDetail) as refused:
        read_limits({name: typed})
    shown = {field.name: field for field in fields({name: typed}, refused.value)}
    assert shown[name].problem == str(refused.value)
    assert shown[name].value == typed
    assert [field.problem for field in shown.values()].count("") == 3


# --- through the application ---------------------------------------------------------


async def limits_of(site: Site, member: Member) -> KeyLimits:
    keys = await site.control.list_keys(member.org_id)
    return next(key.limits for key in keys if key.id == member.spare_id)


async def test_a_key_is_created_with_limits(site: Site) -> None:
    member = await site.join()
    answer = await site.post(member, "/keys", name="Front desk", may="call", **TYPED)
    assert answer.status_code == 200
    (made,) = [
        key for key in await site.control.list_keys(member.org_id) if key.name == "Front desk"
    ]
    assert (made.limits, made.scopes) == (LIMITS, ("call",))
    assert "3 at once, 20 a minute, 1:01:01 each, $12.50 a month" in answer.text


async def test_a_limit_that_cannot_be_is_told_and_nothing_is_lost(site: Site) -> None:
    member = await site.join()
    for wrong in ("0", "many"):
        form = {**TYPED, "max_calls": wrong}
        answer = await site.post(member, "/keys", name="Front desk", may="call", **form)
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text
        assert f'value="{wrong}"' in answer.text
        assert 'value="12.5"' in answer.text
        assert 'value="Front desk"' in answer.text
        assert '<option value="call" selected>' in answer.text
        assert '<details class="more grow" open>' in answer.text
    assert len(await site.control.list_keys(member.org_id)) == 4


async def test_limits_are_changed_on_the_keys_own_page(site: Site) -> None:
    member = await site.join()
    path = f"/keys/{member.spare_id}"
    answer = await site.post(member, f"{path}/limits", **TYPED)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert await limits_of(site, member) == LIMITS
    shown = await site.client.get(path, headers=member.cookie)
    assert 'value="3661"' in shown.text
    bad = await site.post(member, f"{path}/limits", max_usd_per_month="free")
    assert bad.status_code == 422
    assert "Write an amount in dollars, like 12.50." in bad.text
    assert await limits_of(site, member) == LIMITS
    await site.post(member, f"{path}/limits")
    assert await limits_of(site, member) == UNLIMITED


async def test_the_budget_of_all_keys_is_set_and_taken_away(site: Site) -> None:
    member = await site.join()
    assert (await site.post(member, "/keys/budget", budget="$250")).status_code == 303
    assert (await site.control.organisation(member.org_id)).max_usd_per_month == 250
    shown = await site.client.get("/keys", headers=member.cookie)
    assert 'value="250"' in shown.text
    assert "of $250.00" in shown.text
    for wrong in ("lots", "0"):
        bad = await site.post(member, "/keys/budget", budget=wrong)
        assert bad.status_code == 422
        assert f'value="{wrong}"' in bad.text
    await site.post(member, "/keys/budget", budget="")
    assert (await site.control.organisation(member.org_id)).max_usd_per_month is None


async def test_what_has_no_price_is_said_and_not_taken_for_free(site: Site) -> None:
    site.clock.now_us = NOON_US
    member = await site.join()
    call = a_call(member.org_id, key_id=member.spare_id, status="live")
    await site.facts.insert(charged(call, None))
    for path in ("/keys", f"/keys/{member.spare_id}"):
        shown = (await site.client.get(path, headers=member.cookie)).text
        assert "Not counted, because no price is known: unpriced." in shown
        assert "$0.00" in shown
    assert "+ unpriced" in (await site.client.get("/keys", headers=member.cookie)).text


async def test_another_organisations_key_is_not_there(site: Site) -> None:
    owner, stranger = await site.join(), await site.join()
    theirs, nobodys = f"/keys/{owner.spare_id}", "/keys/key_none"
    told = await site.client.get(theirs, headers=stranger.cookie)
    assert told.status_code == 404
    assert told.text == (await site.client.get(nobodys, headers=stranger.cookie)).text
    for action in ("limits", "revoke"):
        assert (await site.post(stranger, f"{theirs}/{action}", **TYPED)).status_code == 404
    (spare,) = [
        key for key in await site.control.list_keys(owner.org_id) if key.id == owner.spare_id
    ]
    assert (spare.limits, spare.revoked_at_us) == (UNLIMITED, None)
    await site.post(stranger, "/keys/budget", budget="5")
    assert (await site.control.organisation(owner.org_id)).max_usd_per_month is None


@pytest.mark.parametrize("path", ["/keys", "/keys/budget", "/keys/{}/limits", "/keys/{}/revoke"])
async def test_a_change_needs_the_pages_token(site: Site, path: str) -> None:
    member = await site.join()
    answer = await site.client.post(
        path.format(member.spare_id), headers=member.cookie, data={"name": "n", "budget": "1"}
    )
    assert answer.status_code == 403


async def test_a_member_makes_keys_but_none_that_manage_and_sets_no_limits(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await site.join()
    real = site.control.session_for

    async def as_member(token: str) -> Any:
        who = await real(token)
        return who and type(who)(user=who.user, org=who.org, role="member")

    monkeypatch.setattr(site.control, "session_for", as_member)
    assert (await site.post(member, "/keys", name="mine", may="both")).status_code == 200
    assert (await site.post(member, "/keys", name="mine", may="manage")).status_code == 403
    for path in ("/keys/budget", f"/keys/{member.spare_id}/limits"):
        assert (await site.post(member, path, **TYPED, budget="1")).status_code == 403
    for path in ("/keys", f"/keys/{member.spare_id}"):
        shown = (await site.client.get(path, headers=member.cookie)).text
        assert "/keys/budget" not in shown
        assert "/limits" not in shown
        assert 'value="manage"' not in shown
