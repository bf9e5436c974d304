"""A gateway key alone is enough: over real sockets, from a snapshot, with no server anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.relay.world import KEY, ORG, PROVIDER_KEY, World, echo, key, world
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from trunkline.sealing import Vault, context_of
from trunkline.snapshot import Provider

STORED = "sk-stored-canary-0123"
ALONE: dict[str, dict[str, Any]] = {
    "in its own header": {"additional_headers": {"Helicone-Auth": f"Bearer {KEY}"}},
    "as an SDK's API key": {"additional_headers": {"Authorization": f"Bearer {KEY}"}},
    "as an Azure SDK's": {"additional_headers": {"api-key": KEY}},
    "as a browser's": {
        "subprotocols": [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{KEY}")]
    },
}


def provider(vault: Vault, name: str, url: str, **changes: Any) -> Provider:
    id_ = f"prov_{name}"
    fields: dict[str, Any] = {
        "provider_id": id_,
        "org_id": ORG,
        "name": name,
        "profile": "openai",
        "url": url,
        "sealed": vault.seal(STORED, context_of(ORG, id_)),
    }
    return Provider(**{**fields, **changes})


def dial(w: World, target: str = "/v1/realtime?model=gpt-x", **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{w.port}{target}", proxy=None, compression=None, **options)


@pytest.mark.parametrize("options", ALONE.values(), ids=ALONE.keys())
async def test_the_key_alone_opens_a_call(tmp_path: Path, options: dict[str, Any]) -> None:
    vault = Vault(tmp_path / "master.key")
    async with world(tmp_path, echo, vault=vault) as w:
        # Nobody but the sealed snapshot says where it is: the setting leads nowhere.
        w.publish(key(), providers=(provider(vault, "main", w.provider_url),))
        async with dial(w, **options) as caller:
            await caller.send("hello")
            assert await caller.recv() == "hello"
        await w.journal.closed()
        recorded = b"".join(record.payload for record in w.journal.records)
    assert w.seen[0]["Authorization"] == f"Bearer {STORED}"
    assert KEY not in str(w.seen[0])
    assert STORED.encode() not in recorded + w.snapshot_path.read_bytes()
    assert w.journal.notes["stored_provider"] == {
        "id": "prov_main",
        "name": "main",
        "by": "model",
        "credential": "stored",
    }


async def test_the_callers_own_credential_goes_before_the_stored_one(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "master.key")
    async with world(tmp_path, echo, vault=vault) as w:
        w.publish(key(), providers=(provider(vault, "main", w.provider_url),))
        async with w.call():
            pass
    assert w.seen[0]["Authorization"] == f"Bearer {PROVIDER_KEY}"


async def test_by_path_header_and_model(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "master.key")
    auth = {"Authorization": f"Bearer {KEY}"}
    async with world(tmp_path, echo, vault=vault) as w:
        w.publish(
            key(),
            providers=(
                provider(vault, "one", w.provider_url, models=("a*",)),
                provider(vault, "two", w.provider_url, models=("b*",)),
            ),
        )
        chosen: list[str] = []
        for target, headers in (
            ("/v1/realtime?model=b1", auth),
            ("/p/one/v1/realtime?model=b1", auth),
            ("/v1/realtime?model=a1", {**auth, "Trunkline-Provider": "two"}),
        ):
            async with dial(w, target, additional_headers=headers):
                chosen.append(w.journal.notes["stored_provider"]["name"])
        with pytest.raises(InvalidStatus) as caught:
            await dial(w, "/v1/realtime?model=c1", additional_headers=auth)
    assert chosen == ["two", "one", "two"]
    assert caught.value.response.status_code == 400
    assert b"none of the providers stored here (one, two) is for the model 'c1'" in (
        caught.value.response.body
    )


async def test_another_organisations_providers_are_not_there(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "master.key")
    async with world(tmp_path, echo, vault=vault) as w:
        w.publish(key(), providers=(provider(vault, "main", w.provider_url, org_id="org_2"),))
        for target in ("/v1/realtime?model=gpt-x", "/p/main/v1/realtime?model=gpt-x"):
            with pytest.raises(InvalidStatus) as caught:
                await dial(w, target, additional_headers={"Authorization": f"Bearer {KEY}"})
            assert caught.value.response.status_code in (401, 404)
    assert not w.seen


async def test_what_cannot_be_opened_is_the_operators_to_mend(tmp_path: Path) -> None:
    """The master key is gone, or a row's credential was put into another row."""
    vault = Vault(tmp_path / "master.key")
    async with world(tmp_path, echo, vault=Vault(tmp_path / "other.key")) as w:
        w.publish(key(), providers=(provider(vault, "main", w.provider_url),))
        with pytest.raises(InvalidStatus) as caught:
            await dial(w, additional_headers={"Authorization": f"Bearer {KEY}"})
    assert caught.value.response.status_code == 503
    assert b"credential_unreadable" in caught.value.response.body
    async with world(tmp_path, echo, vault=vault) as w:
        moved = provider(vault, "main", w.provider_url, provider_id="prov_other")
        w.publish(key(), providers=(moved,))
        with pytest.raises(InvalidStatus):
            await dial(w, additional_headers={"Authorization": f"Bearer {KEY}"})
        assert (await w.journal.closed()).error_code == "credential_unreadable"
    assert not w.seen


async def test_a_master_key_is_rotated_under_a_running_gateway(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "master.key")
    auth = {"Authorization": f"Bearer {KEY}"}
    async with world(tmp_path, echo, vault=Vault(tmp_path / "master.key")) as w:
        w.publish(key(), providers=(provider(vault, "main", w.provider_url),))
        async with dial(w, additional_headers=auth):
            pass
        vault.begin_rotation()
        w.publish(key(), providers=(provider(vault, "main", w.provider_url),))
        vault.end_rotation()
        async with dial(w, additional_headers=auth):
            pass
    assert [headers["Authorization"] for headers in w.seen] == [f"Bearer {STORED}"] * 2
