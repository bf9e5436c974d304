"""Everything an operator may set: read once at start, and by `trunkline up` at a reload.

From, later wins: `trunkline.toml` (or the file named by `TRUNKLINE_CONFIG`),
`TRUNKLINE_*` variables, the command line. A name that is not below is refused,
so that a misspelt one is not silently without effect.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, cast

import msgspec
from msgspec import Meta

from trunkline.errors import OperatorError

if TYPE_CHECKING:
    from msgspec import inspect

PREFIX = "TRUNKLINE_"
CONFIG_FILE = "trunkline.toml"
SUCCESSORS = {
    "gpt-4o-realtime-preview": "gpt-realtime-2.1",
    "gpt-4o-realtime-preview-2024-10-01": "gpt-realtime-2.1",
    "gpt-4o-realtime-preview-2024-12-17": "gpt-realtime-2.1",
    "gpt-4o-realtime-preview-2025-06-03": "gpt-realtime-2.1",
    "gpt-4o-mini-realtime-preview": "gpt-realtime-2.1-mini",
    "gpt-4o-mini-realtime-preview-2024-12-17": "gpt-realtime-2.1-mini",
}


KeyWay: TypeAlias = Literal["authorization", "path", "query", "subprotocol"]
"""How a caller may give the gateway's key that sends no header `Helicone-Auth`."""
KEY_WAYS: tuple[KeyWay, ...] = ("authorization", "path", "query", "subprotocol")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `trunkline doctor` prints, with its secrets hidden.

    Raises `ValueError` for a URL that cannot be dialled; all else is checked by `load`.
    """

    host: str = "127.0.0.1"
    """Address that the public port listens on."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8585
    """Public port: gateway, API and dashboard. 0 picks a free one."""
    data: Path = Path("data")
    """Directory of the embedded stores and the journal."""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Gateway processes that share the port."""
    compiled: bool = True
    """Use the compiled way of a frame where it was built. Off: every frame goes through Python,
    which costs about twice the CPU and does the same."""
    urgent: bool = True
    """Have frames go before everything else on the machine that waits for a processor, where
    the system allows it (root, `CAP_SYS_NICE`, or a limit of real-time priority of 1)."""
    public_url: str = ""
    """How the outside reaches us, for links and snippets. Default: http(s)://host:port."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    simulator: bool = False
    """Answer every call with the simulator. Off: only the model named `simulator` goes there."""
    simulator_url: str = ""
    """A simulator that runs elsewhere, `ws://host:port`. Default: `up` starts one."""

    simulator_switches: str = ""
    """Habits and faults of the simulator that `up` starts, `name:value,name:value`; see
    docs/reference/simulator.md."""
    simulator_speech: Path | None = None
    """Directory of recordings whose words that simulator knows, for its transcripts."""

    openai_url: str = "wss://api.openai.com/v1/realtime"
    azure_url: str = "wss://{resource}.openai.azure.com"
    """`{resource}` is replaced by the caller's `resource`."""
    provider_ca: Path | None = None
    """Extra certificate authority for provider legs, PEM."""
    successors: dict[str, str] = msgspec.field(default_factory=SUCCESSORS.copy)
    """Retired model names and what to dial in their place. Empty: dial what was asked."""

    master_key: str = ""
    """Seals stored credentials: 32 random bytes in base 64; several, the newest first, with commas
    between them. Default: `master.key` under `data`, made when it is needed."""
    key_ways: tuple[KeyWay, ...] = KEY_WAYS
    """How callers may give the gateway's key besides `Helicone-Auth`: in the provider's place
    (`authorization`), as `/k/<key>` (`path`), as `?helicone-auth=` (`query`), as a WebSocket
    `subprotocol`. Empty: only in the header."""

    connect_timeout_ms: Annotated[int, Meta(ge=1)] = 10_000
    """Dial and handshake of the provider; then 504."""
    head_timeout_ms: Annotated[int, Meta(ge=1)] = 10_000
    """For the caller to send its request head; then 408."""
    max_head_bytes: Annotated[int, Meta(ge=1024)] = 32 * 1024
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 1024 * 1024
    """Of an HTTP request of the Realtime API (client secrets, WebRTC offers); then 413. It has
    `head_timeout_ms` to come; then 408."""
    max_handshakes: Annotated[int, Meta(ge=0)] = 0
    """Connections of one gateway process that are not calls yet; beyond it the oldest is sent
    away, 503. 0: an eighth of the files that it may open, at most 1,024."""
    max_calls: Annotated[int, Meta(ge=0)] = 0
    """Live calls and attempts under way of one gateway process; then 503. 0: as many as the
    files that it may open allow, two for each."""
    max_memory_bytes: Annotated[int, Meta(ge=0)] = 0
    """Resident memory of one gateway process from which on new calls are 503. 0: half of the
    machine's, or of the control group's, shared among `workers`."""
    max_frame_bytes: Annotated[int, Meta(ge=1024)] = 32 * 1024 * 1024
    """A larger frame closes the call, 1009."""
    max_buffer_bytes: Annotated[int, Meta(ge=1024)] = 4 * 1024 * 1024
    """Held for a slow leg before we stop reading the other one; per direction and call."""
    slow_leg_timeout_ms: Annotated[int, Meta(ge=1)] = 30_000
    """A leg that takes nothing for so long while its buffer is full is closed, 1013."""
    max_early_bytes: Annotated[int, Meta(ge=1024)] = 32 * 1024 * 1024
    """Kept of what the caller sends before the provider has answered; then it has to wait."""
    ping_interval_ms: Annotated[int, Meta(ge=1)] = 15_000
    """Silence on a leg after which we ping it."""
    ping_timeout_ms: Annotated[int, Meta(ge=1)] = 10_000
    """Without a pong for so long the leg is lost."""
    drain_timeout_ms: Annotated[int, Meta(ge=0)] = 30_000
    """On SIGTERM live calls may go on for so long; then 1012."""
    retire_timeout_ms: Annotated[int, Meta(ge=0)] = 3_600_000
    """After a reload live calls may go on in the gateways before it for so long; then 1012.
    An hour: no provider lets a call last longer."""

    fsync: Literal["interval", "always", "never"] = "interval"
    """`interval`: at most `fsync_interval_ms` of speech is lost when the machine loses power.
    `always`: nothing, at the cost of one fsync per batch. `never`: what the kernel had not
    written. A killed process loses nothing that was written, in each mode."""
    fsync_interval_ms: Annotated[int, Meta(ge=1)] = 100
    flush_interval_ms: Annotated[int, Meta(ge=1)] = 50
    """At most this much is in memory only: what `kill -9` of a gateway can lose."""

    facts_url: str = ""
    """ClickHouse server, `clickhouse://user:password@host:port/database`. Default: embedded."""
    blobs_url: str = ""
    """Object store, `s3://bucket/prefix`, `gs://…`, `az://…`. Default: under `data`."""
    control_url: str = ""
    """`postgresql+psycopg://…`. Default: SQLite under `data`."""
    facts_max_memory_bytes: Annotated[int, Meta(ge=64 * 1024 * 1024)] = 1024 * 1024 * 1024
    """What the embedded facts engine may use."""
    retention_days: Annotated[int, Meta(ge=0)] = 0
    """Calls older than this are forgotten: facts within hours, archives and recordings when the
    day of the call is that old. 0 keeps them."""
    sealing_processes: Annotated[int, Meta(ge=0, le=64)] = 0
    """Processes that make archives and recordings of finished calls, at low priority; started
    when they are needed. 0: one for each core, 8 at most."""
    min_free_bytes: Annotated[int, Meta(ge=0)] = 256 * 1024 * 1024
    """With less free under `data` the recorder waits, and with less than half of it frames are
    not journalled either: calls go on, and what is left is for the databases."""
    prices: Path | None = None
    """File with JSON in the shape of `protocol/prices.json`, laid over it."""
    metrics_token: str = ""
    """Lets `/metrics` be read from other machines, as `Authorization: Bearer <token>`."""
    sign_up: bool = True
    """Strangers may create an account on the dashboard."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    log_format: Literal["console", "json"] = "console"

    def __post_init__(self) -> None:
        """Check the URLs, and take the last slash off them."""
        for name in _DIALLED:
            url: str = getattr(self, name)
            if url and not url.startswith(("ws://", "wss://")):
                raise ValueError(f"setting {name}: must begin with ws:// or wss://")
            msgspec.structs.force_setattr(self, name, url.rstrip("/"))


NAMES = Settings.__struct_fields__
"""Of all settings, in order."""
_DIALLED = ("openai_url", "azure_url", "simulator_url")
_PLACE = re.compile(r".* - at `\$\.(?P<name>\w+).*`", re.DOTALL)
"""How msgspec says where something is wrong."""


def load(
    overrides: Mapping[str, Any],
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Settings:
    """Return the settings of this process: file, then environment, then `overrides`.

    `overrides` come from the command line; those that are None were not given.

    Raises:
        OperatorError: an unknown name, a bad value, or an unreadable file.
    """
    environ = os.environ if environ is None else environ
    merged: dict[str, Any] = {**_from_file(environ, directory or Path.cwd())}
    merged.update(_from_environment(environ))
    merged.update({name: value for name, value in overrides.items() if value is not None})
    for name in merged:
        if name not in NAMES:
            raise OperatorError(f"{name} is not a setting; see docs/reference/settings.md")
    try:
        return msgspec.convert(merged, Settings, strict=False, dec_hook=_read)
    except msgspec.ValidationError as exc:
        raise OperatorError(_what_is_wrong(exc)) from exc


def dump(settings: Settings) -> bytes:
    """Return `settings` as one line of JSON, passwords in URLs included: for a child's stdin."""
    return msgspec.json.encode(settings, enc_hook=str)


def undump(line: bytes) -> Settings:
    """Return what `dump` made `line` of. Raises `msgspec.DecodeError` for anything else."""
    return msgspec.json.decode(line, type=Settings, dec_hook=_read)


def _read(type_: type[Any], value: Any) -> Any:
    if type_ is Path and isinstance(value, str | Path):
        return Path(value)
    raise ValueError(f"Expected `{type_.__name__.lower()}`, got `{type(value).__name__}`")


def _from_file(environ: Mapping[str, str], directory: Path) -> dict[str, Any]:
    named = environ.get(PREFIX + "CONFIG")
    path = Path(named) if named else directory / CONFIG_FILE
    if not named and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise OperatorError(f"cannot read {path}: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise OperatorError(f"{path} is not valid TOML: {exc}") from exc


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable == PREFIX + "CONFIG":
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in NAMES:
            raise OperatorError(f"{variable} is not a setting; see docs/reference/settings.md")
        found[name] = _LISTS[name](variable, value) if name in _LISTS else value
    return found


def _pairs(variable: str, value: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
    if not all(sign for _, sign, _ in pairs):
        raise OperatorError(f"{variable} must be old=new,old=new")
    return {old.strip(): new.strip() for old, _, new in pairs}


def _words(_variable: str, value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


_LISTS: dict[str, Callable[[str, str], Any]] = {"successors": _pairs, "key_ways": _words}
"""How a variable says more than one thing, with commas between them."""


def _what_is_wrong(exc: msgspec.ValidationError) -> str:
    match = _PLACE.fullmatch(str(exc))
    if match is None:
        return str(exc)
    return f"setting {match['name']}: must be {_expected(match['name'])}"


def _expected(name: str) -> str:
    from msgspec import inspect

    fields = cast("inspect.StructType", inspect.type_info(Settings)).fields
    return _in_words(next(field.type for field in fields if field.name == name))


def _in_words(type_: inspect.Type) -> str:
    from msgspec import inspect

    match type_:
        case inspect.IntType(ge=at_least, le=None):
            return f"a whole number, at least {at_least}"
        case inspect.IntType(ge=at_least, le=at_most):
            return f"a whole number from {at_least} to {at_most}"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values=values):
            return " or ".join(str(value) for value in values)
        case inspect.VarTupleType(item_type=item):
            return f"a list, of {_in_words(item)}"
        case inspect.DictType():
            return "pairs of names"
        case _:
            return "text"
