"""I/O. What organisations store with a secret in it: providers, webhooks.

A secret goes in, sealed, and never comes out here: only its hint does. Gateways open it
with the master key, from the snapshot, at the moment when they need it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.protocol.profiles.stored import BadDetail, hint_of
from trunkline.sealing import Vault
from trunkline.store.control import keys, models, people
from trunkline.store.control.accounts import BadAccountDetail
from trunkline.store.control.database import Database
from trunkline.store.control.world import World

Row = TypeVar("Row", bound=models.SealedRow)
Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Kind(Generic[Row, Shown]):
    """One kind of what is stored."""

    word: str
    """As people and the audit log call it."""
    prefix: str
    """Of its ids."""
    table: type[Row]
    most: int
    """That one organisation may store: gateways hold all of them in memory."""
    shown: Callable[[Row], Shown]
    """As its organisation may see it."""
    told: Callable[[Row], str]
    """As the audit log tells of it."""
    context: Callable[[str, str], str]
    """What a secret is bound to, of the organisation's id and the row's."""


@dataclass(frozen=True)
class Access:
    """What is needed to store a secret, and to have gateways know."""

    database: Database
    world: World
    vault: Vault | None
    """None: what is stored can be listed and deleted, but not be given secrets."""
    publish: Callable[[], Awaitable[None]]

    @property
    def needed_vault(self) -> Vault:
        """The vault, which must be there."""
        if self.vault is None:
            raise RuntimeError("this store was opened without a vault")
        return self.vault


class SealedRows(Generic[Row, Shown]):
    """All rows of one kind. Each change is audited, then published."""

    def __init__(self, kind: Kind[Row, Shown], access: Access) -> None:
        self._kind = kind
        self._access = access

    async def of(self, org_id: str) -> list[Shown]:
        """Return what the organisation has stored, by name."""
        async with self._access.database.reading() as session:
            return [self._kind.shown(row) for row in await self._of(session, org_id)]

    async def delete(self, org_id: str, row_id: str, *, by: str = "") -> bool:
        """Forget one, and its secret; False when there is none. Live calls go on."""
        async with self._access.database.writing() as session:
            row = await self._one(session, org_id, row_id)
            if row is None:
                return False
            await self._note(session, row, by, "deleted")
            await session.delete(row)
        await self._access.publish()
        return True

    async def _add(
        self, org_id: str, name: str, secret: str, columns: Mapping[str, Any], *, by: str
    ) -> Shown:
        """Store one. Raises `BadAccountDetail` when there is one of that name, or too many."""
        world = self._access.world
        row_id = world.new_id(self._kind.prefix)
        sealed = await self._sealed(secret, org_id, row_id)
        async with self._access.database.writing() as session:
            await self._check_room(session, org_id, name)
            row = self._kind.table(
                id=row_id, org_id=org_id, name=name, sealed=sealed, hint=hint_of(secret),
                created_at_us=world.now_us(), **columns,
            )  # fmt: skip
            session.add(row)
            await self._note(session, row, by, "added")
        await self._access.publish()
        return self._kind.shown(row)

    async def _replace(self, org_id: str, row_id: str, secret: str, *, by: str) -> Shown | None:
        """Give one another secret, which is clean."""
        sealed = await self._sealed(secret, org_id, row_id)

        def change(row: Row) -> None:
            row.sealed, row.hint = sealed, hint_of(secret)
            row.replaced_at_us = self._access.world.now_us()

        return await self._change(org_id, row_id, change, by, "replaced")

    async def _change(
        self, org_id: str, row_id: str, change: Callable[[Row], None], by: str, action: str
    ) -> Shown | None:
        """Change one; None when the organisation has no such."""
        async with self._access.database.writing() as session:
            row = await self._one(session, org_id, row_id)
            if row is None:
                return None
            change(row)
            await self._note(session, row, by, action)
        await self._access.publish()
        return self._kind.shown(row)

    async def _is_operators(self, org_id: str) -> bool:
        """Return whether the organisation may have this machine connect to any address."""
        async with self._access.database.reading() as session:
            operator = await people.operator(session)
        return operator is not None and operator.id == org_id

    async def _check_room(self, session: AsyncSession, org_id: str, name: str) -> None:
        kind, there = self._kind, await self._of(session, org_id)
        if any(row.name == name for row in there):
            raise BadAccountDetail("name", f"There is a {kind.word} called {name} already.")
        if len(there) >= kind.most:
            raise BadAccountDetail("name", f"An organisation may store {kind.most} {kind.word}s.")

    async def _sealed(self, secret: str, org_id: str, row_id: str) -> str:
        if not secret:
            return ""
        context = self._kind.context(org_id, row_id)
        return await asyncio.to_thread(self._access.needed_vault.seal, secret, context)

    async def _note(self, session: AsyncSession, row: Row, by: str, action: str) -> None:
        people.add_audit(
            session,
            self._access.world,
            row.org_id,
            by,
            f"{self._kind.word}.{action}",
            row.id,
            self._kind.told(row),
        )
        await keys.count_change(session)

    async def _of(self, session: AsyncSession, org_id: str) -> Sequence[Row]:
        table = self._kind.table
        ours = select(table).where(table.org_id == org_id)
        return (await session.scalars(ours.order_by(table.name))).all()

    async def _one(self, session: AsyncSession, org_id: str, row_id: str) -> Row | None:
        table = self._kind.table
        return await session.scalar(select(table).where(table.org_id == org_id, table.id == row_id))


@contextmanager
def naming_fields() -> Generator[None]:
    """Have what the rules say of a field be said as `BadAccountDetail`."""
    try:
        yield
    except BadDetail as exc:
        raise BadAccountDetail(exc.field, str(exc)) from exc
