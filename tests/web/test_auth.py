"""Nobody sees what is not theirs, and no other site acts in anyone's name."""

import re
from functools import cache
from typing import Annotated, Any, NamedTuple

import pytest
from fastapi import Depends, FastAPI, Request, Response
from tests.support.facts import a_call, fresh_call
from tests.support.web import ORIGIN, PASSWORD, Member, Site, bare_application, open_site

from trunkline.settings import Settings
from trunkline.store.control.accounts import KeyLimits
from trunkline.store.control.providers import NewProvider
from trunkline.store.control.webhooks import NewWebhook
from trunkline.store.facts.rows import CallRow
from trunkline.store.facts.store import FactsStore
from trunkline.web import auth
from trunkline.web.asgi import CONTENT_SECURITY_POLICY, MAX_BODY_BYTES
from trunkline.web.auth import Viewer, require_role, require_user, safe_next, verify_csrf

OPERATORS = {"/v1/system"}
"""What there is for the organisation that runs the installation alone."""
OPEN = {"/live", "/ready", "/metrics"}
"""What answers without a credential; everything else of the API needs one."""
STREAMS = {("GET", "/v1/live/events")}
"""What goes on for ever once it is allowed; `test_live_feed.py` has its other half."""
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/session/query"): {
        "timeFilter": {"startTimeUnixMs": 0, "endTimeUnixMs": 10**13},
    },
    ("POST", "/v1/session/name/query"): {"nameContains": ""},
    ("POST", "/v1/session/metrics/query"): {"nameContains": ""},
    ("POST", "/v1/metrics/query"): {"metrics": ["calls"]},
    ("POST", "/v1/compare"): {"metrics": ["calls"]},
    ("POST", "/v1/request/query"): {},
    ("POST", "/v1/request/query-clickhouse"): {},
    ("POST", "/v1/user/query"): {},
    ("POST", "/v1/user/metrics/query"): {},
    ("POST", "/v1/property/query"): {},
    ("POST", "/v1/keys"): {"name": "Another"},
    ("PUT", "/v1/keys/{key_id}/limits"): {"max_calls": 3},
    ("PUT", "/v1/budget"): {"max_usd_per_month": "5"},
    ("PUT", "/v1/thresholds"): {"long_wait_ms": 2500},
    ("PATCH", "/v1/calls/{call_id}/marks"): {"feedback": True},
    ("POST", "/v1/request/{call_id}/feedback"): {"rating": True},
    ("POST", "/v1/request/{call_id}/score"): {"scores": {"exact": 1}},
    ("PUT", "/v1/request/{call_id}/property"): {"key": "Tier", "value": "gold"},
    ("POST", "/v1/session/{session_id}/feedback"): {"rating": False},
    ("POST", "/v1/session/{session_id}/tag"): {"tag": "vip"},
    ("POST", "/v1/providers"): {"name": "new", "profile": "openai", "credential": "sk-new-123456"},
    ("PUT", "/v1/providers/{provider_id}/credential"): {"credential": "sk-other-123456"},
    ("PUT", "/v1/providers/{provider_id}/models"): {"models": ["gpt-realtime"]},
    ("PUT", "/v1/prices"): {"model": "gpt-realtime-2.1", "text_in": "3.5"},
    ("POST", "/v1/views"): {"name": "Failed", "query": "status=failed"},
    ("POST", "/v1/webhooks"): {"name": "new", "url": "https://a.example/", "secret": SECRET},
    ("PUT", "/v1/webhooks/{webhook_id}/secret"): {"secret": SECRET},
    ("PUT", "/v1/webhooks/{webhook_id}/target"): {"url": "https://b.example/"},
}
QUESTIONS = {
    ("POST", "/v1/metrics/query"),
    ("POST", "/v1/compare"),
    ("POST", "/v1/session/query"),
    ("POST", "/v1/session/name/query"),
    ("POST", "/v1/session/metrics/query"),
    ("POST", "/v1/request/query"),
    ("POST", "/v1/request/query-clickhouse"),
    ("POST", "/v1/user/query"),
    ("POST", "/v1/user/metrics/query"),
    ("POST", "/v1/property/query"),
}
"""What is posted, and only read."""
CHANGES = {
    ("POST", "/v1/keys"),
    ("PUT", "/v1/keys/{key_id}/limits"),
    ("DELETE", "/v1/keys/{key_id}"),
    ("PUT", "/v1/budget"),
    ("PUT", "/v1/thresholds"),
    ("DELETE", "/v1/calls/{call_id}"),
    ("POST", "/v1/calls/{call_id}/hangup"),
    ("POST", "/v1/providers"),
    ("PUT", "/v1/providers/{provider_id}/credential"),
    ("PUT", "/v1/providers/{provider_id}/models"),
    ("DELETE", "/v1/providers/{provider_id}"),
    ("POST", "/v1/views"),
    ("DELETE", "/v1/views/{view_id}"),
    ("PUT", "/v1/prices"),
    ("DELETE", "/v1/prices/{price_id}"),
    ("POST", "/v1/webhooks"),
    ("PUT", "/v1/webhooks/{webhook_id}/secret"),
    ("PUT", "/v1/webhooks/{webhook_id}/target"),
    ("DELETE", "/v1/webhooks/{webhook_id}"),
}
"""What only a key that may manage keys, or erase calls, can do, and no cookie."""


MARKS = {
    ("PATCH", "/v1/calls/{call_id}/marks"),
    ("POST", "/v1/request/{call_id}/feedback"),
    ("POST", "/v1/request/{call_id}/score"),
    ("PUT", "/v1/request/{call_id}/property"),
    ("POST", "/v1/session/{session_id}/feedback"),
    ("POST", "/v1/session/{session_id}/tag"),
}
"""What a key that may call says of calls; it need not read, and no cookie does."""


def operations() -> list[tuple[str, str]]:
    """Return method and path of everything in the API, from its own description."""
    app = bare_application(Settings())
    return [
        (method.upper(), path)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if path not in OPEN
    ]


OPERATIONS = operations()
NO_IDS = {"/v1/properties/{name}"}
"""Any name is asked about one's own calls, and has none of others'."""
WITH_IDS = [
    operation for operation in OPERATIONS if "{" in operation[1] and operation[1] not in NO_IDS
]


async def a_subject(site: Site, member: Member, path: str) -> CallRow:
    """Return a call of which `path` can be asked: what ends one needs one that runs."""
    if path.endswith("/hangup"):
        return await site.add_call(a_call(member.org_id, status="live", ended_at_us=None))
    return await site.add_whole_call(member.org_id)


class Stored(NamedTuple):
    """What an organisation has stored."""

    provider_id: str
    webhook_id: str
    view_id: str
    price_id: str


NONE_STORED = Stored("provider_none", "hook_none", "view_none", "price_none")


async def stored_by(site: Site, member: Member) -> Stored:
    provider = NewProvider(name="spare", profile="openai", credential="sk-spare-123456")
    webhook = NewWebhook(name="spare", url="https://app.example/hook", secret=SECRET)
    return Stored(
        (await site.control.providers.add(member.org_id, provider)).id,
        (await site.control.webhooks.add(member.org_id, webhook)).id,
        (await site.control.views.save(member.org_id, "V", "", shared=True, by="")).id,
        (await site.control.prices.put(member.org_id, {"model": "m", "text_in": "1"}, by="")).id,
    )


def filled(path: str, call_id: str, session_id: str, key_id: str, stored: Stored) -> str:
    names = {
        "{call_id}": call_id,
        "{other_id}": call_id,
        "{session_id}": session_id,
        "{key_id}": key_id,
        "{provider_id}": stored.provider_id,
        "{webhook_id}": stored.webhook_id,
        "{view_id}": stored.view_id,
        "{price_id}": stored.price_id,
    }
    for name, value in names.items():
        path = path.replace(name, value)
    return path


async def ask(
    site: Site, method: str, path: str, headers: dict[str, str], body: Any = None
) -> tuple[int, str]:
    answer = await site.client.request(method, path, headers=headers, json=body)
    return answer.status_code, answer.text


def credentials(operation: tuple[str, str], member: Member) -> list[dict[str, str]]:
    """Return every way in which `member` may ask for `operation`."""
    if operation in CHANGES:
        return [member.manager]
    return [member.bearer, member.cookie] if operation[0] == "GET" else [member.bearer]


@pytest.mark.parametrize(("method", "path"), WITH_IDS)
async def test_another_organisations_id_is_told_like_one_that_is_not(
    site: Site, method: str, path: str
) -> None:
    owner, stranger = await site.join(), await site.join()
    call = await a_subject(site, owner, path)
    stored = await stored_by(site, owner)
    theirs = filled(path, call.call_id, call.session_id, owner.spare_id, stored)
    nobodys = filled(path, fresh_call(), "no-such-session", "key_none", NONE_STORED)
    body = BODIES.get((method, path))
    for headers in credentials((method, path), stranger):
        told = await ask(site, method, theirs, headers, body)
        assert told == await ask(site, method, nobodys, headers, body)
        assert told[0] == 404
    (spare,) = [
        key for key in await site.control.list_keys(owner.org_id) if key.id == owner.spare_id
    ]
    assert (spare.revoked_at_us, spare.limits) == (None, KeyLimits())
    for headers in credentials((method, path), owner):
        assert (await ask(site, method, theirs, headers, body))[0] in (200, 201, 204)


async def test_what_lists_or_changes_without_an_id_is_ones_own(site: Site) -> None:
    owner, stranger = await site.join(), await site.join()
    await site.client.put("/v1/budget", headers=stranger.manager, json={"max_usd_per_month": 5})
    await site.client.post("/v1/keys", headers=stranger.manager, json={"name": "Theirs"})
    budget = (await site.client.get("/v1/budget", headers=owner.bearer)).json()
    assert budget["max_usd_per_month"] is None
    keys = (await site.client.get("/v1/keys", headers=owner.bearer)).json()["data"]
    assert sorted(key["name"] for key in keys) == ["Both", "Calls", "Scripts", "Spare"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_nothing_is_told_without_a_key_that_may_read(
    site: Site, method: str, path: str
) -> None:
    member = await (site.operator() if path in OPERATORS else site.join())
    call = await a_subject(site, member, path)
    operation, body = (method, path), BODIES.get((method, path))
    stored = await stored_by(site, member)
    path = filled(path, call.call_id, call.session_id, member.spare_id, stored)
    refused = {
        "nothing": ({}, 401),
        "an unknown key": ({"Authorization": "Bearer sk-trunkline-nosuch"}, 401),
        "an unknown key beside a cookie": (
            {"Authorization": "Bearer sk-trunkline-nosuch", **member.cookie},
            401,
        ),
        "another scheme": ({"Authorization": f"Basic {member.key}"}, 401),
        "half a key": ({"Authorization": f"Bearer {member.key[:30]}"}, 401),
        "a cookie made up": ({"Cookie": "trunkline=made-up"}, 401),
        "a key for calls": ({"Authorization": f"Bearer {member.call_key}"}, 403),
    }
    if operation in CHANGES:
        refused["a key that may read"] = (member.bearer, 403)
        refused["a cookie"] = (member.cookie, 401)
    else:
        refused["a key that may manage"] = (member.manager, 403)
    if operation in MARKS:
        del refused["a key for calls"]
        reads = await site.control.create_key(member.org_id, "Reads", ("read",))
        refused["a key that may only read"] = ({"Authorization": f"Bearer {reads.text}"}, 403)
        refused["a cookie"] = (member.cookie, 401)
    for what, (headers, expected) in refused.items():
        status, text = await ask(site, method, path, headers, body)
        assert status == expected, what
        assert member.key not in text
    for headers in () if operation in STREAMS else credentials(operation, member):
        assert (await ask(site, method, path, headers, body))[0] in (200, 201, 204)


@pytest.mark.parametrize("path", ["/v1/system", "/system"])
async def test_what_is_the_operators_is_not_there_for_others(site: Site, path: str) -> None:
    operator, member = await site.operator(), await site.join()
    pages = path not in OPERATORS
    assert (await ask(site, "GET", path, operator.cookie))[0] == 200
    theirs = await ask(site, "GET", path, member.cookie)
    assert theirs[0] == 404
    assert "gateway" not in theirs[1]
    if not pages:
        assert (await ask(site, "GET", path, operator.bearer))[0] == 200
        assert (await ask(site, "GET", path, member.bearer))[0] == 404


async def test_only_the_operator_is_shown_the_way_to_the_system(site: Site) -> None:
    operator, member = await site.operator(), await site.join()
    assert 'href="/system"' in (await ask(site, "GET", "/sessions", operator.cookie))[1]
    assert 'href="/system"' not in (await ask(site, "GET", "/sessions", member.cookie))[1]


async def test_a_revoked_key_reads_nothing(site: Site) -> None:
    member = await site.join()
    (key,) = [key for key in await site.control.list_keys(member.org_id) if key.name == "Both"]
    assert await site.control.revoke_key(member.org_id, key.id)
    assert (await ask(site, "GET", "/v1/calls", member.bearer))[0] == 401


async def test_a_cookie_reads_for_our_own_pages_only(site: Site) -> None:
    member = await site.join()
    ours = {**member.cookie, "Sec-Fetch-Site": "same-origin"}
    assert (await ask(site, "GET", "/v1/calls", ours))[0] == 200
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        assert (await ask(site, "GET", "/v1/calls", {**member.cookie, **headers}))[0] == 401
    assert (await ask(site, "POST", "/v1/session/query", ours))[0] == 401


@pytest.mark.parametrize(
    "call_id",
    [
        "call_1",
        "..%2f..%2fetc%2fpasswd",
        "call_" + "8" * 26,
        "CALL_" + "0" * 26,
        "call_" + "I" * 26,
        "%00",
    ],
)
async def test_an_id_that_cannot_be_is_not_found(site: Site, call_id: str) -> None:
    member = await site.join()
    for part in ("", "/events", "/audio", "/peaks", "/traffic"):
        status, text = await ask(site, "GET", f"/v1/calls/{call_id}{part}", member.bearer)
        assert status == 404
        assert '"not_found"' in text


def guarded(site: Site) -> None:
    """Add pages of the kinds that the dashboard has."""
    site.serve(_guarded(secure=auth.is_secure(site.app.state.deps.settings)))


@cache
def _guarded(*, secure: bool) -> FastAPI:
    app = bare_application(Settings(public_url="https://voice.example" if secure else ORIGIN))

    @app.get("/test/page")
    async def page(viewer: Annotated[Viewer, Depends(require_user)]) -> str:
        return viewer.user.email

    @app.post("/test/change", dependencies=[Depends(verify_csrf)])
    async def change(viewer: Annotated[Viewer, Depends(require_user)]) -> str:
        return "changed"

    @app.post("/test/enter", dependencies=[Depends(verify_csrf)])
    async def enter(request: Request, response: Response) -> str:
        control = request.app.state.deps.control
        new = await control.sign_in("owner1@example.com", PASSWORD, address="192.0.2.1")
        auth.begin_session(request, response, new)
        return "welcome"

    @app.post("/test/leave", dependencies=[Depends(verify_csrf)])
    async def leave(request: Request, response: Response) -> str:
        await auth.end_session(request, response)
        return "bye"

    @app.get("/test/admin")
    async def admin(viewer: Annotated[Viewer, Depends(require_role("admin"))]) -> str:
        return viewer.role

    @app.get("/test/bug")
    async def bug() -> str:
        raise RuntimeError("secret detail")

    return app


async def test_a_page_sends_strangers_to_sign_in_and_back(site: Site) -> None:
    guarded(site)
    member = await site.join()
    answer = await site.client.get("/test/page", params={"a": "b c"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Ftest%2Fpage%3Fa%3Db%2Bc"
    fragment = await site.client.get("/test/page", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment.headers["hx-redirect"]) == (401, "/sign-in")
    seen = await site.client.get("/test/page", headers=member.cookie)
    assert seen.json() == "owner1@example.com"


async def test_a_role_that_is_too_low_is_refused(site: Site) -> None:
    guarded(site)
    member = await site.join()
    answer = await site.client.get("/test/admin", headers=member.cookie)
    assert answer.status_code == 403


FORGED = {
    "no token": ({}, {}),
    "a wrong token": ({"X-CSRF-Token": "0" * 128}, {}),
    "no letters of a token": ({"X-CSRF-Token": "right now"}, {}),
    "half a token": ({"X-CSRF-Token": "0" * 64}, {}),
    "an odd token": ({"X-CSRF-Token": "00" * 65}, {}),
    "another site": ({"X-CSRF-Token": "right", "Origin": "https://evil.example"}, {}),
    "another site's frame": ({"X-CSRF-Token": "right", "Origin": "null"}, {}),
    "a neighbour": ({"X-CSRF-Token": "right", "Sec-Fetch-Site": "same-site"}, {}),
    "text that looks like a form": (
        {"Content-Type": "text/plain"},
        {"content": b"csrf_token=right"},
    ),
    "another port": ({"X-CSRF-Token": "right", "Origin": ORIGIN + ":81"}, {}),
}


@pytest.mark.parametrize(("headers", "more"), FORGED.values(), ids=FORGED)
async def test_a_forged_change_is_refused(
    site: Site, headers: dict[str, str], more: dict[str, Any]
) -> None:
    guarded(site)
    member = await site.join()
    headers = {name: value.replace("right", member.csrf_token) for name, value in headers.items()}
    answer = await site.client.post("/test/change", headers={**member.cookie, **headers}, **more)
    assert answer.status_code == 403


async def test_a_change_from_our_own_page_is_made(site: Site) -> None:
    guarded(site)
    member = await site.join()
    ours = {**member.cookie, "Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    by_form = await site.client.post(
        "/test/change", headers=ours, data={"csrf_token": member.csrf_token}
    )
    assert by_form.json() == "changed"
    by_header = await site.client.post(
        "/test/change", headers={**ours, "X-CSRF-Token": member.csrf_token}
    )
    assert by_header.json() == "changed"


async def test_no_two_pages_have_a_token_in_the_same_letters(site: Site) -> None:
    guarded(site)
    member = await site.join()
    pages = [(await site.client.get("/keys", headers=member.cookie)).text for _ in range(2)]
    one, other = ({*re.findall(r'name="csrf_token" value="(\w+)"', page)} for page in pages)
    assert (len(one), len(other), one & other) == (1, 1, set())
    assert all(one_half not in pages[1] for one_half in (min(one)[:64], min(one)[64:]))
    headers = {**member.cookie, "X-CSRF-Token": min(one)}
    assert (await site.client.post("/test/change", headers=headers)).json() == "changed"


async def test_a_token_is_of_one_session(site: Site) -> None:
    guarded(site)
    member, other = await site.join(), await site.join()
    headers = {**member.cookie, "X-CSRF-Token": other.csrf_token}
    assert (await site.client.post("/test/change", headers=headers)).status_code == 403


async def test_signing_in_sets_a_cookie_that_scripts_cannot_read(site: Site) -> None:
    guarded(site)
    await site.join()
    answer = await site.client.post("/test/enter", headers={"Origin": ORIGIN})
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("trunkline=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    forged = await site.client.post("/test/enter", headers={"Origin": "https://evil.example"})
    assert forged.status_code == 403


async def test_signing_out_ends_the_session_everywhere(site: Site) -> None:
    guarded(site)
    member = await site.join()
    headers = {**member.cookie, "X-CSRF-Token": member.csrf_token}
    answer = await site.client.post("/test/leave", headers=headers)
    assert 'trunkline=""' in answer.headers["set-cookie"]
    assert await site.control.session_for(member.session.token) is None


async def test_behind_tls_the_cookie_is_bound_to_this_host(
    tmp_path: Any, facts: FactsStore
) -> None:
    settings = Settings(data=tmp_path, public_url="https://voice.example")
    async with open_site(tmp_path, facts, settings) as site:
        guarded(site)
        await site.join()
        answer = await site.client.post("/test/enter")
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-trunkline=")
        assert "Secure" in cookie
        assert answer.headers["strict-transport-security"]


async def test_every_answer_carries_the_headers(site: Site) -> None:
    guarded(site)
    member = await site.join()
    call = await site.add_whole_call(member.org_id)
    for path in (
        "/v1/calls",
        f"/v1/calls/{call.call_id}/audio",
        "/no/such/page",
        "/docs",
        "/test/page",
        "/test/bug",
        "/live",
        "/metrics",
    ):
        answer = await site.client.get(path, headers=member.bearer)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"]
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


async def test_a_bug_of_ours_tells_nothing(site: Site) -> None:
    guarded(site)
    answer = await site.client.get("/test/bug")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


async def test_programs_are_told_in_json_and_people_by_a_page(site: Site) -> None:
    member = await site.join()
    for path, status in (("/v1/nothing", 404), ("/v1/calls", 405)):
        method = "GET" if status == 404 else "DELETE"
        answer = await site.client.request(method, path, headers=member.bearer)
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"type", "code", "message"}
    page = await site.client.get("/nothing")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")


async def test_no_other_site_is_let_in(site: Site) -> None:
    answer = await site.client.options(
        "/v1/calls",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"},
    )
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_body_that_is_too_large_is_not_read(site: Site) -> None:
    member = await site.join()
    kinds = {
        "/v1/session/query": "application/json",
        "/sign-in": "application/x-www-form-urlencoded",
    }
    for path, kind in kinds.items():
        answer = await site.client.post(
            path,
            content=b"a" * (MAX_BODY_BYTES + 1),
            headers={**member.bearer, "Content-Type": kind},
        )
        assert answer.status_code == 413
        assert answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/calls?status=live", "/calls?status=live"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("calls", "/"),
        ("", "/"),
    ],
)
def test_the_way_back_stays_here(path: str, expected: str) -> None:
    assert safe_next(path) == expected


async def test_a_call_of_nobody_is_nobodys(site: Site) -> None:
    """Refusals that no key can be tied to have no organisation, or the operator's."""
    member = await site.join()
    call = await site.add_call(a_call(""))
    assert (await ask(site, "GET", f"/v1/calls/{call.call_id}", member.bearer))[0] == 404


def test_the_operations_are_those_of_the_issue() -> None:
    paths = {re.sub(r"\{.*?\}", "{}", path) for _, path in OPERATIONS}
    assert paths == {
        "/v1/calls",
        "/v1/calls/export",
        "/v1/calls/{}/marks",
        "/v1/request/{}/feedback",
        "/v1/request/{}/score",
        "/v1/request/{}/property",
        "/v1/session/{}/feedback",
        "/v1/session/{}/tag",
        "/v1/session/name/query",
        "/v1/session/metrics/query",
        "/v1/calls/{}",
        "/v1/calls/{}/turns",
        "/v1/calls/{}/compare/{}",
        "/v1/calls/{}/cost",
        "/v1/calls/{}/lint",
        "/v1/calls/{}/trace",
        "/v1/calls/{}/bundle",
        "/v1/calls/{}/events",
        "/v1/calls/{}/audio",
        "/v1/calls/{}/peaks",
        "/v1/calls/{}/traffic",
        "/v1/calls/{}/hangup",
        "/v1/calls/{}/audit",
        "/v1/live",
        "/v1/live/events",
        "/v1/sessions",
        "/v1/sessions/{}",
        "/v1/metrics",
        "/v1/users",
        "/v1/properties",
        "/v1/properties/{}",
        "/v1/costs",
        "/v1/tools",
        "/v1/tools/arguments",
        "/v1/errors",
        *(path for _, path in QUESTIONS),
        "/v1/keys",
        "/v1/keys/{}",
        "/v1/keys/{}/limits",
        "/v1/attention",
        "/v1/budget",
        "/v1/thresholds",
        "/v1/providers",
        "/v1/providers/{}",
        "/v1/providers/{}/credential",
        "/v1/providers/{}/models",
        "/v1/views",
        "/v1/views/{}",
        "/v1/prices",
        "/v1/prices/list",
        "/v1/prices/{}",
        "/v1/webhooks",
        "/v1/webhooks/{}",
        "/v1/webhooks/{}/secret",
        "/v1/webhooks/{}/target",
        "/v1/system",
    }


def test_every_change_needs_a_key_that_may_make_it() -> None:
    reads = {operation for operation in OPERATIONS if operation[0] == "GET"}
    assert set(OPERATIONS) - reads == CHANGES | QUESTIONS | MARKS
