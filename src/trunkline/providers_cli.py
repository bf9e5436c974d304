"""The command `trunkline providers`: those that calls may use without bringing a credential."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trunkline.errors import OperatorError
from trunkline.settings import load

providers = typer.Typer(
    help="Stored providers: a gateway key alone is then enough for a call.", no_args_is_help=True
)

Data = Annotated[Path | None, typer.Option(help="Directory of stores and journal.", readable=False)]
ProviderId = Annotated[str, typer.Argument(help="From `trunkline providers list`.")]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="A model that goes there, * for any letters; may be repeated."),
]


@providers.command("add")
def add(
    name: Annotated[str, typer.Option(help="By which callers choose it.")],
    profile: Annotated[str, typer.Option(help="What it is: see `trunkline providers profiles`.")],
    url: Annotated[str, typer.Option(help="In place of the profile's own.")] = "",
    resource: Annotated[str, typer.Option(help="Of Azure: the resource's name.")] = "",
    model: Models = None,
    data: Data = None,
) -> None:
    """Store a provider; its credential is read from standard input. Prints its id."""
    from trunkline import wiring
    from trunkline.store.control.providers import NewProvider

    new = NewProvider(
        name=name,
        profile=profile,
        credential=from_input("Credential"),
        url=url,
        resource=resource,
        models=tuple(model or ()),
    )
    made = wiring.asked(
        load({"data": data}), lambda control, org_id: control.providers.add(org_id, new)
    )
    sys.stdout.write(f"{made.id}\n")


@providers.command("list")
def list_(data: Data = None) -> None:
    """List the stored providers: id, name, profile, the credential's last letters, models."""
    from trunkline import wiring

    found = wiring.asked(load({"data": data}), lambda control, org_id: control.providers.of(org_id))
    for one in found:
        where = one.url or one.resource
        about = (one.profile, one.hint or "no credential", where, ", ".join(one.models))
        sys.stdout.write("  ".join((one.id, one.name, *filter(None, about))) + "\n")


@providers.command("replace")
def replace(provider_id: ProviderId, data: Data = None) -> None:
    """Give a stored provider another credential, read from standard input."""
    from trunkline import wiring

    credential = from_input("Credential")
    changed = wiring.asked(
        load({"data": data}),
        lambda control, org_id: control.providers.replace(org_id, provider_id, credential),
    )
    _must_be(changed, provider_id)


@providers.command("models")
def models(provider_id: ProviderId, model: Models = None, data: Data = None) -> None:
    """Say which models go to a stored provider; none: those that its profile knows."""
    from trunkline import wiring

    changed = wiring.asked(
        load({"data": data}),
        lambda control, org_id: control.providers.choose_models(org_id, provider_id, model or []),
    )
    _must_be(changed, provider_id)


@providers.command("delete")
def delete(provider_id: ProviderId, data: Data = None) -> None:
    """Forget a stored provider and its credential. Live calls go on."""
    from trunkline import wiring

    deleted = wiring.asked(
        load({"data": data}), lambda control, org_id: control.providers.delete(org_id, provider_id)
    )
    _must_be(deleted, provider_id)


@providers.command("profiles")
def profiles() -> None:
    """List what a provider can be."""
    from trunkline.protocol.profiles.catalogue import PROFILES

    for profile in PROFILES.values():
        where = profile.url or "wherever you run it: --url"
        sys.stdout.write(f"{profile.name:<12} {profile.title:<18} {where}\n")


@providers.command("rotate-master-key")
def rotate(data: Data = None) -> None:
    """Seal all credentials anew, under a new master key. Works while everything runs."""
    from trunkline import wiring

    resealed, lost = wiring.asked(
        load({"data": data}), lambda control, _: control.master_key.rotate()
    )
    if lost:
        raise OperatorError(
            f"{resealed} credentials are sealed anew, but no master key here opens those of"
            f" {', '.join(lost)}: store them again, or bring back the key"
        )
    sys.stdout.write(f"{resealed} credentials are sealed under the new master key\n")


def from_input(what: str) -> str:
    """Return what is on standard input: on a command line others of this machine could read it."""
    if sys.stdin.isatty():
        return typer.prompt(what, hide_input=True, default="", show_default=False, err=True)
    return sys.stdin.read().strip()


def _must_be(found: object, provider_id: str) -> None:
    if not found:
        raise OperatorError(f"no stored provider {provider_id}; see `trunkline providers list`")
