import msgspec
import pytest

from trunkline import snapshot
from trunkline.snapshot import Key, Snapshot


def test_a_snapshot_is_read_as_it_was_written() -> None:
    key = Key(key_id="key_1", org_id="org_1", name="n", sha256=snapshot.sha256_of_key("sk-1"))
    written = Snapshot(keys=(key,), default_org_id="org_1")
    assert snapshot.decode(snapshot.encode(written)) == written
    assert written.by_sha256()[snapshot.sha256_of_key("sk-1")] is key


def test_a_snapshot_holds_no_key() -> None:
    key = Key(key_id="k", org_id="o", name="n", sha256=snapshot.sha256_of_key("sk-secret"))
    assert b"sk-secret" not in snapshot.encode(Snapshot(keys=(key,)))


def test_a_key_of_any_bytes_has_a_hash() -> None:
    assert len(snapshot.sha256_of_key("\udcff")) == 64


def test_what_is_not_a_snapshot_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        snapshot.decode(b"{")
