"""Which provider a call goes to, and whose credential opens it."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.protocol.profiles.ask import AZURE_GA, AZURE_PREVIEW, REALTIME, Ask, Refused
from trunkline.protocol.profiles.choosing import Choice, choose
from trunkline.snapshot import Provider

OPENAI = Provider(provider_id="1", org_id="o", name="main", profile="openai", sealed="x")
AZURE = Provider(
    provider_id="2", org_id="o", name="west", profile="azure", resource="west-1", sealed="x"
)
VOICES = Provider(
    provider_id="3", org_id="o", name="voices", profile="openai", models=("voice-*",), sealed="x"
)
OWN = {"authorization": "Bearer sk-1"}


def ask(path: str = REALTIME, *, headers: dict[str, str] | None = None, **query: str) -> Ask:
    pairs = tuple((name.replace("_", "-"), value, "") for name, value in query.items())
    return Ask(path=path, query=pairs, headers=headers or {})


def chosen(
    asked: Ask, *stored: Provider, named: str = "", simulated: bool = False
) -> tuple[str, str, bool, str]:
    made: Choice = choose(asked, named, stored, simulated=simulated)
    name = made.stored.name if made.stored else ""
    return made.profile.name, name, made.own, made.resource


CHOICES: dict[str, tuple[Ask, tuple[Provider, ...], str, Any]] = {
    "own credential, a model": (ask(model="m", headers=OWN), (), "", ("openai", "", True, "")),
    "own credential, though a stored one fits": (
        ask(model="gpt-x", headers=OWN), (OPENAI,), "", ("openai", "", True, ""),
    ),
    "own credential never follows a model's name": (
        ask(model="voice-1", headers=OWN), (VOICES, AZURE), "", ("openai", "", True, ""),
    ),
    "own credential, Azure in the query": (
        ask(resource="r-1", deployment="d", headers=OWN), (), "", ("azure", "", True, "r-1"),
    ),
    "own credential, Azure's path, resource in a header": (
        ask(AZURE_PREVIEW, deployment="d", headers={**OWN, "trunkline-resource": "r-2"}),
        (), "", ("azure", "", True, "r-2"),
    ),
    "own credential, Azure's path, resource as Helicone has it": (
        ask(
            AZURE_GA, model="d",
            headers={**OWN, "helicone-openai-api-base": "https://r-3.openai.azure.com/"},
        ),
        (), "", ("azure", "", True, "r-3"),
    ),
    "own credential, Azure's path, resource of the stored one": (
        ask(AZURE_GA, model="d", headers=OWN), (OPENAI, AZURE), "",
        ("azure", "west", True, "west-1"),
    ),
    "Azure's key without a path of Azure's": (
        ask(model="d", headers={"api-key": "k"}), (AZURE,), "", ("azure", "west", True, "west-1"),
    ),
    "a key in api-key, where no Azure is known": (
        ask(model="m", headers={"api-key": "k"}), (OPENAI,), "", ("openai", "", True, ""),
    ),
    "own credential at a stored provider by name": (
        ask(model="m", headers=OWN), (VOICES,), "voices", ("openai", "voices", True, ""),
    ),
    "own credential at a profile by name": (
        ask(model="m", headers=OWN), (), "openai", ("openai", "", True, ""),
    ),
    "stored, the model is named": (
        ask(model="voice-1"), (OPENAI, AZURE, VOICES), "", ("openai", "voices", False, ""),
    ),
    "stored, the profile knows the model": (
        ask(model="gpt-realtime"), (OPENAI, AZURE, VOICES), "", ("openai", "main", False, ""),
    ),
    "stored, the one that takes any": (
        ask(model="front-desk"), (OPENAI, AZURE, VOICES), "", ("azure", "west", False, "west-1"),
    ),
    "stored, the only one, without a model": (
        ask(intent="transcription"), (OPENAI,), "", ("openai", "main", False, ""),
    ),
    "stored, the only one, a model that nobody knows": (
        ask(model="ft:new"), (OPENAI,), "", ("openai", "main", False, ""),
    ),
    "stored, by the resource": (
        ask(resource="west-1", deployment="d"), (OPENAI, AZURE), "",
        ("azure", "west", False, "west-1"),
    ),
    "stored, by name": (
        ask(model="gpt-realtime"), (OPENAI, AZURE), "west", ("azure", "west", False, "west-1"),
    ),
    "stored, by the profile's name": (
        ask(model="anything"), (OPENAI, AZURE), "azure", ("azure", "west", False, "west-1"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "stored", "named", "expected"), CHOICES.values(), ids=CHOICES.keys()
)
def test_who_is_chosen(
    asked: Ask, stored: tuple[Provider, ...], named: str, expected: tuple[str, str, bool, str]
) -> None:
    assert chosen(asked, *stored, named=named) == expected


REFUSALS: dict[str, tuple[Ask, tuple[Provider, ...], str, str]] = {
    "an unknown name": (ask(model="m", headers=OWN), (OPENAI,), "nobody", "unknown_provider"),
    "a profile without a credential": (
        ask(model="m"), (), "openai", "missing_provider_credential",
    ),
    "no model that anyone takes": (ask(model="m"), (OPENAI, VOICES), "", "no_provider"),
    "the only one is for others": (ask(model="m"), (VOICES,), "", "no_provider"),
    "two that take it": (
        ask(model="gpt-x"),
        (OPENAI, Provider(provider_id="9", org_id="o", name="spare", profile="openai")),
        "", "ambiguous_provider",
    ),
    "another's resource is not opened with what is stored": (
        ask(resource="west-2", deployment="d"), (AZURE,), "", "no_provider",
    ),
    "a profile of a later release": (
        ask(model="m"), (Provider(provider_id="9", org_id="o", name="new", profile="new"),),
        "new", "unknown_profile",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "stored", "named", "code"), REFUSALS.values(), ids=REFUSALS.keys()
)
def test_who_is_not(asked: Ask, stored: tuple[Provider, ...], named: str, code: str) -> None:
    with pytest.raises(Refused) as caught:
        chosen(asked, *stored, named=named)
    assert caught.value.code == code


def test_a_name_with_another_resource_is_still_the_stored_one() -> None:
    """Its address is what was stored: nothing that a caller says moves its credential."""
    asked = ask(resource="west-2", deployment="d")
    assert chosen(asked, AZURE, named="west") == ("azure", "west", False, "west-1")


def test_a_simulated_call_needs_nothing() -> None:
    assert chosen(ask(model="m"), simulated=True) == ("openai", "", True, "")


@pytest.mark.parametrize(
    "base", ["https://evil.com/.openai.azure.com", "https://x@[", "r-1", "https://openai.azure.com"]
)
def test_a_base_url_that_is_not_azures_names_no_resource(base: str) -> None:
    headers = {**OWN, "helicone-openai-api-base": base}
    assert chosen(ask(AZURE_GA, model="d", headers=headers)) == ("azure", "", True, "")
