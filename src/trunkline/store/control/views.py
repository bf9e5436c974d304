"""I/O. Saved views: a name, and what the table of calls shows under it.

A view is its maker's own, or shared with the organisation. What it shows is a query string, so
it can be nothing that an address could not ask for.
"""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import func, or_, select

from trunkline.store.control import models, people
from trunkline.store.control.accounts import BadAccountDetail, clean_name
from trunkline.store.control.database import Database
from trunkline.store.control.world import World

MAX_VIEWS: Final = 200
"""Of one organisation."""
MAX_QUERY_CHARS: Final = 4000


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One saved view."""

    id: str
    name: str
    query: str
    """As in the address of the calls, without the question mark."""
    shared: bool
    user_id: str
    """Whose it is; empty: a key made it."""
    created_at_us: int


class Views:
    """The views of all organisations. Each change is audited."""

    def __init__(self, database: Database, world: World) -> None:
        self._database = database
        self._world = world

    async def of(self, org_id: str, user_id: str = "") -> list[View]:
        """Return what a user sees, by name: their own, and what is shared. Nobody: the shared."""
        whose = or_(models.View.shared, models.View.user_id == user_id)
        ours = select(models.View).where(models.View.org_id == org_id, whose)
        async with self._database.reading() as session:
            rows = await session.scalars(ours.order_by(models.View.name, models.View.id))
            return [_as_view(row) for row in rows]

    async def save(
        self, org_id: str, name: str, query: str, *, shared: bool, user_id: str = "", by: str
    ) -> View:
        """Save a view, in place of the one of that name that is as much one's own.

        Raises:
            BadAccountDetail: it cannot be called that, shows too much, or there are too many.
        """
        name = clean_name("name", name)
        if len(query) > MAX_QUERY_CHARS:
            raise BadAccountDetail("query", f"A view has at most {MAX_QUERY_CHARS} letters.")
        same = select(models.View).where(
            models.View.org_id == org_id,
            models.View.name == name,
            models.View.shared == shared,
            *(() if shared else (models.View.user_id == user_id,)),
        )
        async with self._database.writing() as session:
            row = await session.scalar(same)
            if row is None:
                held = select(func.count()).where(models.View.org_id == org_id)
                if (await session.scalar(held) or 0) >= MAX_VIEWS:
                    raise BadAccountDetail("name", f"At most {MAX_VIEWS} views: delete one first.")
                row = models.View(
                    id=self._world.new_id("view"),
                    org_id=org_id,
                    name=name,
                    shared=shared,
                    user_id=user_id,
                    created_at_us=self._world.now_us(),
                )
                session.add(row)
            row.query = query
            people.add_audit(session, self._world, org_id, by, "view.saved", row.id, name)
        return _as_view(row)

    async def delete(
        self, org_id: str, view_id: str, *, user_id: str = "", keeper: bool, by: str
    ) -> bool:
        """Delete a view; False when there is none that one may delete: one's own, or, for a
        `keeper`, a shared one."""
        async with self._database.writing() as session:
            row = await session.get(models.View, view_id)
            if row is None or row.org_id != org_id:
                return False
            if not (keeper and row.shared) and not (user_id and row.user_id == user_id):
                return False
            await session.delete(row)
            people.add_audit(session, self._world, org_id, by, "view.deleted", view_id, row.name)
        return True


def _as_view(row: models.View) -> View:
    return View(
        id=row.id,
        name=row.name,
        query=row.query,
        shared=row.shared,
        user_id=row.user_id,
        created_at_us=row.created_at_us,
    )
