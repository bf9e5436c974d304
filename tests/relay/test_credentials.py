"""The gateway's key by every way; and what is left for the provider."""

from __future__ import annotations

import pytest

from trunkline.relay.credentials import Identity, Unidentified, identify
from trunkline.relay.head import parse_head
from trunkline.relay.paths import route
from trunkline.settings import KEY_WAYS, KeyWay
from trunkline.snapshot import Key, sha256_of_key

OURS = "sk-trunkline-good"
IMPORTED = "sk-helicone-aaaaaaa-bbbbbbb-ccccccc-ddddddd"
KEYS = {
    sha256_of_key(text): Key(key_id=text, org_id="o", name="", sha256=sha256_of_key(text))
    for text in (OURS, IMPORTED)
}


def asked(
    *headers: str,
    target: str = "/v1/realtime?model=m",
    ways: tuple[KeyWay, ...] = KEY_WAYS,
) -> Identity:
    head = parse_head("\r\n".join((f"GET {target} HTTP/1.1", "Host: h", *headers)).encode())
    there = route(head.path)
    assert there is not None
    return identify(head, there, KEYS, ways)


WAYS: dict[str, tuple[KeyWay | None, tuple[str, ...], str]] = {
    "our own header": (None, (f"Helicone-Auth: Bearer {OURS}",), "/v1/realtime?model=m"),
    "after a comma": (None, (f"Authorization: Bearer sk-1, Bearer {OURS}",), "/realtime?model=m"),
    "as Authorization": ("authorization", (f"Authorization: Bearer {OURS}",), "/realtime?model=m"),
    "as api-key": ("authorization", (f"api-key: {OURS}",), "/openai/v1/realtime?model=m"),
    "in the path": ("path", (), f"/k/{OURS}/v1/realtime?model=m"),
    "in the query": ("query", (), f"/v1/realtime?model=m&helicone-auth={OURS}"),
    "in the query, with Bearer": (
        "query",
        (),
        f"/v1/realtime?model=m&Helicone-Auth=Bearer%20{OURS}",
    ),
    "in the query, where Azure's key would be": (
        "query",
        (),
        f"/openai/realtime?deployment=d&api-key={OURS}",
    ),
    "as a subprotocol": (
        "subprotocol",
        (f"Sec-WebSocket-Protocol: realtime, helicone-auth.{OURS}",),
        "/v1/realtime?model=m",
    ),
    "as the SDKs' subprotocol": (
        "subprotocol",
        (f"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{OURS}",),
        "/v1/realtime?model=m",
    ),
    "an imported key": ("authorization", (f"Authorization: Bearer {IMPORTED}",), "/v1/realtime"),
}


@pytest.mark.parametrize(("_way", "headers", "target"), WAYS.values(), ids=WAYS.keys())
def test_each_way_identifies(_way: str, headers: tuple[str, ...], target: str) -> None:
    who = asked(*headers, target=target)
    assert who.key.key_id in (OURS, IMPORTED)


@pytest.mark.parametrize(("_way", "headers", "target"), WAYS.values(), ids=WAYS.keys())
def test_the_key_is_not_in_what_goes_on(_way: str, headers: tuple[str, ...], target: str) -> None:
    ask = asked(*headers, target=target).ask
    assert not [key for key in (OURS, IMPORTED) if ask.bare_key == key]
    assert ask.headers.get("authorization", "") in ("", "Bearer sk-1")
    assert not [protocol for protocol in ask.protocols if "sk-" in protocol]


@pytest.mark.parametrize(("way", "headers", "target"), WAYS.values(), ids=WAYS.keys())
def test_each_way_but_the_header_can_be_switched_off(
    way: KeyWay | None, headers: tuple[str, ...], target: str
) -> None:
    ways = tuple(one for one in KEY_WAYS if one != way)
    if way is None:
        assert asked(*headers, target=target, ways=()).key
        return
    with pytest.raises(Unidentified) as caught:
        asked(*headers, target=target, ways=ways)
    assert (caught.value.refusal.status, caught.value.refusal.code) == (401, "key_way_off")
    assert OURS not in caught.value.refusal.message


def test_a_providers_credential_beside_ours_is_kept() -> None:
    theirs = "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-1"
    assert asked(theirs, target=f"/k/{OURS}/v1/realtime").ask.bare_key == "sk-1"
    assert asked(f"{theirs}, helicone-auth.{OURS}").ask.bare_key == "sk-1"
    assert asked("api-key: k", target=f"/v1/realtime?helicone-auth={OURS}").ask.bare_key == "k"


def test_ours_in_the_providers_place_is_no_credential_even_beside_our_header() -> None:
    who = asked(f"Authorization: Bearer {OURS}", f"Helicone-Auth: Bearer {OURS}", "api-key: k")
    assert who.ask.has_credential
    assert who.ask.headers.get("authorization") is None


def test_a_key_of_our_making_that_nobody_knows_never_travels() -> None:
    for header in ("Authorization: Bearer sk-trunkline-other", "api-key: sk-trunkline-other"):
        with pytest.raises(Unidentified) as caught:
            asked(header)
        assert caught.value.refusal.code == "invalid_key"
        assert not asked(header, f"Helicone-Auth: Bearer {OURS}").ask.has_credential


def test_two_different_keys_are_refused() -> None:
    with pytest.raises(Unidentified) as caught:
        asked(f"Helicone-Auth: Bearer {IMPORTED}", target=f"/k/{OURS}/v1/realtime")
    assert caught.value.refusal.code == "ambiguous_key"
    assert asked(f"Helicone-Auth: Bearer {OURS}", target=f"/k/{OURS}/v1/realtime").key


def test_the_provider_may_be_named_in_a_header_or_in_the_path() -> None:
    ours = f"Helicone-Auth: Bearer {OURS}"
    assert asked(ours, "Trunkline-Provider: my-xai").provider == "my-xai"
    assert asked(ours, target="/p/my-xai/v1/realtime").provider == "my-xai"
    assert asked(ours).provider == ""
