"""The command line: what it prints, and what it says when something is wrong."""

import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.support.running import COMMAND, Running, command, environment, new_key, trunkline
from websockets.exceptions import InvalidHandshake
from websockets.sync.client import connect

from trunkline import __version__

KEY = re.compile(r"sk-trunkline-[a-z0-9]{26,}\n")


def test_up_prints_what_a_newcomer_needs_and_nothing_more(plain: Running) -> None:
    dashboard, gateway, key, attempt = plain.greeting
    assert re.fullmatch(r"Dashboard +http://127\.0\.0\.1:\d+/sign-in/\S+  \(.*once\)", dashboard)
    assert re.fullmatch(r"Gateway +ws://127\.0\.0\.1:\d+/v1/gateway/oai/realtime\?model=…", gateway)
    assert re.match(r"Key +\S.* keys create --data \S+ --name \S+", key)
    assert re.match(r"Try +\S.* try --url \S+ --key \$\(.*keys create.*\)", attempt)


def test_the_key_alone_is_printed_while_the_server_runs(plain: Running) -> None:
    created = trunkline("keys", "create", "--data", str(plain.data), "--name", "mine")
    assert created.returncode == 0
    assert KEY.fullmatch(created.stdout)
    assert created.stderr == ""


def test_try_speaks_a_sentence_and_says_where_it_can_be_seen(plain: Running) -> None:
    tried = trunkline("try", "--url", plain.url, "--key", plain.key)
    assert tried.returncode == 0, tried.stderr
    you, assistant, see = tried.stdout.splitlines()
    assert you == "You:       Go forward ten meters."
    assert len(assistant) > len("Assistant: ")
    call_id = see.rpartition("/")[2]
    assert plain.sealed(call_id)["turns"][0]["wait_ms"] > 0


def test_a_listed_key_is_revoked_by_its_id(plain: Running) -> None:
    data = str(plain.data)
    key = new_key(plain.data, "short-lived")
    listed = command("keys", "list", "--data", data).stdout
    line = next(line for line in listed.splitlines() if "short-lived" in line)
    assert key not in listed
    assert command("keys", "revoke", line.split()[0], "--data", data).returncode == 0
    refused = trunkline("try", "--url", plain.url, "--key", key)
    time_limit = time.monotonic() + 1
    while refused.returncode == 0 and time.monotonic() < time_limit:
        refused = trunkline("try", "--url", plain.url, "--key", key)
    assert refused.returncode == 2
    assert "401" in refused.stderr


def test_limits_are_given_listed_changed_and_lifted(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    made = command(
        "keys", "create", "--data", data, "--name", "k", "--max-calls", "3",
        "--max-calls-per-minute", "20", "--max-usd-per-month", "12.50",
    )  # fmt: skip
    assert KEY.fullmatch(made.stdout)
    limits = "max_calls = 3, max_calls_per_minute = 20, max_usd_per_month = 12.5"
    (line,) = command("keys", "list", "--data", data).stdout.splitlines()
    assert line.endswith(f"  k  ({limits})")
    key_id = line.split()[0]

    def limit(*options: str) -> str:
        return command("keys", "limit", key_id, "--data", data, *options).stdout.strip()

    assert limit() == limits
    assert limit("--max-call-seconds", "600", "--max-calls", "0", "--max-usd-per-month", "0") == (
        "max_calls_per_minute = 20, max_call_seconds = 600"
    )
    assert limit("--max-calls-per-minute", "0", "--max-call-seconds", "0") == "no limits"
    refused = command("keys", "limit", key_id, "--data", data, "--max-calls", "10001")
    assert "Calls at once may be 1 to 10,000" in the_line(refused)
    unknown = command("keys", "limit", "key_none", "--data", data)
    assert "no active key key_none" in the_line(unknown)
    assert (tmp_path / "data" / "run" / "snapshot.json").read_text().count('"max_calls":0') == 1


def test_the_budget_of_all_keys_is_set_shown_and_taken_away(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    for arguments, shown in (
        ((), "no budget"),
        (("250",), "$250 a month"),
        ((), "$250 a month"),
        (("0",), "no budget"),
    ):
        assert command("keys", "budget", *arguments, "--data", data).stdout.strip() == shown
    refused = command("keys", "budget", "1e9", "--data", data)
    assert "A budget may be" in the_line(refused)


def test_version() -> None:
    assert trunkline("version").stdout == f"trunkline {__version__}\n"


def test_doctor_says_what_is_configured_and_hides_secrets(plain: Running) -> None:
    env = {
        "TRUNKLINE_SIMULATOR": "true",
        "TRUNKLINE_METRICS_TOKEN": "planted-token",
        "TRUNKLINE_FACTS_URL": "clickhouse://user:planted-password@127.0.0.1:1/d",
    }
    report = trunkline("doctor", "--data", str(plain.data), env=env)
    assert "planted" not in report.stdout + report.stderr
    assert "is in use by process" in report.stdout
    assert "other processes" in report.stdout
    assert "facts_url = clickhouse://***@127.0.0.1:1/d" in report.stdout
    assert report.returncode == 0


def test_doctor_fails_when_a_provider_is_not_reachable(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{unused.getsockname()[1]}"
        env = {"TRUNKLINE_OPENAI_URL": url, "TRUNKLINE_AZURE_URL": url}
        report = trunkline("doctor", "--data", str(tmp_path / "data"), env=env)
    assert report.returncode == 1
    assert "FAIL  OpenAI at 127.0.0.1" in report.stdout


def one_clear_line(*arguments: str, env: dict[str, str] | None = None) -> str:
    return the_line(trunkline(*arguments, env=env))


def the_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one clear line of a command that refused."""
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("trunkline: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_busy_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        said = one_clear_line("up", "--data", str(tmp_path / "d"), "--port", str(port))
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said


def test_an_unknown_setting_is_one_clear_line() -> None:
    said = one_clear_line("up", env={"TRUNKLINE_PROT": "1"})
    assert "TRUNKLINE_PROT is not a setting" in said


def test_the_data_directory_is_for_its_owner_alone(plain: Running) -> None:
    for name in ("journal", "spool", "run"):
        assert stat.S_IMODE(os.stat(plain.data / name).st_mode) == 0o700


def test_what_lies_in_an_open_data_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    new_key(data)
    assert (data / "control.sqlite3").exists()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in data.rglob("*")}
    assert not any(modes.values()), modes


def test_a_second_ctrl_c_does_not_wait_for_live_calls(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "up", "--simulator", "--port", "0", "--data", str(tmp_path / "data")],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment(),
    )  # fmt: skip
    assert process.stdout is not None
    url = process.stdout.readline().split()[1].partition("/sign-in/")[0]
    with one_call(url, new_key(tmp_path / "data")):
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    process.stdout.close()


@contextlib.contextmanager
def one_call(url: str, key: str) -> Generator[None]:
    headers = {"Authorization": "Bearer sk-of-the-provider", "Helicone-Auth": f"Bearer {key}"}
    address = url.replace("http", "ws", 1) + "/v1/gateway/oai/realtime?model=gpt-realtime-2.1"
    deadline = time.monotonic() + 30
    while True:
        try:
            with connect(address, additional_headers=headers) as connection:
                connection.recv()
                yield
                return
        except (InvalidHandshake, OSError):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_server_of_its_own_takes_the_data_directory_too(plain: Running, tmp_path: Path) -> None:
    path = str(tmp_path / "s.sock")
    said = one_clear_line("server", "--data", str(plain.data), "--socket", path)
    assert f"is in use by process {plain.process.pid}" in said


def test_reindex_while_the_server_runs_is_one_clear_line(plain: Running) -> None:
    assert "is in use by process" in one_clear_line("reindex", "--data", str(plain.data))
