"""I/O. The control store: accounts, organisations, keys, sessions.

Reads see one state of the database; each change is one transaction, with its line in
the audit log. After a change of keys a new snapshot is published for the gateways
before the change returns, and `watch_and_publish` finds what other processes changed.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.sealing import Vault
from trunkline.snapshot import Snapshot
from trunkline.store.control import (
    accounts,
    budgets,
    hangups,
    keys,
    models,
    people,
    providers,
    webhooks,
)
from trunkline.store.control.accounts import (
    OPERATOR_EMAIL,
    ApiKey,
    Audited,
    BadAccountDetail,
    KeyLimits,
    NewKey,
    NewSession,
    Organisation,
    SignedIn,
    WrongPassword,
)
from trunkline.store.control.database import Changes, ControlUnavailable, Database
from trunkline.store.control.limits import Budgeted, Spent, clean_budget, plain, told
from trunkline.store.control.master_key import MasterKey
from trunkline.store.control.prices import OwnPrices
from trunkline.store.control.providers import Providers
from trunkline.store.control.sealed import Access
from trunkline.store.control.views import Views
from trunkline.store.control.webhooks import Webhooks
from trunkline.store.control.world import Passwords, World
from trunkline.store.thresholds import Thresholds, loaded, problem, stored
from trunkline.store.thresholds import told as shown

POLL_S: Final = 0.25
POLLS_A_LOOK: Final = 4
"""Whether there are changes is looked up at each poll at which there may be some; and so often all
the same, to know that the database answers."""
_SIGN_UP: Final = "sign-up"

log = structlog.get_logger("trunkline.store.control")


class ControlStore:
    """Who may do what. Make one with `open`, end it with `close`.

    Whatever is asked of it raises `ControlUnavailable` when the database does not answer.
    """

    def __init__(
        self,
        database: Database,
        world: World,
        publish_to: Path | None,
        vault: Vault | None = None,
    ) -> None:
        self._database = database
        self._world = world
        self._passwords = Passwords(world)
        self._publish_to = publish_to
        self._published = -1
        access = Access(database, world, vault, self._publish)
        self.providers = Providers(access)
        """Those that organisations have stored."""
        self.webhooks = Webhooks(access)
        """By which providers tell of calls that come by telephone."""
        self.master_key = MasterKey(access)
        self.views = Views(database, world)
        self.prices = OwnPrices(database, world)
        self.unpublished = False
        """The gateways do not hear of changes: the snapshot cannot be written."""

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        publish_to: Path | None = None,
        world: World | None = None,
        wait: bool = False,
        vault: Vault | None = None,
    ) -> ControlStore:
        """Return the store at a SQLAlchemy URL, migrated to this release.

        `publish_to` is where the gateways' snapshot is kept; without it, changes of
        keys are published by whoever watches. When there is one, there were accounts: a
        file that should hold them and is gone is not made anew. With `wait`, a database
        that does not answer is opened when it does; until then the store's use fails.
        `vault` seals providers' credentials.

        Raises:
            ControlUnavailable: the database does not answer.
            OperatorError: it cannot be used.
        """
        must_exist = publish_to is not None and await asyncio.to_thread(publish_to.exists)
        database = await Database.open(url, must_exist=must_exist, wait=wait)
        return cls(database, world or World(), publish_to, vault)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        url: str,
        *,
        publish_to: Path | None = None,
        world: World | None = None,
        wait: bool = False,
        vault: Vault | None = None,
    ) -> AsyncGenerator[ControlStore]:
        """Yield what `open` returns, and close it at the end."""
        store = await cls.open(url, publish_to=publish_to, world=world, wait=wait, vault=vault)
        try:
            yield store
        finally:
            await store.close()

    async def close(self) -> None:
        """Let go of the database."""
        await self._database.close()

    def changes(self) -> Changes:
        """Return something that says whether anything may have changed, without asking for it."""
        return self._database.changes()

    async def ping(self) -> bool:
        """Return whether the database answers."""
        try:
            async with self._database.reading() as session:
                await keys.change_number(session)
        except (ControlUnavailable, DBAPIError):
            return False
        return True

    # Accounts

    async def ensure_operator(self) -> Organisation:
        """Return the organisation of whoever runs this installation, made at the first call.

        Its owner has no password: they come in by one-time links.
        """
        async with self._database.writing() as session:
            org = await people.operator(session)
            if org is None:
                org = await people.add_organisation(
                    session, self._world, "Default", is_operator=True
                )
                await people.add_user(session, self._world, OPERATOR_EMAIL, None, org.id, "owner")
                await keys.count_change(session)
            return people.as_organisation(org)

    async def sign_up(
        self, email: str, password: str, organisation: str, *, address: str = ""
    ) -> NewSession:
        """Make a user and an organisation that they own, and sign them in.

        Raises:
            BadAccountDetail: a field is not acceptable, or the address has an account.
            TooManyAttempts: too many accounts were made from `address`.
        """
        email = accounts.clean_email(email)
        accounts.check_password(password)
        name = accounts.clean_name("organisation", organisation)
        async with self._database.writing() as session:
            await people.note_attempt(session, self._world, _SIGN_UP, address, people.MAX_SIGN_UPS)
        password_hash = await self._passwords.hash(password)
        try:
            async with self._database.writing() as session:
                org = await people.add_organisation(session, self._world, name)
                user = await people.add_user(
                    session, self._world, email, password_hash, org.id, "owner"
                )
                people.add_audit(session, self._world, org.id, user.id, "user.signed_up", user.id)
                return await people.begin_session(session, self._world, user.id)
        except IntegrityError as exc:
            raise BadAccountDetail(
                "email", "There is an account with this address already. Sign in instead."
            ) from exc

    async def sign_in(self, email: str, password: str, *, address: str) -> NewSession:
        """Begin a session of the user with this password. Known and unknown take the same time.

        Raises:
            WrongPassword: no such user, or not their password.
            TooManyAttempts: this account, or this address, has been tried too often.
        """
        email = email.strip().lower()[:320]
        async with self._database.writing() as session:
            await people.note_attempt(session, self._world, email, address)
        async with self._database.reading() as session:
            user = await people.user_by_email(session, email)
        kept = user.password_hash if user else None
        if not await self._passwords.matches(kept, password[: accounts.MAX_PASSWORD_CHARS + 1]):
            raise WrongPassword
        if user is None or kept is None:
            raise WrongPassword
        renewed = (
            await self._passwords.hash(password) if self._passwords.is_outdated(kept) else kept
        )
        async with self._database.writing() as session:
            await people.forgive_attempts(session, email, address)
            if renewed != kept:
                user = await session.merge(user)
                user.password_hash = renewed
            return await people.begin_session(session, self._world, user.id)

    async def session_for(self, token: str) -> SignedIn | None:
        """Return who is signed in with this cookie; None when the session has ended."""
        async with self._database.reading() as session:
            row = await people.live_session(session, self._world, token)
            who = await people.signed_in(session, row) if row else None
        if row and who and self._world.now_us() - row.seen_at_us >= people.MINUTE_US:
            async with self._database.writing() as session:
                seen = await people.live_session(session, self._world, token)
                if seen is not None:
                    seen.seen_at_us = self._world.now_us()
        return who

    async def end_session(self, token: str) -> None:
        """Sign out: the cookie is worth nothing from now on."""
        async with self._database.writing() as session:
            await people.end_session(session, token)

    async def issue_sign_in_link(self, email: str = OPERATOR_EMAIL) -> str:
        """Return a token that signs the user in once, within an hour; by default the operator.

        Raises:
            BadAccountDetail: there is no such user.
        """
        async with self._database.writing() as session:
            user = await people.user_by_email(session, email.strip().lower())
            if user is None:
                raise BadAccountDetail("email", "There is no account with this address.")
            return await people.add_link(session, self._world, user.id)

    async def consume_sign_in_link(self, token: str) -> NewSession | None:
        """Begin a session with a link; None when it is used, expired or unknown."""
        async with self._database.writing() as session:
            user_id = await people.use_link(session, self._world, token)
            if user_id is None:
                return None
            return await people.begin_session(session, self._world, user_id)

    # Keys

    async def create_key(
        self,
        org_id: str,
        name: str,
        scopes: tuple[str, ...] = accounts.BOTH_SCOPES,
        *,
        limits: KeyLimits = accounts.UNLIMITED,
        text: str = "",
        by: str = "",
    ) -> NewKey:
        """Make a key and return it with its text, which is shown this once.

        `text` brings along a key that Helicone made; `by` is the user, or key, who asked.

        Raises:
            BadAccountDetail: a bad name, scope or limit, or `text` is no such key or is taken.
        """
        async with self._database.writing() as session:
            made = await keys.create(session, self._world, org_id, name, scopes, limits, text)
            people.add_audit(
                session, self._world, org_id, by, "key.created", made.key.id, told(made.key.limits)
            )
        await self._publish()
        return made

    async def key_named(self, org_id: str, name: str, limits: KeyLimits, *, by: str) -> ApiKey:
        """Return the key of that name which opens calls, made now if none works.

        Nobody ever sees the text of one that is made so: only tokens are made of it.
        """
        async with self._database.reading() as session:
            found = await keys.named(session, org_id, name)
        if found is not None:
            return found
        return (await self.create_key(org_id, name, ("call",), limits=limits, by=by)).key

    async def list_keys(self, org_id: str) -> list[ApiKey]:
        """Return the organisation's keys, the latest first, revoked ones included."""
        async with self._database.reading() as session:
            return await keys.of_organisation(session, org_id)

    async def revoke_key(self, org_id: str, key_id: str, *, by: str = "") -> bool:
        """Revoke a key; False when the organisation has no such key that still works."""
        async with self._database.writing() as session:
            if not await keys.revoke(session, self._world, org_id, key_id):
                return False
            people.add_audit(session, self._world, org_id, by, "key.revoked", key_id)
        await self._publish()
        return True

    async def limit_key(
        self, org_id: str, key_id: str, limits: KeyLimits, *, by: str = ""
    ) -> ApiKey | None:
        """Give a key limits; None when the organisation has no such key that still works.

        Raises:
            BadAccountDetail: one of them cannot be.
        """
        async with self._database.writing() as session:
            key = await budgets.limit(session, org_id, key_id, limits)
            if key is None:
                return None
            people.add_audit(
                session, self._world, org_id, by, "key.limited", key_id, told(key.limits)
            )
        await self._publish()
        return key

    async def key_for(self, text: str) -> ApiKey | None:
        """Return the key whose whole text this is; None when it is unknown or revoked."""
        async with self._database.reading() as session:
            key = await keys.behind(session, text)
        if key and self._world.now_us() - (key.last_used_at_us or 0) >= keys.USE_NOTED_EVERY_US:
            async with self._database.writing() as session:
                await keys.note_use(session, self._world, key.id)
        return key

    async def note(
        self, org_id: str, action: str, subject: str, detail: str = "", *, by: str = ""
    ) -> None:
        """Put something that was done elsewhere into the audit log."""
        async with self._database.writing() as session:
            people.add_audit(session, self._world, org_id, by, action, subject, detail)

    async def audit_of(self, org_id: str, subject: str) -> list[Audited]:
        """Return what was done to one thing of an organisation's, the latest last."""
        async with self._database.reading() as session:
            return await people.audit_of(session, org_id, subject)

    async def hang_up(self, org_id: str, call_id: str, *, by: str = "") -> None:
        """Have whichever gateway holds the call end it, within a second.

        Whoever asks for this has made sure that it is a call of the organisation.
        """
        async with self._database.writing() as session:
            people.add_audit(session, self._world, org_id, by, hangups.ACTION, call_id)
            await keys.count_change(session)
        await self._publish()

    # Budgets

    async def limit_organisation(self, org_id: str, usd: Decimal | None, *, by: str = "") -> None:
        """Give an organisation a budget for each calendar month (UTC), or with None take it away.

        Raises:
            BadAccountDetail: it cannot be that.
        """
        usd = clean_budget(usd, "max_usd_per_month")
        async with self._database.writing() as session:
            await budgets.limit_organisation(session, org_id, usd)
            detail = "none" if usd is None else plain(usd)
            people.add_audit(
                session, self._world, org_id, by, "organisation.limited", org_id, detail
            )
        await self._publish()

    async def allow_listening(self, org_id: str, *, allowed: bool, by: str = "") -> None:
        """Let owners and admins of an organisation listen in to its calls, or forbid it."""
        async with self._database.writing() as session:
            (await session.get_one(models.Organisation, org_id)).may_listen = allowed
            detail = "allowed" if allowed else "forbidden"
            people.add_audit(session, self._world, org_id, by, "listening", org_id, detail)

    # Thresholds

    async def judge_by(self, org_id: str, own: Thresholds, *, by: str = "") -> None:
        """Have an organisation's calls judged by these, in place of those that it has.

        Raises:
            BadAccountDetail: one of them cannot be.
        """
        if (wrong := problem(own)) is not None:
            raise BadAccountDetail(*wrong)
        async with self._database.writing() as session:
            (await session.get_one(models.Organisation, org_id)).thresholds = stored(own)
            people.add_audit(session, self._world, org_id, by, "thresholds", org_id, shown(own))

    async def thresholds(self, org_id: str) -> Thresholds:
        """Return by what an organisation's calls are judged."""
        kept = select(models.Organisation.thresholds).where(models.Organisation.id == org_id)
        async with self._database.reading() as session:
            return loaded(await session.scalar(kept))

    async def organisation(self, org_id: str) -> Organisation:
        """Return the organisation of that id, which must be there."""
        async with self._database.reading() as session:
            return people.as_organisation(await session.get_one(models.Organisation, org_id))

    async def budgets(self) -> list[Budgeted]:
        """Return the budgets of every organisation that has some."""
        async with self._database.reading() as session:
            return await budgets.budgets(session)

    async def note_spent(self, spent: Spent) -> None:
        """Let the gateways know who has spent their budgets, if that has changed."""
        async with self._database.writing() as session:
            changed = await budgets.note_spent(session, spent)
        if changed:
            await self._publish()

    async def is_operator(self, org_id: str) -> bool:
        """Return whether this is the organisation of whoever runs the installation."""
        async with self._database.reading() as session:
            org = await people.operator(session)
        return org is not None and org.id == org_id

    # Snapshots

    async def snapshot(self) -> Snapshot:
        """Return what gateways must know of accounts."""
        async with self._database.reading() as session:
            return await _taken(session, self._world)

    async def publish_snapshot(self, path: Path) -> None:
        """Write the snapshot to `path`, whole, readable by its owner only.

        May be called by several processes at once: the latest state is what stays.
        """
        async with self._database.writing() as session:
            number = await keys.hold_publishing(session)
            taken = await _taken(session, self._world)
            await keys.write_snapshot(path, taken)
        self._published = number

    async def watch_and_publish(self, path: Path) -> None:
        """Publish now, and whenever any process has changed something; until cancelled."""
        self._published = -1
        changes = self.changes()
        for poll in itertools.count():
            if changes.may_be() or self.unpublished or poll % POLLS_A_LOOK == 0:
                await self._look(path)
            await asyncio.sleep(POLL_S)

    async def _look(self, path: Path) -> None:
        # A cancelled query would leave its connection's thread behind: it is waited for.
        look = asyncio.ensure_future(self._publish_changes(path))
        try:
            await asyncio.shield(look)
        except asyncio.CancelledError:
            await look
            raise

    async def _publish_changes(self, path: Path) -> None:
        try:
            async with self._database.reading() as session:
                number = await keys.change_number(session)
            if number != self._published:
                await self.publish_snapshot(path)
        except (ControlUnavailable, DBAPIError, OSError) as exc:
            # The gateways go on with the last snapshot: better than not watching any more.
            if not self.unpublished:
                log.error("cannot publish the keys", error=str(exc))
            self.unpublished = True
            return
        self.unpublished = False

    async def _publish(self) -> None:
        if self._publish_to is not None:
            await self.publish_snapshot(self._publish_to)

    async def organisations(self) -> list[Organisation]:
        """Return every organisation, the first one first."""
        async with self._database.reading() as session:
            rows = await session.scalars(
                select(models.Organisation).order_by(models.Organisation.id)
            )
            return [people.as_organisation(row) for row in rows]


async def _taken(session: AsyncSession, world: World) -> Snapshot:
    """Return what gateways must know, at one moment."""
    return await keys.take_snapshot(
        session,
        await providers.for_gateways(session),
        await webhooks.for_gateways(session),
        await hangups.for_gateways(session, world),
    )
