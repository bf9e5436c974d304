"""The public socket when the process has no descriptor left."""

import os
import resource
import socket
from collections.abc import Generator

import pytest

from trunkline.relay.listening import Listening


@pytest.fixture
def crowded() -> Generator[list[int]]:
    """Descriptors to use up with `use_up`; closed again, and the limit as it was."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    yield taken
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for descriptor in taken:
        os.close(descriptor)


def use_up(taken: list[int]) -> None:
    """Leave this process no descriptor."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, hard))
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        return


@pytest.mark.guarantee("B7")
def test_who_cannot_be_served_is_sent_away(
    crowded: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    with Listening(socket.create_server(("127.0.0.1", 0))) as listening:
        callers = [socket.socket() for _ in range(3)]
        for caller in callers:
            caller.connect(listening.getsockname())
            caller.settimeout(5)
        listening.setblocking(False)
        use_up(crowded)
        for caller in callers[:2]:
            with pytest.raises(ConnectionAbortedError):
                listening.accept()
            assert caller.recv(1) == b""
        os.close(crowded.pop())
        served, _ = listening.accept()
        served.close()
        for caller in callers:
            caller.close()
    assert capsys.readouterr().out.count("callers are sent away") == 1


@pytest.mark.guarantee("B7")
def test_nobody_there_is_said_as_by_any_socket(crowded: list[int]) -> None:
    with Listening(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
        use_up(crowded)
        with pytest.raises(BlockingIOError):
            listening.accept()
