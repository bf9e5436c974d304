"""Stored webhooks: what is told of them, and that secrets stay in."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.support.control import PASSWORD, ManualClock, open_control

from trunkline import snapshot
from trunkline.sealing import Unopened, Vault, context_of, webhook_context_of
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.store import ControlStore
from trunkline.store.control.webhooks import MAX_WEBHOOKS, NewWebhook

SECRET = "whsec_Y2FuYXJ5U1RPUkVEMDEyMzQ1Ng=="


@pytest.fixture
async def control(tmp_path: Path) -> AsyncGenerator[ControlStore]:
    store = await open_control(tmp_path, ManualClock(), publish_to=tmp_path / "snapshot.json")
    yield store
    await store.close()


def new(**changes: Any) -> NewWebhook:
    fields = {"name": "desk", "url": "https://app.example/", "secret": SECRET, **changes}
    return NewWebhook(**fields)


def published(directory: Path) -> tuple[snapshot.Webhook, ...]:
    return snapshot.decode((directory / "snapshot.json").read_bytes()).webhooks


def opened(directory: Path, webhook: snapshot.Webhook) -> str:
    context = webhook_context_of(webhook.org_id, webhook.webhook_id)
    return Vault(directory / "master.key").open(webhook.sealed, context)


async def test_gateways_are_told_sealed_and_files_have_no_secret(
    control: ControlStore, tmp_path: Path
) -> None:
    org = await control.ensure_operator()
    made = await control.webhooks.add(org.id, new(secret=f" {SECRET}\n"))
    assert await control.webhooks.of(org.id) == [made]
    (seen,) = published(tmp_path)
    assert (seen.webhook_id, seen.org_id, seen.url) == (made.id, org.id, "https://app.example/")
    assert opened(tmp_path, seen) == SECRET
    await control.webhooks.replace(org.id, made.id, SECRET.replace("Y2", "Y3"))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET[10:-4].encode() in path.read_bytes()]
    # Bound to what it is, too: what opens a provider's credential does not open a secret.
    vault, sealed = Vault(tmp_path / "master.key"), published(tmp_path)[0].sealed
    with pytest.raises(Unopened):
        vault.open(sealed, context_of(org.id, made.id))


async def test_it_is_changed_and_forgotten_by_its_own_organisation(
    control: ControlStore, tmp_path: Path
) -> None:
    org = await control.ensure_operator()
    other = (await control.sign_up("a@example.com", PASSWORD, "Other")).signed_in.org
    made = await control.webhooks.add(org.id, new())
    assert await control.webhooks.of(other.id) == []
    assert await control.webhooks.replace(other.id, made.id, SECRET) is None
    redirect = control.webhooks.redirect
    assert await redirect(other.id, made.id, "https://b.example", show_numbers=True) is None
    assert not await control.webhooks.delete(other.id, made.id)
    changed = await redirect(org.id, made.id, "http://10.0.0.7/", show_numbers=False)
    assert changed is not None
    (seen,) = published(tmp_path)
    assert (seen.url, seen.show_numbers) == ("http://10.0.0.7/", False)
    with pytest.raises(BadAccountDetail, match="own network"):
        await control.webhooks.add(other.id, new(url="https://10.0.0.7/"))
    assert await control.webhooks.delete(org.id, made.id)
    assert published(tmp_path) == ()


async def test_there_are_not_too_many_and_each_has_its_name(control: ControlStore) -> None:
    org = await control.ensure_operator()
    for number in range(MAX_WEBHOOKS):
        await control.webhooks.add(org.id, new(name=f"n{number}"))
    with pytest.raises(BadAccountDetail, match="called n0 already"):
        await control.webhooks.add(org.id, new(name="n0"))
    with pytest.raises(BadAccountDetail, match="may store"):
        await control.webhooks.add(org.id, new())


async def test_a_new_master_key_seals_secrets_anew(control: ControlStore, tmp_path: Path) -> None:
    org = await control.ensure_operator()
    await control.webhooks.add(org.id, new())
    before = published(tmp_path)[0].sealed
    assert await control.master_key.rotate() == (1, [])
    (after,) = published(tmp_path)
    assert after.sealed != before
    assert opened(tmp_path, after) == SECRET
    (tmp_path / "master.key").unlink()
    assert await control.master_key.rotate() == (0, ["desk"])
