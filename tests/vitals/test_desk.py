"""Who may see the metrics: this machine, asked under its own name, or whoever has the token."""

from __future__ import annotations

import pytest

from trunkline.vitals.desk import is_local

LOCAL = [
    ("127.0.0.1", "127.0.0.1:8585", []),
    ("127.8.8.8", "localhost", ["Accept"]),
    ("::1", "[::1]:8585", []),
    ("::ffff:127.0.0.1", "LOCALHOST:1", []),
]
AWAY = {
    "another machine": ("10.0.0.7", "127.0.0.1", []),
    "another machine that names us localhost": ("192.168.1.4", "localhost:8585", []),
    "a proxy on this machine": ("127.0.0.1", "localhost", ["X-Forwarded-For"]),
    "a proxy by the standard": ("127.0.0.1", "localhost", ["Forwarded"]),
    "a proxy that says little": ("127.0.0.1", "localhost", ["via"]),
    "another proxy": ("127.0.0.1", "localhost", ["X-Real-IP"]),
    "a page that had its name point here": ("127.0.0.1", "evil.example:8585", []),
    "nobody knows where from": ("", "localhost", []),
    "an address that is none": ("127.0.0.1.evil.example", "localhost", []),
    "no host": ("127.0.0.1", "", []),
}


@pytest.mark.parametrize(("peer", "host", "headers"), LOCAL)
def test_this_machine_is_local(peer: str, host: str, headers: list[str]) -> None:
    assert is_local(peer, host, headers)


@pytest.mark.parametrize(("peer", "host", "headers"), AWAY.values(), ids=AWAY.keys())
def test_nobody_else_is(peer: str, host: str, headers: list[str]) -> None:
    assert not is_local(peer, host, headers)
