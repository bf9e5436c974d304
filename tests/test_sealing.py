"""What is sealed opens with the right key, in the right row, and nowhere else."""

from __future__ import annotations

import base64
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import OperatorError
from trunkline.sealing import Unopened, Vault, context_of, parse_keys

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()
NOWHERE = Path("/nonexistent/master.key")


@given(st.text(max_size=200), st.text(max_size=50))
def test_what_is_sealed_opens(secret: str, context: str) -> None:
    vault = Vault(NOWHERE, KEY)
    assert vault.open(vault.seal(secret, context), context) == secret


def test_a_secret_is_not_in_what_is_sealed_and_no_two_are_alike() -> None:
    vault = Vault(NOWHERE, KEY)
    first, second = vault.seal("sk-secret", "c"), vault.seal("sk-secret", "c")
    assert first != second
    assert b"sk-secret" not in base64.urlsafe_b64decode(first.rpartition(".")[2])


def test_it_opens_for_its_own_row_alone() -> None:
    vault = Vault(NOWHERE, KEY)
    sealed = vault.seal("sk-secret", context_of("org_1", "prov_1"))
    for other in (context_of("org_2", "prov_1"), context_of("org_1", "prov_2"), ""):
        with pytest.raises(Unopened):
            vault.open(sealed, other)


@given(st.data())
def test_whatever_is_damaged_does_not_open(data: st.DataObject) -> None:
    vault = Vault(NOWHERE, KEY)
    sealed = vault.seal("sk-secret", "c")
    at = data.draw(st.integers(0, len(sealed) - 1))
    letter = data.draw(st.characters(codec="ascii"))
    damaged = sealed[:at] + letter + sealed[at + 1 :]
    try:
        assert vault.open(damaged, "c") == "sk-secret"
    except Unopened:
        return
    # Base 64 ignores what is no letter of it; the bytes must then be the same.
    assert base64.urlsafe_b64decode(damaged.rpartition(".")[2]) == base64.urlsafe_b64decode(
        sealed.rpartition(".")[2]
    )


def test_another_master_key_opens_nothing() -> None:
    with pytest.raises(Unopened, match="not here"):
        Vault(NOWHERE, OTHER).open(Vault(NOWHERE, KEY).seal("s", "c"), "c")


def test_the_file_is_made_when_it_is_needed_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    vault = Vault(path)
    with pytest.raises(Unopened):
        vault.open("v1.0011.AAAA", "c")
    assert not path.exists()
    sealed = vault.seal("s", "c")
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(base64.b64decode(path.read_text())) == 32
    assert Vault(path).open(sealed, "c") == "s"
    assert [one.name for one in tmp_path.iterdir()] == ["master.key"]


def _seal(path: str) -> str:
    return Vault(Path(path)).seal("s", "c")


def test_processes_that_begin_at_once_have_one_key(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        sealed = pool.map(_seal, [str(path)] * 6)
    assert [Vault(path).open(one, "c") for one in sealed] == ["s"] * 6


def test_a_rotated_key_opens_what_is_old_until_it_is_done(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    vault, reader = Vault(path), Vault(path)
    old = vault.seal("s", "c")
    assert reader.open(old, "c") == "s"
    vault.begin_rotation()
    assert vault.open(old, "c") == "s"
    assert not vault.is_current(old)
    new = vault.seal("s", "c")
    assert vault.is_current(new)
    assert reader.open(new, "c") == "s", "read again when it met a key that it did not know"
    vault.end_rotation()
    assert reader.open(new, "c") == "s"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Unopened):
        Vault(path).open(old, "c")


def test_a_setting_holds_several_keys_of_which_the_first_seals() -> None:
    old = Vault(NOWHERE, OTHER).seal("s", "c")
    vault = Vault(NOWHERE, f"{KEY},{OTHER}")
    assert vault.open(old, "c") == "s"
    assert not vault.is_current(old)
    assert Vault(NOWHERE, KEY).open(vault.seal("s", "c"), "c") == "s"
    with pytest.raises(OperatorError, match="setting master_key"):
        vault.begin_rotation()


@pytest.mark.parametrize("text", ["", "abc", "AAAA", f"{KEY} x", KEY[:-4], ",".join([KEY] * 17)])
def test_what_is_no_master_key_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(OperatorError, match="openssl rand") as caught:
        parse_keys(text, "the setting master_key")
    assert not text or text not in str(caught.value)


def test_a_file_that_cannot_be_used_is_the_operators_to_mend(tmp_path: Path) -> None:
    (tmp_path / "master.key").mkdir()
    with pytest.raises(OperatorError, match="cannot be read"):
        Vault(tmp_path / "master.key").seal("s", "c")
    with pytest.raises(Unopened):
        Vault(tmp_path / "master.key").open("v1.00.AAAA", "c")
    with pytest.raises(OperatorError, match="cannot write"):
        Vault(tmp_path / "none" / "master.key").seal("s", "c")
