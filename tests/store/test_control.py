"""The control store knows who may do what, and tells the gateways."""

import asyncio
import contextlib
import re
import sqlite3
import stat
from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from argon2 import PasswordHasher
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from tests.support.control import ADDRESS, DURABLE, PASSWORD, ManualClock, open_control
from tests.support.patience import PATIENCE_S

from trunkline import snapshot
from trunkline.errors import OperatorError
from trunkline.store.control.accounts import (
    BadAccountDetail,
    KeyLimits,
    TooManyAttempts,
    WrongPassword,
)
from trunkline.store.control.database import MIGRATIONS, Changes, Database, newest, sqlite_url
from trunkline.store.control.models import Base
from trunkline.store.control.store import POLL_S, ControlStore
from trunkline.store.control.world import World

ADA = "ada@example.com"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def control(tmp_path: Path, clock: ManualClock) -> AsyncGenerator[ControlStore]:
    store = await open_control(tmp_path, clock)
    yield store
    await store.close()


async def test_who_signs_up_owns_an_organisation_and_is_signed_in(control: ControlStore) -> None:
    new = await control.sign_up(" Ada@Example.com ", PASSWORD, "Analytical Engines")
    assert (new.signed_in.user.email, new.signed_in.role) == (ADA, "owner")
    assert new.signed_in.org.name == "Analytical Engines"
    assert await control.session_for(new.token) == new.signed_in


async def test_who_has_signed_up_can_sign_in(control: ControlStore) -> None:
    first = await control.sign_up(ADA, PASSWORD, "One")
    again = await control.sign_in("ADA@example.com", PASSWORD, address=ADDRESS)
    assert again.signed_in == first.signed_in
    assert again.token != first.token


@pytest.mark.parametrize(
    ("email", "password", "organisation", "field"),
    [
        ("ada", PASSWORD, "One", "email"),
        ("a b@example.com", PASSWORD, "One", "email"),
        ("operator", PASSWORD, "One", "email"),
        (ADA, "short", "One", "password"),
        (ADA, "x" * 2000, "One", "password"),
        (ADA, PASSWORD, " ", "organisation"),
        (ADA, PASSWORD, "a\0b", "organisation"),
    ],
)
async def test_a_bad_field_is_named(
    control: ControlStore, email: str, password: str, organisation: str, field: str
) -> None:
    with pytest.raises(BadAccountDetail) as refused:
        await control.sign_up(email, password, organisation)
    assert refused.value.field == field


async def test_an_address_has_one_account(control: ControlStore) -> None:
    await control.sign_up(ADA, PASSWORD, "One")
    with pytest.raises(BadAccountDetail, match="Sign in instead"):
        await control.sign_up(ADA.upper(), PASSWORD, "Two")
    assert [org.name for org in await control.organisations()] == ["One"]


async def test_a_wrong_password_and_an_unknown_account_are_told_the_same(
    control: ControlStore,
) -> None:
    await control.sign_up(ADA, PASSWORD, "One")
    told = []
    for email in (ADA, "nobody@example.com", "operator"):
        with pytest.raises(WrongPassword) as refused:
            await control.sign_in(email, "not the password", address=ADDRESS)
        told.append(str(refused.value))
    assert len(set(told)) == 1


async def test_guessing_is_stopped_and_starts_again_after_a_while(
    control: ControlStore, clock: ManualClock
) -> None:
    await control.sign_up(ADA, PASSWORD, "One")
    for _ in range(10):
        with pytest.raises(WrongPassword):
            await control.sign_in(ADA, "not the password", address=ADDRESS)
    with pytest.raises(TooManyAttempts) as refused:
        await control.sign_in(ADA, PASSWORD, address=ADDRESS)
    assert 0 < refused.value.retry_after_s <= 15 * 60
    assert await control.sign_in(ADA, PASSWORD, address="192.0.2.8")
    clock.advance_s(refused.value.retry_after_s + 1)
    assert await control.sign_in(ADA, PASSWORD, address=ADDRESS)


async def test_guesses_made_at_once_count_before_they_are_judged(control: ControlStore) -> None:
    await control.sign_up(ADA, PASSWORD, "One")
    tries = (control.sign_in(ADA, "wrong password", address=ADDRESS) for _ in range(20))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, WrongPassword) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, TooManyAttempts) for outcome in outcomes) == 10


async def test_getting_in_forgives_earlier_tries(control: ControlStore) -> None:
    await control.sign_up(ADA, PASSWORD, "One")
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(WrongPassword):
                await control.sign_in(ADA, "not the password", address=ADDRESS)
        await control.sign_in(ADA, PASSWORD, address=ADDRESS)


async def test_signing_out_ends_the_session(control: ControlStore) -> None:
    new = await control.sign_up(ADA, PASSWORD, "One")
    await control.end_session(new.token)
    assert await control.session_for(new.token) is None
    assert await control.session_for("") is None


async def test_a_session_ends_when_it_is_idle(control: ControlStore, clock: ManualClock) -> None:
    new = await control.sign_up(ADA, PASSWORD, "One")
    for _ in range(3):
        clock.advance_s(6 * 24 * 3600)
        assert await control.session_for(new.token) is not None
    clock.advance_s(7 * 24 * 3600)
    assert await control.session_for(new.token) is None


async def test_a_session_ends_however_busy_it_is(control: ControlStore, clock: ManualClock) -> None:
    new = await control.sign_up(ADA, PASSWORD, "One")
    for _ in range(29):
        clock.advance_s(24 * 3600)
        assert await control.session_for(new.token) is not None
    clock.advance_s(24 * 3600)
    assert await control.session_for(new.token) is None


async def test_there_is_one_operator(control: ControlStore) -> None:
    first = await control.ensure_operator()
    assert await control.ensure_operator() == first
    assert (first.name, first.is_operator) == ("Default", True)
    assert (await control.snapshot()).default_org_id == first.id


async def test_a_sign_in_link_works_once(control: ControlStore) -> None:
    org = await control.ensure_operator()
    link = await control.issue_sign_in_link()
    new = await control.consume_sign_in_link(link)
    assert new is not None
    assert new.signed_in.org == org
    assert await control.consume_sign_in_link(link) is None
    assert await control.consume_sign_in_link("made up") is None


async def test_a_sign_in_link_works_for_an_hour(control: ControlStore, clock: ManualClock) -> None:
    await control.ensure_operator()
    link = await control.issue_sign_in_link()
    clock.advance_s(3600)
    assert await control.consume_sign_in_link(link) is None


async def test_a_key_is_shown_once_and_then_known_by_its_hash(control: ControlStore) -> None:
    org = await control.ensure_operator()
    made = await control.create_key(org.id, "Voice app")
    assert re.fullmatch(r"sk-trunkline-[a-z2-7]{52}", made.text)
    assert made.text.startswith(made.key.prefix)
    assert len(made.key.prefix) == len("sk-trunkline-") + 6
    found = await control.key_for(made.text)
    assert found is not None
    assert (found.id, found.scopes) == (made.key.id, ("call", "read"))
    assert await control.key_for(made.text[:-1]) is None
    assert await control.key_for(made.key.prefix) is None


async def test_a_revoked_key_is_worth_nothing_and_stays_listed(control: ControlStore) -> None:
    org = await control.ensure_operator()
    made = await control.create_key(org.id, "Voice app")
    assert await control.revoke_key(org.id, made.key.id)
    assert not await control.revoke_key(org.id, made.key.id)
    assert await control.key_for(made.text) is None
    (listed,) = await control.list_keys(org.id)
    assert listed.revoked_at_us is not None
    (published,) = (await control.snapshot()).keys
    assert published.revoked


async def test_another_organisations_key_cannot_be_seen_or_revoked(control: ControlStore) -> None:
    org = await control.ensure_operator()
    stranger = (await control.sign_up(ADA, PASSWORD, "One")).signed_in.org
    made = await control.create_key(org.id, "Voice app")
    assert await control.list_keys(stranger.id) == []
    assert not await control.revoke_key(stranger.id, made.key.id)
    assert await control.key_for(made.text) is not None


async def test_a_key_of_helicones_can_be_brought_along(control: ControlStore) -> None:
    org = await control.ensure_operator()
    text = "sk-helicone-abcdefg-hijklmn-opqrstu-vwxyz23"
    made = await control.create_key(org.id, "Old", text=text)
    assert made.text == text
    found = await control.key_for(text)
    assert found is not None
    with pytest.raises(BadAccountDetail, match="in use"):
        await control.create_key(org.id, "Again", text=text)
    with pytest.raises(BadAccountDetail, match="sk-helicone"):
        await control.create_key(org.id, "Weak", text="secret")


async def test_a_key_may_have_one_scope(control: ControlStore) -> None:
    org = await control.ensure_operator()
    made = await control.create_key(org.id, "Reports", ("read",))
    assert made.key.scopes == ("read",)
    (published,) = (await control.snapshot()).keys
    assert not published.may_call
    manager = await control.create_key(org.id, "Scripts", ("manage", "read"))
    assert manager.key.scopes == ("read", "manage")
    for scopes in ((), ("admin",)):
        with pytest.raises(BadAccountDetail):
            await control.create_key(org.id, "Bad", scopes)


LIMITS = KeyLimits(
    max_calls=3,
    max_calls_per_minute=20,
    max_call_seconds=600,
    max_usd_per_month=Decimal("12.345678"),
)


async def test_a_key_keeps_its_limits_and_gateways_hear_of_them(control: ControlStore) -> None:
    org = await control.ensure_operator()
    made = await control.create_key(org.id, "Voice app", limits=LIMITS)
    assert made.key.limits == LIMITS
    (listed,) = await control.list_keys(org.id)
    assert listed.limits == LIMITS
    (published,) = (await control.snapshot()).keys
    assert (published.max_calls, published.max_calls_per_minute) == (3, 20)
    assert (published.max_call_seconds, published.spent_until_us) == (600, 0)


async def test_limits_are_set_as_a_whole_and_published(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    control = await open_control(tmp_path, publish_to=path)
    org = await control.ensure_operator()
    key = (await control.create_key(org.id, "Voice app", limits=LIMITS)).key
    limited = await control.limit_key(org.id, key.id, KeyLimits(max_calls=1))
    assert limited is not None
    assert limited.limits == KeyLimits(max_calls=1)
    (published,) = snapshot.decode(path.read_bytes()).keys
    assert (published.max_calls, published.max_call_seconds) == (1, 0)
    await control.limit_key(org.id, key.id, KeyLimits())
    assert snapshot.decode(path.read_bytes()).keys[0].max_calls == 0
    await control.close()


async def test_a_key_that_is_revoked_or_anothers_has_no_limits_to_set(
    control: ControlStore,
) -> None:
    org = await control.ensure_operator()
    stranger = (await control.sign_up(ADA, PASSWORD, "One")).signed_in.org
    key = (await control.create_key(org.id, "Voice app")).key
    assert await control.limit_key(stranger.id, key.id, LIMITS) is None
    assert await control.limit_key(org.id, "key_none", LIMITS) is None
    assert await control.revoke_key(org.id, key.id)
    assert await control.limit_key(org.id, key.id, LIMITS) is None
    assert (await control.list_keys(org.id))[0].limits == KeyLimits()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_calls", 0),
        ("max_calls", -1),
        ("max_calls", 10_001),
        ("max_calls_per_minute", 0),
        ("max_calls_per_minute", 10_001),
        ("max_call_seconds", 0),
        ("max_call_seconds", 86_401),
        ("max_usd_per_month", Decimal(0)),
        ("max_usd_per_month", Decimal("0.0000001")),
        ("max_usd_per_month", Decimal(-1)),
        ("max_usd_per_month", Decimal("10000000.01")),
        ("max_usd_per_month", Decimal("NaN")),
        ("max_usd_per_month", Decimal("Infinity")),
    ],
)
async def test_a_limit_that_cannot_be_is_named(
    control: ControlStore, field: str, value: Any
) -> None:
    org = await control.ensure_operator()
    key = (await control.create_key(org.id, "Voice app", limits=LIMITS)).key
    bad = KeyLimits(**{field: value})
    for attempt in (
        control.create_key(org.id, "Other", limits=bad),
        control.limit_key(org.id, key.id, bad),
    ):
        with pytest.raises(BadAccountDetail, match="no limit") as refused:
            await attempt
        assert refused.value.field == field
    (kept,) = await control.list_keys(org.id)
    assert kept.limits == LIMITS


async def test_an_organisation_has_a_budget_or_none(control: ControlStore) -> None:
    org = await control.ensure_operator()
    await control.limit_organisation(org.id, Decimal("99.5"))
    assert (await control.organisation(org.id)).max_usd_per_month == Decimal("99.5")
    with pytest.raises(BadAccountDetail):
        await control.limit_organisation(org.id, Decimal(0))
    await control.limit_organisation(org.id, None)
    assert (await control.organisation(org.id)).max_usd_per_month is None


async def test_the_use_of_a_key_is_noted_to_the_minute(
    control: ControlStore, clock: ManualClock
) -> None:
    org = await control.ensure_operator()
    made = await control.create_key(org.id, "Reports")
    assert (await control.list_keys(org.id))[0].last_used_at_us is None
    await control.key_for(made.text)
    noted_us = clock.now_us
    clock.advance_s(30)
    await control.key_for(made.text)
    assert (await control.list_keys(org.id))[0].last_used_at_us == noted_us


async def test_the_snapshot_is_whole_and_its_owners_alone(
    control: ControlStore, tmp_path: Path
) -> None:
    org = await control.ensure_operator()
    made = await control.create_key(org.id, "Voice app")
    path = tmp_path / "run" / "snapshot.json"
    await control.publish_snapshot(path)
    read = snapshot.decode(path.read_bytes())
    assert read == await control.snapshot()
    key = read.by_sha256()[snapshot.sha256_of_key(made.text)]
    assert (key.org_id, key.name, key.may_call, key.revoked) == (org.id, "Voice app", True, False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made.text not in path.read_text()
    assert [entry.name for entry in path.parent.iterdir()] == ["snapshot.json"]


async def test_a_change_is_published_before_it_returns(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    control = await open_control(tmp_path, publish_to=path)
    org = await control.ensure_operator()
    made = await control.create_key(org.id, "Voice app")
    assert [key.revoked for key in snapshot.decode(path.read_bytes()).keys] == [False]
    await control.revoke_key(org.id, made.key.id)
    assert [key.revoked for key in snapshot.decode(path.read_bytes()).keys] == [True]
    await control.close()


def test_gateways_know_within_a_second_what_changed() -> None:
    """Whoever looks as often, and is let."""
    assert POLL_S <= 0.5


async def test_a_change_by_another_process_is_published(
    control: ControlStore, tmp_path: Path
) -> None:
    path = tmp_path / "snapshot.json"
    watching = asyncio.create_task(control.watch_and_publish(path))
    other = await open_control(tmp_path)
    org = await other.ensure_operator()
    made = await other.create_key(org.id, "From elsewhere")
    async with asyncio.timeout(PATIENCE_S):
        while not path.exists() or not snapshot.decode(path.read_bytes()).keys:
            await asyncio.sleep(0.02)
    await other.revoke_key(org.id, made.key.id)
    async with asyncio.timeout(PATIENCE_S):
        while not snapshot.decode(path.read_bytes()).keys[0].revoked:
            await asyncio.sleep(0.02)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await other.close()


async def test_whether_anything_may_have_changed_is_known_without_asking_for_it(
    control: ControlStore, tmp_path: Path
) -> None:
    one, other = control.changes(), control.changes()
    assert one.may_be()
    assert not one.may_be()
    org = await control.ensure_operator()
    assert one.may_be()
    assert not one.may_be()
    elsewhere = await open_control(tmp_path)
    await elsewhere.create_key(org.id, "From elsewhere")
    await elsewhere.close()
    assert one.may_be()
    assert not one.may_be()
    # Each who wants to know is told.
    assert other.may_be()


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://somewhere/accounts", "sqlite+aiosqlite:///:memory:"]
)
def test_of_other_databases_anything_may_have_changed(url: str) -> None:
    changes = Changes(make_url(url))
    assert changes.may_be()
    assert changes.may_be()


def test_a_file_that_is_gone_is_not_made_to_see_whether_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "gone & 100 %.sqlite3"
    changes = Changes(make_url(sqlite_url(path)))
    assert changes.may_be()
    assert changes.may_be()
    assert not path.exists()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE made (number)")
    assert changes.may_be()
    assert not changes.may_be()
    changes.close()


async def test_that_changes_cannot_be_published_is_told_until_they_are(
    control: ControlStore, tmp_path: Path
) -> None:
    path = tmp_path / "snapshot.json"
    path.mkdir()
    watching = asyncio.create_task(control.watch_and_publish(path))
    async with asyncio.timeout(PATIENCE_S):
        while not control.unpublished:
            await asyncio.sleep(0.02)
        path.rmdir()
        while control.unpublished:
            await asyncio.sleep(0.02)
    assert path.is_file()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_two_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    stores = [await open_control(tmp_path, publish_to=path) for _ in range(2)]
    org = await stores[0].ensure_operator()
    await asyncio.gather(
        *(store.create_key(org.id, f"Key {n}") for store in stores for n in range(10))
    )
    assert len(await stores[0].list_keys(org.id)) == 20
    assert len(snapshot.decode(path.read_bytes()).keys) == 20
    for store in stores:
        await store.close()


async def test_no_credential_is_kept_as_it_is(control: ControlStore, tmp_path: Path) -> None:
    org = await control.ensure_operator()
    secrets = [
        PASSWORD,
        (await control.sign_up(ADA, PASSWORD, "One")).token,
        (await control.create_key(org.id, "Voice app")).text,
        await control.issue_sign_in_link(),
    ]
    await control.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert [secret for secret in secrets if secret.encode() in kept] == []


async def test_what_is_done_is_in_the_audit_log(control: ControlStore, tmp_path: Path) -> None:
    org = await control.ensure_operator()
    made = await control.create_key(org.id, "Voice app", by="user_1")
    await control.limit_key(org.id, made.key.id, LIMITS, by="key_1")
    await control.revoke_key(org.id, made.key.id)
    await control.limit_organisation(org.id, Decimal(5))
    await control.close()
    with sqlite3.connect(tmp_path / "control.sqlite3") as connection:
        entries = connection.execute(
            "SELECT action, subject, user_id, detail FROM audit_log ORDER BY id"
        ).fetchall()
    connection.close()
    limits = (
        "max_calls = 3, max_calls_per_minute = 20, max_call_seconds = 600,"
        " max_usd_per_month = 12.345678"
    )
    assert sorted(entries) == [
        ("key.created", made.key.id, "user_1", ""),
        ("key.limited", made.key.id, "key_1", limits),
        ("key.revoked", made.key.id, "", ""),
        ("organisation.limited", org.id, "", "5"),
    ]


async def test_keys_of_the_first_release_have_no_limits(tmp_path: Path) -> None:
    """A database as revision 0001 left it is widened, and what is in it stays."""
    url = sqlite_url(tmp_path / "control.sqlite3")
    first = create_engine(url.replace("+aiosqlite", ""))
    with first.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO organisations (id, name, is_operator, created_at_us)"
            " VALUES ('org_1', 'Old', 1, 1)"
        )
        connection.exec_driver_sql(
            "INSERT INTO api_keys (id, org_id, name, prefix, sha256, scopes, created_at_us)"
            " VALUES ('key_1', 'org_1', 'Old', 'sk-', 'x', 'call,read', 1)"
        )
    first.dispose()
    control = await open_control(tmp_path)
    (key,) = await control.list_keys("org_1")
    assert (key.name, key.limits) == ("Old", KeyLimits())
    assert (await control.organisation("org_1")).max_usd_per_month is None
    (published,) = (await control.snapshot()).keys
    assert (published.max_calls, published.spent_until_us) == (0, 0)
    await control.close()


async def test_the_migrations_make_what_the_models_say(tmp_path: Path) -> None:
    await (await open_control(tmp_path)).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'control.sqlite3'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == newest()
    engine.dispose()


async def test_the_file_is_written_ahead_and_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.store.control.database.SYNCHRONOUS", DURABLE)
    database = await Database.open(sqlite_url(tmp_path / "control.sqlite3"))
    async with database.reading() as session:
        connection = await session.connection()
        found = {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    await database.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


async def test_a_store_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    await (await open_control(tmp_path)).close()
    with sqlite3.connect(tmp_path / "control.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(OperatorError, match="upgrade Trunkline"):
        await open_control(tmp_path)


@pytest.mark.parametrize("url", ["nonsense", "nosuch+driver://x", "sqlite+aiosqlite:////nowhere/x"])
async def test_a_database_that_cannot_be_opened_is_one_clear_line(url: str) -> None:
    with pytest.raises(OperatorError, match="control"):
        await ControlStore.open(url)


async def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "control.sqlite3").write_bytes(b"something else" * 100)
    with pytest.raises(OperatorError, match="not a database"):
        await open_control(tmp_path)


async def test_a_password_hashed_with_weaker_parameters_is_hashed_again(tmp_path: Path) -> None:
    weak = await open_control(tmp_path)
    await weak.sign_up(ADA, PASSWORD, "One")
    await weak.close()
    stronger = World(hasher=PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    store = await ControlStore.open(sqlite_url(tmp_path / "control.sqlite3"), world=stronger)
    await store.sign_in(ADA, PASSWORD, address=ADDRESS)
    assert await store.sign_in(ADA, PASSWORD, address=ADDRESS)
    await store.close()
    with sqlite3.connect(tmp_path / "control.sqlite3") as connection:
        (password_hash,) = connection.execute("SELECT password_hash FROM users").fetchone()
    connection.close()
    assert "m=16,t=2" in password_hash
