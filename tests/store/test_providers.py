"""Stored providers: what may be stored, what is told of it, and that credentials stay in."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.support.control import PASSWORD, ManualClock, open_control

from trunkline import snapshot
from trunkline.sealing import Vault, context_of
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.providers import MAX_PROVIDERS, NewProvider
from trunkline.store.control.store import ControlStore

SECRET = "sk-proj-canarySTORED0123456789"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def control(tmp_path: Path, clock: ManualClock) -> AsyncGenerator[ControlStore]:
    store = await open_control(tmp_path, clock, publish_to=tmp_path / "snapshot.json")
    yield store
    await store.close()


def new(**changes: Any) -> NewProvider:
    return NewProvider(**{"name": "main", "profile": "openai", "credential": SECRET, **changes})


def published(directory: Path) -> tuple[snapshot.Provider, ...]:
    return snapshot.decode((directory / "snapshot.json").read_bytes()).providers


def opened(directory: Path, provider: snapshot.Provider) -> str:
    context = context_of(provider.org_id, provider.provider_id)
    return Vault(directory / "master.key").open(provider.sealed, context)


async def test_what_is_stored_is_listed_by_its_last_letters_and_published_sealed(
    control: ControlStore, clock: ManualClock, tmp_path: Path
) -> None:
    org = await control.ensure_operator()
    made = await control.providers.add(org.id, new(models=("gpt-*", " voice-1 ", "")))
    assert (made.name, made.profile, made.hint) == ("main", "openai", "…6789")
    assert (made.models, made.created_at_us) == (("gpt-*", "voice-1"), clock.now_us)
    assert await control.providers.of(org.id) == [made]
    (seen,) = published(tmp_path)
    assert (seen.provider_id, seen.org_id, seen.name) == (made.id, org.id, "main")
    assert seen.models == ("gpt-*", "voice-1")
    assert opened(tmp_path, seen) == SECRET


async def test_no_file_has_the_credential(control: ControlStore, tmp_path: Path) -> None:
    org = await control.ensure_operator()
    made = await control.providers.add(org.id, new())
    await control.providers.replace(org.id, made.id, f"{SECRET}-2")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"control.sqlite3", "snapshot.json", "master.key"} <= {path.name for path in files}
    assert not [path for path in files if SECRET[4:-4].encode() in path.read_bytes()]
    assert (tmp_path / "master.key").stat().st_mode & 0o077 == 0


async def test_a_credential_is_replaced(
    control: ControlStore, clock: ManualClock, tmp_path: Path
) -> None:
    org = await control.ensure_operator()
    made = await control.providers.add(org.id, new())
    clock.advance_s(60)
    replaced = await control.providers.replace(org.id, made.id, "sk-another-0123456789")
    assert replaced is not None
    assert (replaced.hint, replaced.replaced_at_us) == ("…6789", clock.now_us)
    assert opened(tmp_path, published(tmp_path)[0]) == "sk-another-0123456789"
    assert await control.providers.replace(org.id, "prov_none", SECRET) is None
    with pytest.raises(BadAccountDetail):
        await control.providers.replace(org.id, made.id, "short")


async def test_models_are_changed_and_a_provider_is_forgotten(
    control: ControlStore, tmp_path: Path
) -> None:
    org = await control.ensure_operator()
    made = await control.providers.add(org.id, new())
    changed = await control.providers.choose_models(org.id, made.id, ["a", "b*"])
    assert changed is not None
    assert published(tmp_path)[0].models == changed.models == ("a", "b*")
    assert await control.providers.delete(org.id, made.id)
    assert published(tmp_path) == ()
    assert not await control.providers.delete(org.id, made.id)
    assert await control.providers.choose_models(org.id, made.id, []) is None


async def test_organisations_neither_see_nor_touch_each_others(control: ControlStore) -> None:
    org = await control.ensure_operator()
    other = (await control.sign_up("a@example.com", PASSWORD, "Other")).signed_in.org
    made = await control.providers.add(org.id, new())
    assert await control.providers.of(other.id) == []
    assert await control.providers.replace(other.id, made.id, SECRET) is None
    assert await control.providers.choose_models(other.id, made.id, ["x"]) is None
    assert not await control.providers.delete(other.id, made.id)
    assert (await control.providers.add(other.id, new())).name == "main"


async def test_a_row_that_was_moved_does_not_open(control: ControlStore, tmp_path: Path) -> None:
    org = await control.ensure_operator()
    await control.providers.add(org.id, new())
    await control.providers.add(org.id, new(name="spare"))
    with sqlite3.connect(tmp_path / "control.sqlite3") as connection:
        connection.execute(
            "UPDATE providers SET sealed ="
            " (SELECT sealed FROM providers WHERE name = 'main') WHERE name = 'spare'"
        )
    connection.close()
    found = {one.name: one for one in (await control.snapshot()).providers}
    assert opened(tmp_path, found["main"]) == SECRET
    with pytest.raises(ValueError, match="another row"):
        opened(tmp_path, found["spare"])


async def test_a_new_master_key_seals_everything_anew(
    control: ControlStore, tmp_path: Path
) -> None:
    org = await control.ensure_operator()
    await control.providers.add(org.id, new())
    before, (sealed,) = (tmp_path / "master.key").read_text(), published(tmp_path)
    assert await control.master_key.rotate() == (1, [])
    after, (resealed,) = (tmp_path / "master.key").read_text(), published(tmp_path)
    assert (before != after, sealed != resealed) == (True, True)
    assert len(after.split()) == 1
    assert opened(tmp_path, resealed) == SECRET


async def test_what_no_key_opens_is_named_and_stays_and_so_do_the_keys(
    control: ControlStore, tmp_path: Path
) -> None:
    org = await control.ensure_operator()
    await control.providers.add(org.id, new())
    kept = (tmp_path / "master.key").read_text()
    (tmp_path / "master.key").unlink()
    await control.providers.add(org.id, new(name="later"))
    assert await control.master_key.rotate() == (1, ["main"])
    assert len((tmp_path / "master.key").read_text().split()) == 2
    with (tmp_path / "master.key").open("a") as file:
        file.write(kept)
    assert await control.master_key.rotate() == (2, [])
    assert [opened(tmp_path, one) for one in published(tmp_path)] == [SECRET] * 2


async def test_what_is_done_is_in_the_audit_log_without_the_credential(
    control: ControlStore, tmp_path: Path
) -> None:
    org = await control.ensure_operator()
    made = await control.providers.add(org.id, new(), by="user_1")
    await control.providers.replace(org.id, made.id, "k" * 12, by="key_1")
    await control.providers.choose_models(org.id, made.id, ["m"])
    await control.providers.delete(org.id, made.id)
    with sqlite3.connect(tmp_path / "control.sqlite3") as connection:
        entries = connection.execute(
            "SELECT action, user_id, detail FROM audit_log WHERE subject = ? ORDER BY id",
            (made.id,),
        ).fetchall()
    connection.close()
    assert sorted(entries) == [
        ("provider.added", "user_1", "main (openai) …6789"),
        ("provider.changed", "", "main (openai) …"),
        ("provider.deleted", "", "main (openai) …"),
        ("provider.replaced", "key_1", "main (openai) …"),
    ]


AZURES = {"profile": "azure", "resource": "west-1"}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown profile": ({"profile": "gemini"}, "profile"),
    "a name with capitals": ({"name": "Main"}, "name"),
    "a name with a slash": ({"name": "a/b"}, "name"),
    "no name": ({"name": " "}, "name"),
    "the name of another profile": ({"name": "azure"}, "name"),
    "no credential": ({"credential": ""}, "credential"),
    "a credential with a space": ({"credential": "sk-1234 5678"}, "credential"),
    "a header in a credential": ({"credential": "sk-12345678\r\nX: y"}, "credential"),
    "a key of ours": ({"credential": "sk-trunkline-abcdefgh"}, "credential"),
    "a URL that is none": ({"url": "nowhere"}, "url"),
    "a URL with a password": ({"url": "wss://u:p@host/v1/realtime"}, "url"),
    "a URL with a query": ({"url": "wss://host/v1/realtime?x=1"}, "url"),
    "a URL that climbs": ({"url": "wss://host/../x"}, "url"),
    "a URL of another kind": ({"url": "file:///etc/passwd"}, "url"),
    "a port that is none": ({"url": "ws://host:99999/"}, "url"),
    "Azure without a resource": ({"profile": "azure"}, "resource"),
    "Azure with another host": ({"profile": "azure", "resource": "evil.com/"}, "resource"),
    "a resource where there is none": ({"resource": "r-1"}, "resource"),
    "a model with a comma": ({"models": ("a,b",)}, "models"),
    "too many models": ({"models": tuple(f"m{n}" for n in range(51))}, "models"),
}


@pytest.mark.parametrize(("changes", "field"), BAD.values(), ids=BAD.keys())
async def test_a_bad_field_is_named_and_nothing_is_stored(
    control: ControlStore, changes: dict[str, Any], field: str
) -> None:
    org = await control.ensure_operator()
    with pytest.raises(BadAccountDetail) as caught:
        await control.providers.add(org.id, new(**changes))
    assert caught.value.field == field
    assert SECRET not in str(caught.value)
    assert await control.providers.of(org.id) == []


async def test_a_name_is_given_once_and_there_is_an_end(
    control: ControlStore, tmp_path: Path
) -> None:
    org = await control.ensure_operator()
    await control.providers.add(org.id, new())
    with pytest.raises(BadAccountDetail, match="already"):
        await control.providers.add(org.id, new())
    with sqlite3.connect(tmp_path / "control.sqlite3") as connection:
        connection.executemany(
            "INSERT INTO providers SELECT id || ?, org_id, name || ?, profile, url, resource,"
            " models, sealed, hint, created_at_us, replaced_at_us FROM providers"
            " WHERE name = 'main'",
            [(f"-{n}", f"-{n}") for n in range(MAX_PROVIDERS - 1)],
        )
    connection.close()
    with pytest.raises(BadAccountDetail, match="may store"):
        await control.providers.add(org.id, new(name="one-more"))


URLS = {
    "ws://127.0.0.1:9000/v1/realtime": "ws://127.0.0.1:9000/v1/realtime",
    "http://127.0.0.1:9000": "ws://127.0.0.1:9000/v1/realtime",
    "https://voice.example.com/": "wss://voice.example.com/v1/realtime",
    "wss://[::1]:8443/api/rt": "wss://[::1]:8443/api/rt",
    "": "",
}


@pytest.mark.parametrize(("url", "kept"), URLS.items())
async def test_a_url_is_completed(control: ControlStore, url: str, kept: str) -> None:
    org = await control.ensure_operator()
    assert (await control.providers.add(org.id, new(url=url))).url == kept


async def test_only_the_operator_says_where_this_machine_connects_to(
    control: ControlStore,
) -> None:
    await control.ensure_operator()
    other = (await control.sign_up("a@example.com", PASSWORD, "Other")).signed_in.org
    with pytest.raises(BadAccountDetail, match="operator") as caught:
        await control.providers.add(other.id, new(url="ws://10.0.0.1/"))
    assert caught.value.field == "url"
    assert await control.providers.add(other.id, new(**AZURES))
