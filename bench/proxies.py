"""I/O. What stands between the ends: how each proxy is configured, started and spoken to."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.load import Provider
from trunkline import snapshot
from trunkline.settings import dump, load
from trunkline.supervised import MARK

KEY = "trunkline-bench-key-0123456789abcdef"
MODEL = "gpt-realtime"
PEERS = Path(__file__).parent / "peers"
LITELLM_KEY = "sk-0123456789abcdef0123456789abcdef"
BETA = (("OpenAI-Beta", "realtime=v1"),)


class Proxy(msgspec.Struct, frozen=True):
    """One that stands between the ends."""

    name: str
    command: Sequence[str]
    port: int
    environment: Mapping[str, str] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Of a caller's request, beside those that every WebSocket has."""
    path: str = f"/v1/realtime?model={MODEL}"
    greet_ms: int = 0
    """What a provider says sooner after its 101 may be lost. None of those outside does."""
    said: bytes = b""
    """To its standard input, which stays open: what `trunkline up` tells its processes."""
    deflate: bool = False
    """Both ends agree to compress what it agrees to compress."""


class Site(msgspec.Struct, frozen=True):
    """What a proxy is given: where it may write, where it listens, whom it dials."""

    directory: Path
    port: int
    provider: Provider


def nginx(site: Site) -> Proxy:
    """nginx with one worker and no log."""
    config = site.directory / "nginx.conf"
    config.write_text(
        _NGINX.format(
            directory=site.directory, port=site.port, provider=site.provider.port,
            scheme="https" if site.provider.authority else "http",
            tls=_NGINX_TLS.format(authority=site.provider.authority)
            if site.provider.authority else "",
        )
    )  # fmt: skip
    command = ["nginx", "-c", str(config), "-p", str(site.directory), "-e", "stderr"]
    return Proxy("nginx", command, site.port)


def haproxy(site: Site) -> Proxy:
    """haproxy with one thread and no log."""
    config = site.directory / "haproxy.cfg"
    authority = site.provider.authority
    tls = f"ssl verify required ca-file {authority} sni str(localhost)" if authority else ""
    config.write_text(_HAPROXY.format(port=site.port, provider=site.provider.port, tls=tls))
    return Proxy("haproxy", ["haproxy", "-db", "-f", str(config)], site.port)


def trunkline(site: Site, **settings: bool) -> Proxy:
    """One gateway process as `trunkline up` starts it, recording, with one key."""
    data = site.directory / "data"
    (data / "run").mkdir(parents=True)
    key = snapshot.Key(
        key_id="key_bench", org_id="org_bench", name="bench", sha256=snapshot.sha256_of_key(KEY)
    )
    known = snapshot.encode(snapshot.Snapshot(keys=(key,), default_org_id="org_bench"))
    (data / "run" / "snapshot.json").write_bytes(known)
    told = {
        "openai_url": f"{site.provider.scheme}://127.0.0.1:{site.provider.port}/v1/realtime",
        "data": str(data),
        "port": site.port,
        "provider_ca": site.provider.authority,
        **settings,
    }
    headers = (("Helicone-Auth", f"Bearer {KEY}"), ("Authorization", "Bearer sk-bench"))
    command = [sys.executable, "-m", "trunkline", "gateway", MARK]
    said = dump(load(told, {}, site.directory)) + b"\n"
    return Proxy("trunkline", command, site.port, clean(), headers, said=said)


def bridge(site: Site) -> Proxy:
    """The same, for callers that speak the other dialect."""
    same = trunkline(site)
    return msgspec.structs.replace(same, name="bridge", headers=same.headers + BETA)


def in_turn(site: Site) -> Proxy:
    """The same, where nothing goes before other processes."""
    return msgspec.structs.replace(trunkline(site, urgent=False), name="in_turn")


def uncompiled(site: Site) -> Proxy:
    """The same, where there was no compiler when it was installed."""
    command = [sys.executable, "-c", _UNCOMPILED, "gateway", MARK]
    return msgspec.structs.replace(trunkline(site), name="uncompiled", command=command)


def bare(site: Site) -> Proxy:
    """`bare_relay.py`: what our library costs by itself."""
    url = f"{site.provider.scheme}://127.0.0.1:{site.provider.port}/v1/realtime"
    command = [sys.executable, "-m", "bench.bare_relay", str(site.port), url]
    return Proxy("bare", command, site.port)


def litellm(site: Site) -> Proxy:
    """LiteLLM's proxy with one worker, no database and no callbacks."""
    config = site.directory / "litellm.yaml"
    config.write_text(_LITELLM.format(provider=site.provider.port, key=LITELLM_KEY))
    environment = clean(
        LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_TELEMETRY="False", NO_DOCS="True"
    )
    command = [str(PEERS / ".venv" / "bin" / "litellm"), "--config", str(config)]
    command += ["--host", "127.0.0.1", "--port", str(site.port)]
    headers = (("Authorization", f"Bearer {LITELLM_KEY}"),)
    return Proxy("litellm", command, site.port, environment, headers)


def portkey(site: Site) -> Proxy:
    """Portkey's gateway, the provider named by headers of each call."""
    script = PEERS / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    command = ["node", str(script), f"--port={site.port}", "--headless"]
    headers = (
        ("Authorization", "Bearer sk-bench"),
        ("x-portkey-provider", "azure-ai"),
        ("x-portkey-azure-foundry-url", f"http://127.0.0.1:{site.provider.port}/v1"),
    )
    return Proxy("portkey", command, site.port, clean(), headers, greet_ms=25)


def litellm_deflating(site: Site) -> Proxy:
    """The same with ends that agree to compression, as it offers and accepts by default."""
    return msgspec.structs.replace(litellm(site), name="litellm-deflate", deflate=True)


def portkey_deflating(site: Site) -> Proxy:
    """The same with a provider that agrees to the compression that it offers by default."""
    return msgspec.structs.replace(portkey(site), name="portkey-deflate", deflate=True)


MAKERS: dict[str, Callable[[Site], Proxy]] = {
    "trunkline": trunkline,
    "bridge": bridge,
    "in_turn": in_turn,
    "uncompiled": uncompiled,
    "nginx": nginx,
    "haproxy": haproxy,
    "bare": bare,
    "litellm": litellm,
    "portkey": portkey,
    "litellm-deflate": litellm_deflating,
    "portkey-deflate": portkey_deflating,
}
"""By name; in the order in which they are shown."""


def installed() -> list[str]:
    """Return the names of those that are there."""
    missing = {
        "nginx": not shutil.which("nginx"),
        "haproxy": not shutil.which("haproxy"),
        "litellm": not (PEERS / ".venv" / "bin" / "litellm").exists(),
        "portkey": not (PEERS / "node_modules" / "@portkey-ai").exists(),
    }
    return [name for name in MAKERS if not missing.get(name.removesuffix("-deflate"))]


def clean(**more: str) -> dict[str, str]:
    """Return our environment without what is set for a Trunkline of this machine."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TRUNKLINE_")}
    return {**kept, **more}


_UNCOMPILED = """
import sys

for module in ("journal._batch", "relay._pump", "relay._lane"):
    sys.modules[f"trunkline.{module}"] = None
from trunkline.supervised import main

main(sys.argv[1:])
"""
_NGINX = """
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile 8192;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{
      proxy_pass {scheme}://127.0.0.1:{provider};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_read_timeout 1h;
      proxy_buffering off;
      tcp_nodelay on;{tls}
    }}
  }}
}}
"""
_NGINX_TLS = """
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {authority};
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;"""
_HAPROXY = """
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 1m
  timeout server 1m
  timeout tunnel 1h
frontend callers
  bind 127.0.0.1:{port} backlog 1024
  default_backend provider
backend provider
  server one 127.0.0.1:{provider} {tls}
"""
_LITELLM = """
model_list:
  - model_name: gpt-realtime
    litellm_params:
      model: openai/gpt-realtime
      api_base: http://127.0.0.1:{provider}
      api_key: sk-bench
    model_info: {{mode: realtime}}
general_settings:
  master_key: {key}
litellm_settings: {{callbacks: [], telemetry: false}}
"""
