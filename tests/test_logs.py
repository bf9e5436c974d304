"""Logs are lines for machines, with what a line is about, and without secrets."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trunkline.logs import HIDDEN, hidden

SOURCE = Path(__file__).parent.parent / "src" / "trunkline"


PROGRAM = """
import logging, structlog
from trunkline import logs
from trunkline.settings import Settings

logs.configure(Settings(log_level="debug", log_format="json"), "gateway-0")
with structlog.contextvars.bound_contextvars(call="call_1"):
    try:
        raise ValueError("refused sk-proj-abcdefgh")
    except ValueError:
        structlog.get_logger("test").exception("attempt failed", n=3)
library = logging.getLogger("asyncio")
library.debug("sent sk-proj-abcdefgh")
library.error("failed: %s", "Bearer abcdefgh")
"""


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    """What a process of its own has logged: the configuration is for the whole process."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert done.stdout == b""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_has_its_process_its_call_and_its_exception(lines: list[dict[str, Any]]) -> None:
    ours = lines[0]
    told = {name: ours[name] for name in ("event", "process", "call", "level", "n")}
    assert told == {
        "event": "attempt failed",
        "process": "gateway-0",
        "call": "call_1",
        "level": "error",
        "n": 3,
    }
    assert "ValueError: refused [hidden]" in ours["exception"]


def test_libraries_write_the_same_lines_and_no_chatter(lines: list[dict[str, Any]]) -> None:
    theirs = lines[1:]
    assert [(line["event"], line["process"]) for line in theirs] == [
        ("failed: Bearer [hidden]", "gateway-0")
    ]


SECRETS = {
    "Incorrect API key provided: sk-proj-A1b2*****c3D4.": "Incorrect API key provided: [hidden]",
    "ek_68f1a2b3c4": HIDDEN,
    "Authorization: Bearer abc.def": "Authorization: Bearer [hidden]",
    "eyJhbGciOi.eyJzdWIi.sig": HIDDEN,
    "clickhouse://me:secret@host:1/d": "clickhouse://[hidden]@host:1/d",
    "PUT https://h/x?sv=1&sig=abc%3D&se=2": "PUT https://h/x?sv=1&[hidden]&se=2",
    "https://h/x?X-Amz-Signature=0123": "https://h/x?[hidden]",
}
HARMLESS = (
    "call_01M89RDBD4ABGNWM9Y30HSC4CR",
    "/var/lib/trunkline/journal/gateway-0/00000001.journal",
    "[Errno 28] No space left on device",
    "a task-based skeleton, asked for risk-free",
)


@pytest.mark.parametrize(("text", "expected"), SECRETS.items())
def test_what_looks_like_a_credential_is_hidden(text: str, expected: str) -> None:
    assert hidden(text) == expected


@pytest.mark.parametrize("text", HARMLESS)
def test_what_does_not_is_kept(text: str) -> None:
    assert hidden(text) == text


def test_every_line_about_a_call_calls_its_id_the_same() -> None:
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and re.fullmatch(r"_?log\.\w+", ast.unparse(node.func)):
                assert "call_id" not in {word.arg for word in node.keywords}, (path, node.lineno)
