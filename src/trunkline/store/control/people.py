"""I/O. Users, organisations, browser sessions and one-time links in the control store.

Every function works in the transaction that it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.store.control import accounts, models
from trunkline.store.control.accounts import (
    Audited,
    NewSession,
    Organisation,
    Role,
    SignedIn,
    TooManyAttempts,
    User,
)
from trunkline.store.control.limits import dollars
from trunkline.store.control.world import World, sha256
from trunkline.store.thresholds import loaded

MINUTE_US: Final = 60_000_000
DAY_US: Final = 24 * 60 * MINUTE_US
SESSION_IDLE_US: Final = 7 * DAY_US
SESSION_LIFE_US: Final = 30 * DAY_US
LINK_LIFE_US: Final = 60 * MINUTE_US
ATTEMPT_WINDOW_US: Final = 15 * MINUTE_US
MAX_ATTEMPTS: Final = {"account and address": 10, "account": 100, "address": 100}
"""In one window. The first stops guessing, the others guessing from many places or at
many accounts, high enough that nobody is locked out by a stranger's few tries."""
MAX_AUDITED: Final = 1000
MAX_SIGN_UPS: Final = {"account and address": 30, "account": 1000, "address": 100}
"""In one window, for the one account that all who sign up share."""


async def add_organisation(
    session: AsyncSession, world: World, name: str, *, is_operator: bool = False
) -> models.Organisation:
    """Store an organisation without members."""
    row = models.Organisation(
        id=world.new_id("org"), name=name, is_operator=is_operator, created_at_us=world.now_us()
    )
    session.add(row)
    await session.flush()
    return row


async def add_user(
    session: AsyncSession,
    world: World,
    email: str,
    password_hash: str | None,
    org_id: str,
    role: Role,
) -> models.User:
    """Store a user and their membership."""
    now_us = world.now_us()
    row = models.User(
        id=world.new_id("user"), email=email, password_hash=password_hash, created_at_us=now_us
    )
    session.add(row)
    await session.flush()
    session.add(models.Membership(org_id=org_id, user_id=row.id, role=role, created_at_us=now_us))
    return row


async def operator(session: AsyncSession) -> models.Organisation | None:
    """Return the organisation of whoever runs this installation."""
    return await session.scalar(select(models.Organisation).where(models.Organisation.is_operator))


async def user_by_email(session: AsyncSession, email: str) -> models.User | None:
    """Return the user with this address, in the form of `accounts.clean_email`."""
    return await session.scalar(select(models.User).where(models.User.email == email))


async def begin_session(session: AsyncSession, world: World, user_id: str) -> NewSession:
    """Begin a session of the user in the organisation that they joined first.

    Sessions that have expired are forgotten on the way.
    """
    membership = await session.scalar(
        select(models.Membership)
        .where(models.Membership.user_id == user_id)
        .order_by(models.Membership.created_at_us, models.Membership.org_id)
        .limit(1)
    )
    if membership is None:
        raise accounts.WrongPassword
    now_us, token = world.now_us(), world.new_token()
    await session.execute(delete(models.WebSession).where(models.WebSession.expires_at_us < now_us))
    row = models.WebSession(
        sha256=sha256(token),
        user_id=user_id,
        org_id=membership.org_id,
        created_at_us=now_us,
        seen_at_us=now_us,
        expires_at_us=now_us + SESSION_LIFE_US,
    )
    session.add(row)
    await session.flush()
    who = await signed_in(session, row)
    if who is None:
        raise accounts.WrongPassword
    return NewSession(token=token, signed_in=who, expires_at_us=row.expires_at_us)


async def live_session(session: AsyncSession, world: World, token: str) -> models.WebSession | None:
    """Return the session behind a cookie's value, unless it has ended."""
    row = await session.get(models.WebSession, sha256(token))
    now_us = world.now_us()
    if row is None or now_us >= min(row.expires_at_us, row.seen_at_us + SESSION_IDLE_US):
        return None
    return row


async def signed_in(session: AsyncSession, row: models.WebSession) -> SignedIn | None:
    """Return whom the session is for; None when they are no longer a member."""
    found = (
        await session.execute(
            select(models.User, models.Organisation, models.Membership.role)
            .join(models.Membership, models.Membership.user_id == models.User.id)
            .join(models.Organisation, models.Organisation.id == models.Membership.org_id)
            .where(models.User.id == row.user_id, models.Organisation.id == row.org_id)
        )
    ).first()
    if found is None:
        return None
    user, org, role = found
    return SignedIn(
        user=User(id=user.id, email=user.email),
        org=as_organisation(org),
        role=cast("Role", role),
    )


async def end_session(session: AsyncSession, token: str) -> None:
    """Forget the session behind a cookie's value."""
    await session.execute(
        delete(models.WebSession).where(models.WebSession.sha256 == sha256(token))
    )


async def add_link(session: AsyncSession, world: World, user_id: str) -> str:
    """Store a one-time link and return its token. Those that have expired are forgotten."""
    now_us, token = world.now_us(), world.new_token()
    await session.execute(
        delete(models.OneTimeLink).where(models.OneTimeLink.expires_at_us < now_us)
    )
    session.add(
        models.OneTimeLink(
            sha256=sha256(token),
            user_id=user_id,
            created_at_us=now_us,
            expires_at_us=now_us + LINK_LIFE_US,
        )
    )
    return token


async def use_link(session: AsyncSession, world: World, token: str) -> str | None:
    """Return whose link it is and use it up; None when it is used, expired or unknown."""
    row = await session.get(models.OneTimeLink, sha256(token), with_for_update=True)
    now_us = world.now_us()
    if row is None or row.used_at_us is not None or now_us >= row.expires_at_us:
        return None
    row.used_at_us = now_us
    return row.user_id


async def note_attempt(
    session: AsyncSession,
    world: World,
    account: str,
    address: str,
    limits: Mapping[str, int] = MAX_ATTEMPTS,
) -> str:
    """Note a try before it is judged, so that many at once count too; return its id.

    Raises:
        TooManyAttempts: there have been enough in the last quarter of an hour.
    """
    attempts, now_us = models.LoginAttempt, world.now_us()
    since_us = now_us - ATTEMPT_WINDOW_US
    await session.execute(delete(attempts).where(attempts.at_us < since_us))
    same_account = attempts.account == sha256(account)
    same_address = attempts.address == address
    for what, which in (
        ("account and address", same_account & same_address),
        ("account", same_account),
        ("address", same_address),
    ):
        number, first_us = (
            await session.execute(
                select(func.count(), func.min(attempts.at_us)).where(
                    which, attempts.at_us >= since_us
                )
            )
        ).one()
        if number >= limits[what]:
            raise TooManyAttempts(retry_after_s=max(1, (first_us - since_us) // 1_000_000))
    row = models.LoginAttempt(
        id=world.new_id("try"), account=sha256(account), address=address[:64], at_us=now_us
    )
    session.add(row)
    return row.id


async def forgive_attempts(session: AsyncSession, account: str, address: str) -> None:
    """Forget the tries of who has got in."""
    await session.execute(
        delete(models.LoginAttempt).where(
            models.LoginAttempt.account == sha256(account), models.LoginAttempt.address == address
        )
    )


def add_audit(
    session: AsyncSession,
    world: World,
    org_id: str,
    by: str,
    action: str,
    subject: str,
    detail: str = "",
) -> None:
    """Note what was done, by which user or key (empty: the command line), to what."""
    session.add(
        models.AuditEntry(
            id=world.new_id("audit"),
            org_id=org_id,
            user_id=by,
            at_us=world.now_us(),
            action=action,
            subject=subject,
            detail=detail,
        )
    )


async def audit_of(session: AsyncSession, org_id: str, subject: str) -> list[Audited]:
    """Return the last `MAX_AUDITED` lines on one thing of an organisation's, the latest last."""
    entry = models.AuditEntry
    rows = await session.execute(
        select(entry, models.User.email, models.ApiKey.name)
        .outerjoin(models.User, models.User.id == entry.user_id)
        .outerjoin(models.ApiKey, models.ApiKey.id == entry.user_id)
        .where(entry.org_id == org_id, entry.subject == subject)
        .order_by(entry.at_us.desc(), entry.id.desc())
        .limit(MAX_AUDITED)
    )
    return [
        Audited(
            at_us=row.at_us,
            action=row.action,
            detail=row.detail,
            by_id=row.user_id,
            by=email or key_name or "",
        )
        for row, email, key_name in reversed(rows.all())
    ]


def as_organisation(row: models.Organisation) -> Organisation:
    """Return the organisation as a value."""
    return Organisation(
        id=row.id,
        name=row.name,
        is_operator=row.is_operator,
        max_usd_per_month=dollars(row.max_microusd_per_month),
        spent_until_us=row.spent_until_us or 0,
        may_listen=row.may_listen,
        thresholds=loaded(row.thresholds),
    )
