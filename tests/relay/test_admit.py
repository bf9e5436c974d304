"""Admission, as tables: a head goes in, a plan or a refusal comes out."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.protocol.call import Note
from trunkline.relay.admit import (
    MAX_PROPERTIES,
    MAX_VALUE_CHARS,
    Admitted,
    Arrival,
    Known,
    NotAdmitted,
    admit,
)
from trunkline.relay.head import parse_head
from trunkline.settings import Settings
from trunkline.snapshot import Key, Snapshot, sha256_of_key

ARRIVAL = Arrival(
    call_id="call_1", wall_ns=1, at_ns=2, caller_address="10.0.0.9", gateway="G", version="0"
)


def made_key(text: str, **changes: Any) -> Key:
    fields: dict[str, Any] = {
        "key_id": f"id_{text}",
        "org_id": "org_1",
        "name": text,
        "sha256": sha256_of_key(text),
    }
    return Key(**{**fields, **changes})


SNAPSHOT = Snapshot(
    keys=(
        made_key("good"),
        made_key("gone", revoked=True),
        made_key("reader", may_call=False),
    ),
    default_org_id="org_default",
)
OURS = "Helicone-Auth: Bearer good"
THEIRS = "Authorization: Bearer sk-1"
HANDSHAKE = (
    "Host: h",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def ask(
    *headers: str,
    target: str = "/v1/realtime?model=gpt-realtime",
    method: str = "GET",
    handshake: tuple[str, ...] = HANDSHAKE,
    **settings: Any,
) -> Admitted | NotAdmitted:
    lines = (f"{method} {target} HTTP/1.1", *handshake, *headers)
    head = parse_head("\r\n".join(lines).encode())
    return admit(head, ARRIVAL, Known.of(SNAPSHOT), Settings(**settings))


def admitted(*headers: str, **options: Any) -> Admitted:
    verdict = ask(*headers, **options)
    assert isinstance(verdict, Admitted), verdict
    return verdict


def refused(*headers: str, **options: Any) -> tuple[int, str]:
    verdict = ask(*headers, **options)
    assert isinstance(verdict, NotAdmitted), verdict
    return verdict.refusal.status, verdict.refusal.code


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/v1/realtime?model=gpt-realtime", "realtime"),
        ("/v1/realtime?intent=transcription", "transcription"),
        ("/v1/gateway/oai/realtime/translations?model=gpt-realtime-translate", "translation"),
    ],
)
def test_the_record_says_what_sort_of_session_was_asked_for(target: str, kind: str) -> None:
    assert admitted(OURS, THEIRS, target=target).opened.kind == kind
    verdict = ask(target=target)
    assert isinstance(verdict, NotAdmitted)
    assert verdict.opened.kind == kind


# --- keys ----------------------------------------------------------------------------

KEYS = {
    "no key": ([THEIRS], (401, "missing_key")),
    "no scheme": ([THEIRS, "Helicone-Auth: good"], (401, "malformed_key")),
    "another scheme": ([THEIRS, "Helicone-Auth: Basic good"], (401, "malformed_key")),
    "an empty key": ([THEIRS, "Helicone-Auth: Bearer "], (401, "malformed_key")),
    "an unknown key": ([THEIRS, "Helicone-Auth: Bearer other"], (401, "invalid_key")),
    "a revoked key": ([THEIRS, "Helicone-Auth: Bearer gone"], (401, "revoked_key")),
    "a read-only key": ([THEIRS, "Helicone-Auth: Bearer reader"], (403, "key_may_not_call")),
    "two keys at once": ([f"{THEIRS}, Bearer other", OURS], (400, "ambiguous_key")),
    "comma form, unknown": ([f"{THEIRS}, Bearer other"], (401, "invalid_key")),
    "no provider key": ([OURS], (401, "missing_provider_credential")),
    "our key alone, and nothing stored": (
        ["Authorization: Bearer good"],
        (401, "missing_provider_credential"),
    ),
}


@pytest.mark.parametrize(("headers", "expected"), KEYS.values(), ids=KEYS.keys())
def test_who_may_not_call_is_told_so(headers: list[str], expected: tuple[int, str]) -> None:
    assert refused(*headers) == expected


def test_the_key_may_come_in_its_own_header_or_after_a_comma() -> None:
    for headers in (
        [THEIRS, OURS],
        [f"{THEIRS}, Bearer good"],
        [THEIRS, "helicone-auth: bearer good"],
    ):
        verdict = admitted(*headers)
        assert (verdict.opened.key_id, verdict.opened.org_id) == ("id_good", "org_1")
        assert ("Authorization", "Bearer sk-1") in verdict.plan.headers


def test_a_refusal_is_tied_to_the_key_when_it_is_known() -> None:
    verdict = ask(OURS)
    assert isinstance(verdict, NotAdmitted)
    assert (verdict.opened.org_id, verdict.opened.key_name) == ("org_1", "good")
    verdict = ask(THEIRS)
    assert (verdict.opened.org_id, verdict.opened.key_id) == ("org_default", "")


# --- the handshake -------------------------------------------------------------------


def without(name: str, *more: str) -> tuple[str, ...]:
    return (*(line for line in HANDSHAKE if not line.startswith(name)), *more)


SHAKES = {
    "no Upgrade": ({"handshake": without("Upgrade")}, (426, "upgrade_required")),
    "no Connection": ({"handshake": without("Connection")}, (426, "upgrade_required")),
    "another protocol": (
        {"handshake": without("Upgrade", "Upgrade: h2c")},
        (426, "upgrade_required"),
    ),
    "an old version": (
        {"handshake": without("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8")},
        (426, "bad_websocket_version"),
    ),
    "no key": ({"handshake": without("Sec-WebSocket-Key")}, (400, "bad_websocket_key")),
    "a short key": (
        {"handshake": without("Sec-WebSocket-Key", "Sec-WebSocket-Key: YQ==")},
        (400, "bad_websocket_key"),
    ),
    "a key that is not base64": (
        {"handshake": without("Sec-WebSocket-Key", "Sec-WebSocket-Key: ñ")},
        (400, "bad_websocket_key"),
    ),
    "a body": ({"handshake": (*HANDSHAKE, "Content-Length: 5")}, (400, "unexpected_body")),
    "POST": ({"method": "POST"}, (405, "method_not_allowed")),
}


@pytest.mark.parametrize(("options", "expected"), SHAKES.values(), ids=SHAKES.keys())
def test_only_a_whole_handshake_is_one(options: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refused(THEIRS, OURS, **options) == expected


def test_a_browsers_connection_header_is_understood() -> None:
    admitted(THEIRS, OURS, handshake=without("Connection", "Connection: keep-alive, Upgrade"))


def test_realtime_is_selected_when_subprotocols_are_offered_and_only_then() -> None:
    offer = "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-1"
    assert admitted(OURS, offer).subprotocol == "realtime"
    assert admitted(THEIRS, OURS).subprotocol == ""


# --- parameters ----------------------------------------------------------------------

PARAMETERS = {
    "nothing": ("/v1/realtime", (400, "missing_model")),
    "an empty model": ("/v1/realtime?model=", (400, "missing_model")),
    "two models": ("/v1/realtime?model=a&model=b", (400, "repeated_parameter")),
    "a model with a line feed": ("/v1/realtime?model=a%0Ab", (400, "bad_parameter")),
    "resource alone": ("/v1/realtime?resource=abc", (400, "missing_deployment")),
    "deployment alone": ("/v1/realtime?deployment=abc", (400, "missing_resource")),
}


@pytest.mark.parametrize(("target", "expected"), PARAMETERS.values(), ids=PARAMETERS.keys())
def test_parameters_are_asked_for_by_name(target: str, expected: tuple[int, str]) -> None:
    assert refused(THEIRS, OURS, target=target) == expected


# --- what is recorded ----------------------------------------------------------------


def test_sessions_users_and_properties_are_recorded() -> None:
    opened = admitted(
        THEIRS,
        OURS,
        "Helicone-Session-Id: s1",
        "helicone-session-name: Voice",
        "Helicone-Session-Path: /a/b",
        "Helicone-User-Id: user_123",
        "Helicone-Property-Plan: Gold",
        "helicone-property-city: Köln",
        "User-Agent: test/1",
    ).opened
    assert (opened.session_id, opened.session_name, opened.session_path) == ("s1", "Voice", "/a/b")
    assert (opened.user_id, opened.user_agent, opened.caller_address) == (
        "user_123",
        "test/1",
        "10.0.0.9",
    )
    assert opened.properties == {
        "Helicone-Session-Id": "s1",
        "Helicone-Session-Name": "Voice",
        "Helicone-Session-Path": "/a/b",
        "Plan": "Gold",
        "city": "Köln",
    }


def test_what_is_recorded_of_headers_is_bounded() -> None:
    many = [f"Helicone-Property-P{n}: v" for n in range(MAX_PROPERTIES + 5)]
    opened = admitted(THEIRS, OURS, f"Helicone-User-Id: {'u' * 3000}", *many).opened
    assert len(opened.user_id) == MAX_VALUE_CHARS
    assert len(opened.properties) == MAX_PROPERTIES


def test_a_retired_model_is_mapped_where_everyone_can_see_it() -> None:
    verdict = admitted(THEIRS, OURS, target="/v1/realtime?model=old", successors={"old": "new"})
    assert (verdict.opened.model_asked, verdict.opened.model_used) == ("old", "new")
    assert verdict.plan.url == "wss://api.openai.com/v1/realtime?model=new"
    (note,) = verdict.notes
    assert isinstance(note, Note)
    assert (note.kind, note.data["asked"], note.data["used"]) == ("model_mapped", "old", "new")


CANARIES = ("sk-canary1", "sk-canary2", "sk-canary3", "sk-canary4", "good")


def test_no_credential_is_in_what_is_recorded() -> None:
    verdict = admitted(
        "Authorization: Bearer sk-canary1",
        OURS,
        "api-key: sk-canary2",
        "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-canary3",
        target="/v1/realtime?model=m&api-key=sk-canary4&unknown=sk-canary4",
    )
    recorded = repr((verdict.opened, verdict.notes)).replace("id_good", "").replace("'good'", "")
    assert not [canary for canary in CANARIES if canary in recorded]
    assert verdict.opened.provider_url == "wss://api.openai.com/v1/realtime?model=m&unknown=…"


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ((f"traceparent: {TRACE}",), ""),
        ((), f"&traceparent={TRACE}"),
        ((f"Traceparent: {TRACE}",), "&traceparent=nonsense"),
    ],
)
def test_a_callers_trace_is_recorded(headers: tuple[str, ...], more: str) -> None:
    target = f"/v1/realtime?model=gpt-realtime{more}"
    verdict = admitted(OURS, THEIRS, *headers, target=target)
    assert verdict.opened.traceparent == TRACE
    assert "traceparent" not in verdict.plan.url
    passed = [value for name, value in verdict.plan.headers if name.lower() == "traceparent"]
    assert passed == [TRACE for _ in headers]
    assert not any(note.kind == "bad_traceparent" for note in verdict.notes)


@pytest.mark.parametrize("said", ["sk-canary-in-the-wrong-place", TRACE.upper(), "00"])
def test_what_is_no_trace_is_noted_and_not_kept(said: str) -> None:
    verdict = admitted(OURS, THEIRS, f"traceparent: {said}")
    assert verdict.opened.traceparent == ""
    assert Note(kind="bad_traceparent") in verdict.notes
    assert said not in str((verdict.opened, verdict.notes))
