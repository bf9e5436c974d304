"""Where each provider is dialled, with which headers, in which dialect."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trunkline.protocol.profiles import planning
from trunkline.protocol.profiles.ask import AZURE_GA, LIVE, TRANSLATIONS, Ask, Refused
from trunkline.protocol.profiles.choosing import choose
from trunkline.protocol.profiles.planning import Plan, is_simulated
from trunkline.settings import Settings

JWT = "eyJhbGciOi.eyJzdWIi.c2ln-_0"
SIMULATED = {"simulator": True, "simulator_url": "ws://127.0.0.1:9"}


def asked(query: str, protocols: str = "", **headers: str) -> Ask:
    pieces = [piece.partition("=") for piece in query.split("&") if piece]
    return Ask(
        query=tuple((name, value, f"{name}{sign}{value}") for name, sign, value in pieces),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        protocols=tuple(protocols.split()),
    )


def plan(ask: Ask, settings: Settings) -> Plan:
    choice = choose(ask, "", (), simulated=is_simulated(ask, settings))
    return planning.plan(ask, choice, "", settings)


def planned(query: str, protocols: str = "", settings: Any = None, **headers: str) -> Plan:
    if not ({"authorization", "api_key"} & headers.keys() or protocols or "api-key" in query):
        headers["authorization"] = "Bearer sk-1"
    return plan(asked(query, protocols, **headers), Settings(**(settings or {})))


URLS = {
    "OpenAI": ("model=m", "wss://api.openai.com/v1/realtime?model=m"),
    "OpenAI, other parameters stay": (
        "model=m&intent=realtime&x=%20y",
        "wss://api.openai.com/v1/realtime?model=m&intent=realtime&x=%20y",
    ),
    "a call's sideband": ("call_id=rtc_1", "wss://api.openai.com/v1/realtime?call_id=rtc_1"),
    "transcription": (
        "intent=transcription",
        "wss://api.openai.com/v1/realtime?intent=transcription",
    ),
    "transcription, a model beside it would be refused": (
        "intent=transcription&model=whisper-1",
        "wss://api.openai.com/v1/realtime?intent=transcription",
    ),
    "credentials in the query do not travel": (
        "model=m&api-key=sk-1&token=t",
        "wss://api.openai.com/v1/realtime?model=m",
    ),
    "Azure": (
        "resource=my-res&deployment=dep",
        "wss://my-res.openai.azure.com/openai/v1/realtime?model=dep",
    ),
    "Azure, odd deployment": (
        "resource=my-res&deployment=a&b=c".replace("a&b", "a %2Fb&model"),
        "wss://my-res.openai.azure.com/openai/v1/realtime?model=a%20%252Fb",
    ),
    "Azure preview": (
        "resource=my-res&deployment=dep&api-version=2025-04-01-preview",
        "wss://my-res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=dep",
    ),
    "Azure, a version that means GA": (
        "resource=my-res&deployment=dep&api-version=v1",
        "wss://my-res.openai.azure.com/openai/v1/realtime?model=dep",
    ),
}


PATHS = {
    "translations": (
        TRANSLATIONS,
        "model=t",
        "wss://api.openai.com/v1/realtime/translations?model=t",
    ),
    "GPT-Live": (LIVE, "", "wss://api.openai.com/v1/live/sessions"),
    "GPT-Live, a sideband": (
        f"{LIVE}/live_1/attach",
        "",
        "wss://api.openai.com/v1/live/sessions/live_1/attach",
    ),
    "Azure's translations": (
        TRANSLATIONS,
        "resource=rr&model=t",
        "wss://rr.openai.azure.com/openai/v1/realtime/translations?model=t",
    ),
    "Azure's GPT-Live": (
        LIVE,
        "resource=rr",
        "wss://rr.openai.azure.com/openai/v1/live/sessions",
    ),
    "Azure's transcription": (
        AZURE_GA,
        "resource=rr&intent=transcription",
        "wss://rr.openai.azure.com/openai/v1/realtime?intent=transcription",
    ),
    "Azure's path of GA takes no version": (
        AZURE_GA,
        "resource=rr&model=d&api-version=2025-04-01-preview",
        "wss://rr.openai.azure.com/openai/v1/realtime?model=d",
    ),
}


@pytest.mark.parametrize(("path", "query", "url"), PATHS.values(), ids=PATHS.keys())
def test_each_path_has_its_own_address(path: str, query: str, url: str) -> None:
    ask = msgspec.structs.replace(asked(query, authorization="Bearer k"), path=path)
    assert plan(ask, Settings()).url == url


@pytest.mark.parametrize(("query", "url"), URLS.values(), ids=URLS.keys())
def test_each_provider_is_dialled_at_its_address(query: str, url: str) -> None:
    assert planned(query).url == url


def test_the_addresses_are_settings() -> None:
    settings = {"openai_url": "ws://127.0.0.1:1/x", "azure_url": "ws://127.0.0.1:2"}
    assert planned("model=m", settings=settings).url == "ws://127.0.0.1:1/x?model=m"
    url = planned("resource=my-res&deployment=d", settings=settings).url
    assert url == "ws://127.0.0.1:2/openai/v1/realtime?model=d"


SIMULATIONS = {
    "everything": ("model=m", SIMULATED, "simulator", "ws://127.0.0.1:9/v1/realtime?model=m"),
    "Azure too, on Azure's path": (
        "resource=my-res&deployment=d",
        SIMULATED,
        "simulator",
        "ws://127.0.0.1:9/openai/v1/realtime?model=d",
    ),
    "the model of that name": (
        "model=simulator",
        {"simulator_url": "ws://127.0.0.1:9"},
        "simulator",
        "ws://127.0.0.1:9/v1/realtime?model=simulator",
    ),
    "no other": (
        "model=m",
        {"simulator_url": "ws://127.0.0.1:9"},
        "openai",
        "wss://api.openai.com/v1/realtime?model=m",
    ),
}


@pytest.mark.parametrize(
    ("query", "settings", "profile", "url"), SIMULATIONS.values(), ids=SIMULATIONS.keys()
)
def test_what_goes_to_the_simulator(query: str, settings: Any, profile: str, url: str) -> None:
    made = planned(query, settings=settings)
    assert (made.profile, made.url) == (profile, url)


def test_the_simulator_asks_for_no_account() -> None:
    made = plan(asked("model=m"), Settings(**SIMULATED))
    assert made.headers == (("Authorization", "Bearer simulator"),)
    made = plan(asked("resource=my-res&deployment=d"), Settings(**SIMULATED))
    assert made.headers == (("api-key", "simulator"),)


RESOURCES = (
    "a",
    "-ab",
    "a.b",
    "a_b",
    "a/b",
    "a@b",
    "a#b",
    "10.0.0.5:8443/",
    "[::1]",
    "a" * 64,
    "ab\n",
    "é1",
    "127.0.0.1",
    "ab%2f",
    "ab\\c",
    "ab.",
    "localhost:1",
    "ab?x",
)


@pytest.mark.parametrize("resource", RESOURCES)
def test_nothing_but_a_name_gets_into_the_host(resource: str) -> None:
    with pytest.raises(Refused) as caught:
        plan(
            Ask(
                query=(("resource", resource, ""), ("deployment", "d", "")),
                headers={"api-key": "k"},
            ),
            Settings(),
        )
    assert caught.value.status == 400


CREDENTIALS = {
    "OpenAI, as sent": (
        "model=m",
        "",
        {"authorization": "Bearer sk-1"},
        ("Authorization", "Bearer sk-1"),
    ),
    "OpenAI, an ephemeral key": (
        "model=m",
        "",
        {"authorization": "Bearer ek_1"},
        ("Authorization", "Bearer ek_1"),
    ),
    "OpenAI, from a browser": (
        "model=m",
        "realtime openai-insecure-api-key.sk-1",
        {},
        ("Authorization", "Bearer sk-1"),
    ),
    "OpenAI, in api-key": ("model=m", "", {"api_key": "sk-1"}, ("Authorization", "Bearer sk-1")),
    "Azure, in api-key": ("resource=rr&deployment=d", "", {"api_key": "k"}, ("api-key", "k")),
    "Azure, a key as Bearer": (
        "resource=rr&deployment=d",
        "",
        {"authorization": "Bearer k"},
        ("api-key", "k"),
    ),
    "Azure, an Entra token": (
        "resource=rr&deployment=d",
        "",
        {"authorization": f"Bearer {JWT}"},
        ("Authorization", f"Bearer {JWT}"),
    ),
    "Azure, an Entra token wins": (
        "resource=rr&deployment=d",
        "",
        {"authorization": f"Bearer {JWT}", "api_key": "k"},
        ("Authorization", f"Bearer {JWT}"),
    ),
    "Azure, both the same": (
        "resource=rr&deployment=d",
        "",
        {"authorization": "Bearer k", "api_key": "k"},
        ("api-key", "k"),
    ),
    "Azure, from a browser": (
        "resource=rr&deployment=d",
        "realtime openai-insecure-api-key.k",
        {},
        ("api-key", "k"),
    ),
    "Azure, in the query": ("resource=rr&deployment=d&api-key=k", "", {}, ("api-key", "k")),
}


@pytest.mark.parametrize(
    ("query", "protocols", "headers", "expected"), CREDENTIALS.values(), ids=CREDENTIALS.keys()
)
def test_the_credential_goes_up_as_its_provider_wants_it(
    query: str, protocols: str, headers: dict[str, str], expected: tuple[str, str]
) -> None:
    assert planned(query, protocols, **headers).headers == (expected,)


@pytest.mark.parametrize("query", ["model=m", "resource=rr&deployment=d"])
def test_a_missing_credential_is_said_to_be_the_providers(query: str) -> None:
    with pytest.raises(Refused, match="provider's own key") as caught:
        plan(asked(query), Settings())
    assert caught.value.status == 401


def test_headers_that_travel_and_headers_that_do_not() -> None:
    made = planned(
        "model=m",
        authorization="Bearer sk-1",
        openai_organization="o",
        openai_project="p",
        openai_safety_identifier="s",
        user_agent="ua",
        traceparent="t",
        helicone_auth="Bearer x",
        helicone_session_id="s",
        cookie="c",
        origin="http://x",
        openai_beta="realtime=v1",
        x_forwarded_for="1.2.3.4",
        host="h",
    )
    assert dict(made.headers) == {
        "Authorization": "Bearer sk-1",
        "OpenAI-Organization": "o",
        "OpenAI-Project": "p",
        "OpenAI-Safety-Identifier": "s",
        "User-Agent": "ua",
        "traceparent": "t",
    }


def test_a_browsers_organisation_and_project_become_headers() -> None:
    made = planned(
        "model=m", "realtime openai-insecure-api-key.k openai-organization.o openai-project.p"
    )
    assert dict(made.headers) == {
        "Authorization": "Bearer k",
        "OpenAI-Organization": "o",
        "OpenAI-Project": "p",
    }


DIALECTS = {
    "GA": ("model=m", "", {}, "ga", "ga"),
    "beta by header": ("model=m", "", {"openai_beta": "realtime=v1"}, "beta", "ga"),
    "beta by one of several headers": (
        "model=m",
        "",
        {"openai_beta": "x, realtime=v1"},
        "beta",
        "ga",
    ),
    "another beta": ("model=m", "", {"openai_beta": "assistants=v2"}, "ga", "ga"),
    "beta by subprotocol": (
        "model=m",
        "realtime openai-insecure-api-key.k openai-beta.realtime-v1",
        {},
        "beta",
        "ga",
    ),
    "beta on Azure's GA path": (
        "resource=rr&deployment=d",
        "",
        {"openai_beta": "realtime=v1"},
        "beta",
        "ga",
    ),
    "Azure preview": (
        "resource=rr&deployment=d&api-version=2024-10-01-preview",
        "",
        {},
        "beta",
        "beta",
    ),
}


@pytest.mark.parametrize(
    ("query", "protocols", "headers", "caller", "provider"), DIALECTS.values(), ids=DIALECTS.keys()
)
def test_which_dialect_each_side_speaks(
    query: str, protocols: str, headers: dict[str, str], caller: str, provider: str
) -> None:
    made = planned(query, protocols, **headers)
    assert (made.caller_dialect, made.provider_dialect) == (caller, provider)


def test_the_beta_header_goes_only_to_who_speaks_beta() -> None:
    preview = "resource=rr&deployment=d&api-version=2024-10-01-preview"
    assert ("OpenAI-Beta", "realtime=v1") in planned(preview, openai_beta="realtime=v1").headers
    for query in ("model=m", "resource=rr&deployment=d"):
        assert "OpenAI-Beta" not in dict(planned(query, openai_beta="realtime=v1").headers)


def test_a_beta_that_we_do_not_know_is_the_providers_to_judge() -> None:
    headers = dict(planned("model=m", openai_beta="realtime=v1, realtime=v2").headers)
    assert headers["OpenAI-Beta"] == "realtime=v2"


def test_a_mapped_model_is_dialled_and_the_asked_one_remembered() -> None:
    made = planned("x=1&model=old", settings={"successors": {"old": "new"}})
    assert (made.model_asked, made.model_used) == ("old", "new")
    assert made.url.endswith("?x=1&model=new")


def test_without_a_simulator_its_model_is_refused_with_what_to_do() -> None:
    with pytest.raises(Refused, match="simulator_url") as caught:
        planned("model=simulator")
    assert caught.value.status == 503


def test_nothing_to_dial_is_refused_with_what_to_add() -> None:
    with pytest.raises(Refused, match=r"\?model=.*deployment"):
        planned("intent=realtime")


def test_a_deployment_is_asked_for() -> None:
    with pytest.raises(Refused, match="deployment"):
        planned("resource=my-res")


def test_a_parameter_is_given_once() -> None:
    with pytest.raises(Refused, match="once"):
        planned("model=a&model=b")
    with pytest.raises(Refused, match="plain text"):
        plan(Ask(query=(("model", "a\nb", "model=a%0Ab"),)), Settings())


SHOWN = {
    "nothing to hide": ("model=m&intent=realtime", "?model=m&intent=realtime"),
    "what is not known": ("model=m&session=abc", "?model=m&session=…"),
}


@pytest.mark.parametrize(("query", "shown"), SHOWN.values(), ids=SHOWN.keys())
def test_of_the_address_only_what_is_known_is_shown(query: str, shown: str) -> None:
    assert planned(query).shown_url == "wss://api.openai.com/v1/realtime" + shown


def test_an_address_without_a_query_is_shown_as_it_is() -> None:
    assert planned("intent=transcription&token=t").shown_url.endswith("?intent=transcription")
    made = planned("model=m")
    assert not msgspec.structs.replace(made, url="wss://h/p").shown_url.endswith("?")
