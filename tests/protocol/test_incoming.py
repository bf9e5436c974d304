"""What a webhook says of a call that rings, and where one may be forwarded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.webhooks import (
    LiveTransportIncomingWebhookEvent,
    RealtimeCallIncomingWebhookEvent,
)

from trunkline.protocol import forwarding, incoming
from trunkline.protocol.incoming import Announced, SipHeader, announced, ends, without_numbers
from trunkline.protocol.profiles.stored import BadDetail

HEADERS = [
    {"name": "From", "value": '"Ada" <sip:+1555010@example.com;user=phone>;tag=9'},
    {"name": "To", "value": "tel:+1555020;phone-context=x"},
    {"name": "X-Note", "value": "a"},
]


def event(type_: str, **data: object) -> bytes:
    whole = {"id": "evt_1", "created_at": 1, "object": "event", "type": type_, "data": data}
    return json.dumps(whole).encode()


REALTIME = event("realtime.call.incoming", call_id="rtc_1", sip_headers=HEADERS)
LIVE = event(
    "live.transport.incoming", session_id="live_1", type="sip", sip_headers=HEADERS,
    sip_media_security="srtp",
)  # fmt: skip


def test_both_announcements_are_read_as_the_official_sdk_types_them() -> None:
    RealtimeCallIncomingWebhookEvent.model_validate_json(REALTIME)
    LiveTransportIncomingWebhookEvent.model_validate_json(LIVE)
    first, second = announced(REALTIME), announced(LIVE)
    assert first is not None and second is not None  # noqa: PT018 one thing: both are read
    assert (first.provider_call, first.api, first.media_security) == ("rtc_1", "realtime", "")
    assert (second.provider_call, second.api, second.media_security) == ("live_1", "live", "srtp")
    assert ends(first) == {
        "Sip-From": "sip:+1555010@example.com;user=phone", "Sip-To": "tel:+1555020",
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[]", b"\xff", b"[" * 100_000, event("batch.completed", id="batch_1"),
        event("realtime.call.incoming"), event("realtime.call.incoming", call_id="../x"),
        event("realtime.call.incoming", call_id=7), event("realtime.call.incoming", call_id=""),
    ],
)  # fmt: skip
def test_anything_else_announces_nothing(body: bytes) -> None:
    assert announced(body) is None


@given(st.binary())
def test_damage_announces_nothing_worse(junk: bytes) -> None:
    for at in range(0, len(REALTIME), 37):
        announced(REALTIME[:at] + junk + REALTIME[at:])


def test_what_is_kept_is_bounded() -> None:
    many = [{"name": "X" * 5_000, "value": "y" * 5_000}] * 500
    call = announced(event("realtime.call.incoming", call_id="rtc_1", sip_headers=many))
    assert call is not None
    assert len(call.headers) == incoming.MAX_HEADERS
    assert {(len(one.name), len(one.value)) for one in call.headers} == {(1_024, 1_024)}


def test_numbers_are_hidden_but_for_their_last_letters() -> None:
    call = announced(REALTIME)
    assert call is not None
    hidden = without_numbers(call)
    assert ends(hidden) == {"Sip-From": "…10", "Sip-To": "…20"}
    assert [one.name for one in hidden.headers] == ["From", "To", "X-Note"]
    assert "555" not in str(hidden)
    short = Announced(
        provider_call="rtc_1", api="realtime", headers=(SipHeader("From", "sip:911@x"),)
    )
    assert ends(without_numbers(short)) == {"Sip-From": "…"}


PUBLIC = ("93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34")
INWARD = (
    "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1",
    "ff02::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:4136:e378::1",
    "localhost", "",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_public_internet(address: str) -> None:
    assert forwarding.is_public(address)


@pytest.mark.parametrize("address", INWARD)
def test_addresses_that_are_not(address: str) -> None:
    assert not forwarding.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example/", "https://localhost/", "https://LOCALHOST./", "https://a.localhost/",
        "https://127.0.0.1/", "https://127.1/", "https://0x7f.0.0.1/", "https://2130706433/",
        "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://db.internal/", "https://nas.local/",
        "https://intranet/", "https://u@app.example/", "https://app.example/#x",
        "https://app.example\\@evil/", "https://app.example:0/", "https://app.example/a b",
        "https://app.example/\r\nX: y", "ws://app.example/", "//app.example/", "",
        "https://app.example/" + "a" * 2_048, "https://[::1", "https://app.example:x/",
    ],
)  # fmt: skip
def test_what_others_than_the_operator_may_not_name(url: str) -> None:
    with pytest.raises(BadDetail):
        forwarding.clean_url(url, anywhere=False)


@pytest.mark.parametrize(
    "url",
    ["https://app.example/hook?a=1&b=2", "https://app.example:8443", "https://93.184.216.34/"],
)
def test_what_anybody_may_name(url: str) -> None:
    assert forwarding.clean_url(f" {url}\n", anywhere=False) == url
