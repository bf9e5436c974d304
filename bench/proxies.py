"""What is measured: how each proxy is started, and what CPU it has used."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trunkline import snapshot

KEY = "trunkline-bench-key-0123456789abcdef"
_MODEL = "gpt-realtime"
_NGINX = """
daemon off;
user root;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {provider};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_buffering off;
      tcp_nodelay on;
    }}
  }}
}}
"""


class Proxy(NamedTuple):
    """One that stands between the ends."""

    name: str
    command: Sequence[str]
    port: int
    environment: dict[str, str] | None = None
    has_worker: bool = False
    """The frames go through a child of the process that is started."""

    @property
    def url(self) -> str:
        """Where callers connect to."""
        return f"ws://127.0.0.1:{self.port}/v1/realtime?model={_MODEL}"


def nginx(directory: Path, port: int, provider: str) -> Proxy:
    """nginx with one worker and no log: about the least that a relay can cost."""
    config = directory / "nginx.conf"
    url = provider.replace("ws://", "http://")
    config.write_text(_NGINX.format(directory=directory, port=port, provider=url))
    command = ["nginx", "-c", str(config), "-p", str(directory), "-e", "stderr"]
    return Proxy("nginx", command, port, has_worker=True)


def bare(name: str, port: int, provider: str, journal: Path | None) -> Proxy:
    """`bare_relay.py`, with or without a journal."""
    script = str(Path(__file__).with_name("bare_relay.py"))
    directory = [str(journal)] if journal else []
    command = [sys.executable, script, str(port), f"{provider}/v1/realtime", *directory]
    return Proxy(name, command, port)


def gateway(name: str, directory: Path, port: int, provider: str) -> Proxy:
    """One gateway process as `trunkline up` starts it, with one key and its own data."""
    data = directory / "data"
    (data / "run").mkdir(parents=True)
    key = snapshot.Key(
        key_id="key_bench", org_id="org_bench", name="bench", sha256=snapshot.sha256_of_key(KEY)
    )
    known = snapshot.encode(snapshot.Snapshot(keys=(key,), default_org_id="org_bench"))
    (data / "run" / "snapshot.json").write_bytes(known)
    environment = {name: value for name, value in os.environ.items() if "TRUNKLINE" not in name}
    environment["TRUNKLINE_OPENAI_URL"] = f"{provider}/v1/realtime"
    environment["TRUNKLINE_DATA"] = str(data)
    environment["TRUNKLINE_PORT"] = str(port)
    return Proxy(name, [sys.executable, "-m", "trunkline", "gateway"], port, environment)


def cpu_ns(proxy: Proxy, process: "subprocess.Popen[bytes]") -> int:
    """Return the CPU time that the proxy has used, user and system, all threads."""
    pids = _children(process.pid) if proxy.has_worker else [process.pid]
    return sum(
        int((task / "schedstat").read_text().split()[0])
        for pid in pids
        for task in Path(f"/proc/{pid}/task").iterdir()
    )


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
