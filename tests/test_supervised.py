"""What `trunkline up` starts is told everything by it, and loads nothing that is for people."""

import socket
import subprocess
import sys

import pytest

from trunkline.orders import RETIRE
from trunkline.supervised import MARK, first_line, main


def test_the_command_line_for_people_is_not_loaded() -> None:
    code = (
        "import sys, trunkline.__main__, trunkline.supervised, trunkline.relay.gateway;"
        "print(sorted({'typer', 'pydantic', 'sqlalchemy', 'chdb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [["nothing", MARK], ["gateway"], ["gateway", MARK, "--f"]])
def test_what_it_does_not_know_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: trunkline" in capsys.readouterr().err


def test_an_order_that_comes_right_after_the_settings_is_not_swallowed() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b'{"port":1}\n' + RETIRE)
        assert first_line(theirs.fileno()) == b'{"port":1}\n'
        assert theirs.recv(100) == RETIRE
