"""I/O. API keys in the control store, and the snapshot that gateways read.

Every function works in the transaction that it is given.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline import snapshot
from trunkline.store.control import accounts, models
from trunkline.store.control.accounts import ApiKey, KeyLimits, NewKey
from trunkline.store.control.limits import clean_limits, dollars, micro
from trunkline.store.control.world import World

PREFIX_LETTERS: Final = 6
"""Shown of a key's random part: 30 of its 256 bits."""
USE_NOTED_EVERY_US: Final = 60_000_000


async def create(
    session: AsyncSession,
    world: World,
    org_id: str,
    name: str,
    scopes: tuple[str, ...],
    limits: KeyLimits,
    text: str,
) -> NewKey:
    """Store a key and return it with its text; `text` is empty unless it is brought along."""
    if text:
        accounts.check_imported_key(text)
    name, kept = accounts.clean_name("name", name), accounts.clean_scopes(scopes)
    limits = clean_limits(limits)
    text = text or world.new_key()
    digest = snapshot.sha256_of_key(text)
    if await session.scalar(select(models.ApiKey.id).where(models.ApiKey.sha256 == digest)):
        raise accounts.BadAccountDetail("text", "This key is in use already.")
    row = models.ApiKey(
        id=world.new_id("key"),
        org_id=org_id,
        name=name,
        prefix=text[: text.index("-", 3) + 1 + PREFIX_LETTERS],
        sha256=digest,
        scopes=",".join(kept),
        created_at_us=world.now_us(),
        max_calls=limits.max_calls,
        max_calls_per_minute=limits.max_calls_per_minute,
        max_call_seconds=limits.max_call_seconds,
        max_microusd_per_month=micro(limits.max_usd_per_month),
    )
    session.add(row)
    await count_change(session)
    return NewKey(key=as_key(row), text=text)


async def revoke(session: AsyncSession, world: World, org_id: str, key_id: str) -> bool:
    """Make the key useless; False when the organisation has no such key that still works."""
    row = await working(session, org_id, key_id)
    if row is None:
        return False
    row.revoked_at_us = world.now_us()
    await count_change(session)
    return True


async def working(session: AsyncSession, org_id: str, key_id: str) -> models.ApiKey | None:
    """Return the organisation's key of that id, unless it is revoked."""
    return await session.scalar(
        select(models.ApiKey).where(
            models.ApiKey.org_id == org_id,
            models.ApiKey.id == key_id,
            models.ApiKey.revoked_at_us.is_(None),
        )
    )


async def named(session: AsyncSession, org_id: str, name: str) -> ApiKey | None:
    """Return the organisation's first key of that name that works and may call, and no more."""
    row = await session.scalar(
        select(models.ApiKey)
        .where(
            models.ApiKey.org_id == org_id,
            models.ApiKey.name == name,
            models.ApiKey.scopes == "call",
            models.ApiKey.revoked_at_us.is_(None),
        )
        .order_by(models.ApiKey.id)
        .limit(1)
    )
    return as_key(row) if row is not None else None


async def of_organisation(session: AsyncSession, org_id: str) -> list[ApiKey]:
    """Return the keys, the latest first, revoked ones included."""
    rows = await session.scalars(
        select(models.ApiKey)
        .where(models.ApiKey.org_id == org_id)
        .order_by(models.ApiKey.created_at_us.desc(), models.ApiKey.id.desc())
    )
    return [as_key(row) for row in rows]


async def behind(session: AsyncSession, text: str) -> ApiKey | None:
    """Return the key whose text this is, unless it is revoked.

    The look-up is by the hash: how long it takes says nothing about the key.
    """
    row = await session.scalar(
        select(models.ApiKey).where(
            models.ApiKey.sha256 == snapshot.sha256_of_key(text),
            models.ApiKey.revoked_at_us.is_(None),
        )
    )
    return as_key(row) if row is not None else None


async def note_use(session: AsyncSession, world: World, key_id: str) -> None:
    """Remember that the key was used now."""
    await session.execute(
        update(models.ApiKey)
        .where(models.ApiKey.id == key_id)
        .values(last_used_at_us=world.now_us())
    )


async def take_snapshot(
    session: AsyncSession,
    providers: tuple[snapshot.Provider, ...],
    webhooks: tuple[snapshot.Webhook, ...],
    hung_up: tuple[str, ...],
) -> snapshot.Snapshot:
    """Return what gateways must know: of keys, `providers`, `webhooks`, calls to end."""
    rows = await session.execute(
        select(models.ApiKey, models.Organisation.spent_until_us)
        .join(models.Organisation, models.Organisation.id == models.ApiKey.org_id)
        .order_by(models.ApiKey.id)
    )
    operator = await session.scalar(
        select(models.Organisation.id).where(models.Organisation.is_operator)
    )
    return snapshot.Snapshot(
        keys=tuple(
            snapshot.Key(
                key_id=row.id,
                org_id=row.org_id,
                name=row.name,
                sha256=row.sha256,
                may_call="call" in row.scopes.split(","),
                revoked=row.revoked_at_us is not None,
                max_calls=row.max_calls or 0,
                max_calls_per_minute=row.max_calls_per_minute or 0,
                max_call_seconds=row.max_call_seconds or 0,
                spent_until_us=row.spent_until_us or 0,
                org_spent_until_us=org_spent_until_us or 0,
            )
            for row, org_spent_until_us in rows
        ),
        providers=providers,
        webhooks=webhooks,
        default_org_id=operator or "",
        hung_up=hung_up,
    )


async def count_change(session: AsyncSession) -> None:
    """Let whoever publishes snapshots see that there is something new."""
    await session.execute(update(models.Change).values(number=models.Change.number + 1))


async def change_number(session: AsyncSession) -> int:
    """Return how many changes there have been."""
    return await session.scalar(select(models.Change.number)) or 0


async def hold_publishing(session: AsyncSession) -> int:
    """Keep other processes from publishing until the transaction ends; return the change number.

    Without it one could put an older snapshot over a newer one, and a revoked key
    would work again.
    """
    await session.execute(update(models.Change).values(number=models.Change.number))
    return await change_number(session)


async def write_snapshot(path: Path, content: snapshot.Snapshot) -> None:
    """Put `content` at `path`: whoever reads sees the old one or the new one, whole."""
    await asyncio.to_thread(_write, path, snapshot.encode(content))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)


def as_key(row: models.ApiKey) -> ApiKey:
    """Return the key as its organisation may see it."""
    return ApiKey(
        id=row.id,
        org_id=row.org_id,
        name=row.name,
        prefix=row.prefix,
        scopes=accounts.clean_scopes(tuple(row.scopes.split(","))),
        created_at_us=row.created_at_us,
        last_used_at_us=row.last_used_at_us,
        revoked_at_us=row.revoked_at_us,
        limits=KeyLimits(
            max_calls=row.max_calls,
            max_calls_per_minute=row.max_calls_per_minute,
            max_call_seconds=row.max_call_seconds,
            max_usd_per_month=dollars(row.max_microusd_per_month),
        ),
        spent_until_us=row.spent_until_us or 0,
    )
