"""I/O. Who is asking: a browser by its session cookie, a program by its key.

For pages:

    @router.get("/calls")
    async def calls(viewer: Annotated[Viewer, Depends(require_user)]) -> Response: ...

    @router.post("/keys", dependencies=[Depends(verify_csrf)])
    async def create(viewer: Annotated[Viewer, Depends(require_role("owner", "admin", "member"))]):

Every request that changes something depends on `verify_csrf`, the sign-in form too; its
form holds `viewer.csrf_token` as `csrf_token`, or htmx sends it as `X-CSRF-Token`. After
`control.sign_in` or `sign_up`, call `begin_session(request, response, new)`; to sign out,
`await end_session(request, response)`.

For the API: `Depends(require_reader)`; for what changes keys, `Depends(require_manager)`; for
what is said of calls, `Depends(require_marker)`.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request, Response

from trunkline.settings import Settings
from trunkline.store.control.accounts import NewSession, Organisation, Role, Scope, User
from trunkline.web.deps import Dependencies, deps_of
from trunkline.web.refusals import ForgedRequest, NoCredential, NotAllowed, SignInNeeded

CSRF_FIELD: Final = "csrf_token"
CSRF_HEADER: Final = "x-csrf-token"
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Who looks at a page."""

    user: User
    org: Organisation
    """Whose calls and keys they see."""
    role: Role
    csrf_token: str
    """Of this session, in other letters on every page. To be sent with every request that
    changes something."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who asks the API."""

    org_id: str
    key_id: str = ""
    """The key that was sent; empty for a page of ours."""


Deps = Annotated[Dependencies, Depends(deps_of)]


async def current_user(request: Request, deps: Deps) -> Viewer | None:
    """Return who is signed in, or None."""
    token = request.cookies.get(cookie_name(deps.settings), "")
    who = await deps.control.session_for(token) if token else None
    if who is None:
        return None
    return Viewer(user=who.user, org=who.org, role=who.role, csrf_token=_masked_token(token))


CurrentUser = Annotated[Viewer | None, Depends(current_user)]


async def require_user(request: Request, viewer: CurrentUser) -> Viewer:
    """Return who is signed in.

    Raises:
        SignInNeeded: nobody is. The browser is sent to `/sign-in?next=…` and back.
    """
    if viewer is None:
        raise SignInNeeded("Sign in to see this page.")
    return viewer


RequiredUser = Annotated[Viewer, Depends(require_user)]


def require_role(*roles: Role) -> Callable[[Viewer], Awaitable[Viewer]]:
    """Return a dependency like `require_user` that refuses, 403, whoever has none of `roles`."""

    async def require(viewer: RequiredUser) -> Viewer:
        if viewer.role not in roles:
            raise NotAllowed("Your role does not allow this. Ask an owner of the organisation.")
        return viewer

    return require


async def verify_csrf(request: Request, viewer: CurrentUser) -> None:
    """Refuse a request that a page of another site may have sent.

    The browser's own word on where it comes from must be good, and whoever is signed
    in must send their session's token. Nobody's session cannot be misused, so the
    sign-in form needs no token.

    Raises:
        ForgedRequest: either is missing or wrong.
    """
    if not _from_our_own_page(request):
        raise ForgedRequest(
            "This request came from another site. Open the page here and try again."
        )
    if viewer is None:
        return
    sent = request.headers.get(CSRF_HEADER) or await _form_token(request)
    if not hmac.compare_digest(_unmasked(sent), _unmasked(viewer.csrf_token)):
        raise ForgedRequest("The page was out of date. Reload it and try again.")


async def require_own_page(request: Request) -> None:
    """Refuse, 403, what another site has a browser ask for, where asking does something."""
    if not _from_our_own_page(request):
        raise ForgedRequest("This request came from another site.")


async def require_reader(request: Request, deps: Deps, viewer: CurrentUser) -> Reader:
    """Return whose data the request may read: by `Authorization: Bearer <key>`, or by the
    cookie of whoever is signed in, for requests of our own pages.

    Raises:
        NoCredential: neither.
        NotAllowed: the key may open calls only.
    """
    credential = request.headers.get("authorization", "")
    if not credential:
        if viewer is not None and request.method == "GET" and _from_our_own_page(request):
            return Reader(org_id=viewer.org.id)
        raise _no_key("Send a key that may read: `Authorization: Bearer sk-trunkline-…`.")
    return await _by_key(deps, credential, "read")


async def require_manager(request: Request, deps: Deps) -> Reader:
    """Return whose keys the request may change: by `Authorization: Bearer <key>` alone.

    Raises:
        NoCredential: there is none, or it is unknown.
        NotAllowed: the key may not manage keys.
    """
    credential = request.headers.get("authorization", "")
    if not credential:
        raise _no_key("Send a key that may manage keys: `Authorization: Bearer sk-trunkline-…`.")
    return await _by_key(deps, credential, "manage")


async def require_marker(request: Request, deps: Deps) -> Reader:
    """Return of whose calls the request may say something: by `Authorization: Bearer <key>` alone.

    Whoever made a call may say how it was: a key that may call, and need not read.

    Raises:
        NoCredential: there is none, or it is unknown.
        NotAllowed: the key may not call.
    """
    credential = request.headers.get("authorization", "")
    if not credential:
        raise _no_key("Send a key that may call: `Authorization: Bearer sk-trunkline-…`.")
    return await _by_key(deps, credential, "call")


async def require_eraser(request: Request, deps: Deps) -> Reader:
    """Return whose calls the request may erase: by `Authorization: Bearer <key>` alone.

    Raises:
        NoCredential: there is none, or it is unknown.
        NotAllowed: the key may not erase calls.
    """
    credential = request.headers.get("authorization", "")
    if not credential:
        raise _no_key("Send a key that may erase calls: `Authorization: Bearer sk-trunkline-…`.")
    return await _by_key(deps, credential, "erase")


async def _by_key(deps: Dependencies, credential: str, scope: Scope) -> Reader:
    scheme, _, text = credential.partition(" ")
    key = await deps.control.key_for(text.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise _no_key("This key is unknown or revoked. Make one on the dashboard, under Keys.")
    if scope not in key.scopes:
        raise NotAllowed(f"This key may not do that. Use one with the scope `{scope}`.")
    return Reader(org_id=key.org_id, key_id=key.id)


def begin_session(request: Request, response: Response, new: NewSession) -> None:
    """Give the browser the cookie of a session that the control store has begun."""
    settings = deps_of(request).settings
    response.set_cookie(
        cookie_name(settings),
        new.token,
        max_age=max(0, (new.expires_at_us - deps_of(request).now_us()) // 1_000_000),
        path="/",
        secure=is_secure(settings),
        httponly=True,
        samesite="lax",
    )


async def end_session(request: Request, response: Response) -> None:
    """Sign out: end the session that the request carries, here and in the browser."""
    deps = deps_of(request)
    name = cookie_name(deps.settings)
    if token := request.cookies.get(name):
        await deps.control.end_session(token)
    response.delete_cookie(
        name, path="/", secure=is_secure(deps.settings), httponly=True, samesite="lax"
    )


def is_secure(settings: Settings) -> bool:
    """Return whether browsers reach us by TLS, ours or that of a proxy before us."""
    return settings.tls_cert is not None or settings.public_url.startswith("https://")


def cookie_name(settings: Settings) -> str:
    """Return the session cookie's name. The prefix makes browsers refuse one set by others."""
    return "__Host-trunkline" if is_secure(settings) else "trunkline"


def address_of(request: Request) -> str:
    """Return where the request came from, for throttling.

    Our front writes `X-Forwarded-For` anew, and uvicorn takes the address from it.
    """
    return request.client.host if request.client is not None else ""


def sign_in_url(request: Request) -> str:
    """Return the sign-in page's address, with the way back for pages that were only looked at."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET" or here == "/":
        return "/sign-in"
    return f"/sign-in?next={quote(here, safe='')}"


def safe_next(path: str) -> str:
    """Return `path` if it leads to a page of ours, else `/`: for the way back after sign-in."""
    parts = urlsplit(path)
    outside = parts.scheme or parts.netloc or not path.startswith("/") or path.startswith("//")
    if outside or "\\" in path or any(ord(letter) < 32 for letter in path):
        return "/"
    return path


def _from_our_own_page(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    # A browser sends at least one of the two with a form. What sends neither is no browser,
    # and has nobody's cookie but its own.
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


async def _form_token(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith(_FORMS):
        return ""
    sent = (await request.form()).get(CSRF_FIELD)
    return sent if isinstance(sent, str) else ""


def _masked_token(session_token: str) -> str:
    """Return the session's token as no other page has it: docs/explanation/decisions.md,
    `compressed-answers`."""
    token, mask = hmac.digest(session_token.encode(), b"csrf", "sha256"), secrets.token_bytes(32)
    return (mask + _xor(token, mask)).hex()


def _unmasked(sent: str) -> bytes:
    """Return the token of a form; empty, which is nobody's, if it is none."""
    try:
        mask, token = (raw := bytes.fromhex(sent))[:32], raw[32:]
    except ValueError:
        return b""
    return _xor(token, mask) if len(token) == len(mask) else b""


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _no_key(message: str) -> NoCredential:
    return NoCredential(message, headers={"WWW-Authenticate": "Bearer"})
