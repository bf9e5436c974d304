"""The command `trunkline`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from trunkline import __version__
from trunkline.errors import told_in_a_line
from trunkline.keys_cli import keys
from trunkline.orders import Given
from trunkline.providers_cli import providers
from trunkline.settings import Settings, load
from trunkline.webhooks_cli import webhooks

app = typer.Typer(
    name="trunkline",
    help="Carries, records and shows realtime voice calls.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(keys, name="keys")
app.add_typer(providers, name="providers")
app.add_typer(webhooks, name="webhooks")

# Whether it can be read is ours to say, in one line, with what to do.
Data = Annotated[Path | None, typer.Option(help="Directory of stores and journal.", readable=False)]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on.")]
Certificate = Annotated[Path | None, typer.Option(help="PEM certificate: speak TLS.")]
ListenFd = Annotated[int | None, typer.Option(hidden=True)]
PrivateKey = Annotated[Path | None, typer.Option(help="PEM private key of the certificate.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, this process's own or another, and exit.

    An operator's mistake is one line and exit 2.
    """
    with told_in_a_line():
        app(arguments, standalone_mode=True)


def _settings(**overrides: Any) -> Settings:
    return load(overrides)


@app.command()
def up(
    host: Host = None,
    port: Port = None,
    data: Data = None,
    workers: Annotated[int | None, typer.Option(help="Gateway processes.")] = None,
    simulator: Annotated[
        bool | None, typer.Option(help="Answer every call with the simulator.")
    ] = None,
    tls_cert: Certificate = None,
    tls_key: PrivateKey = None,
) -> None:
    """Start gateway, API and dashboard on one port of this machine."""
    from trunkline import wiring
    from trunkline.up import up as everything

    def read() -> Settings:
        return load(
            {
                "host": host,
                "port": port,
                "data": data,
                "workers": workers,
                "simulator": simulator,
                "tls_cert": tls_cert,
                "tls_key": tls_key,
            }
        )

    wiring.run(everything(read(), read))


@app.command("reload")
def reload_(data: Data = None) -> None:
    """Have the running `up` take over changed settings and a new release; no call is dropped."""
    from trunkline import reload

    reload.reload(_settings(data=data).data)


@app.command()
def gateway(
    name: Annotated[str, typer.Option(help="Names this worker, and its journal.")] = "gateway",
    host: Host = None,
    port: Port = None,
    data: Data = None,
    server_socket: Annotated[
        Path | None, typer.Option(help="Unix socket of the server, for all that is not a call.")
    ] = None,
    tls_cert: Certificate = None,
    tls_key: PrivateKey = None,
    listen_fd: ListenFd = None,
) -> None:
    """Run one gateway process: callers in, providers out, journal beside."""
    from trunkline import wiring

    settings = _settings(host=host, port=port, data=data, tls_cert=tls_cert, tls_key=tls_key)
    wiring.gateway(settings, name, server_socket, Given(listen_fd=listen_fd))


@app.command()
def server(
    data: Data = None,
    socket: Annotated[Path | None, typer.Option(help="Unix socket to listen on.")] = None,
) -> None:
    """Run recorder, API and dashboard: the single owner of the embedded facts engine."""
    from trunkline import wiring

    wiring.run(wiring.server(_settings(data=data), socket, Given()))


@app.command()
def simulator(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks one.")] = 8787,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    switches: Annotated[
        str | None, typer.Option(help="name:value,name:value; see docs/reference/simulator.md.")
    ] = None,
    speech: Annotated[
        Path | None, typer.Option(help="Directory of recordings whose words it knows.")
    ] = None,
) -> None:
    """Run a realtime provider here: for demos, tests and development without an account."""
    from trunkline import wiring

    settings = _settings(simulator_switches=switches, simulator_speech=speech)
    wiring.run(wiring.simulator(settings, host, port, Given()))


@app.command()
def reindex(data: Data = None) -> None:
    """Rebuild the facts from archives and journals. The server must not run."""
    from trunkline import wiring

    sys.stdout.write(wiring.run(wiring.reindex(_settings(data=data))) + "\n")


@app.command()
def backup(
    directory: Annotated[
        Path, typer.Argument(help="New, empty, or an earlier backup.", readable=False)
    ],
    data: Data = None,
) -> None:
    """Copy the data directory, while everything runs. See docs/how-to/back-up.md."""
    from trunkline import backup as copying
    from trunkline.clock import wall_ns

    done = copying.back_up(_settings(data=data), directory, wall_ns())
    left_out = [name for name in ("accounts", "blobs") if not getattr(done, name)]
    sys.stdout.write(
        f"backup of {done.at}: {done.calls} sealed calls, {done.copied_files} files copied,"
        f" {done.copied_bytes} bytes{'; without ' + ', '.join(left_out) if left_out else ''}\n"
    )


@app.command("try")
def try_call(
    key: Annotated[str, typer.Option(help="A key that may open calls.", envvar="HELICONE_API_KEY")],
    url: Annotated[
        str, typer.Option(help="Address of a running Trunkline.")
    ] = "http://127.0.0.1:8585",
    model: Annotated[str, typer.Option(help="Model to ask for.")] = "gpt-realtime-2.1",
) -> None:
    """Speak one sentence through the gateway, and say where the call can be seen."""
    from trunkline import trial, wiring

    wiring.run(trial.speak(url, key, model, sys.stdout.write))


@app.command()
def doctor(data: Data = None) -> None:
    """Say what is configured, what is reachable, and what is wrong. Secrets stay hidden."""
    from trunkline import doctor as examination

    findings = asyncio.run(examination.examine(_settings(data=data)))
    for finding in findings:
        sys.stdout.write(f"{finding.verdict:<5} {finding.text}\n")
    if any(finding.verdict == "FAIL" for finding in findings):
        raise SystemExit(1)


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"trunkline {__version__}\n")
