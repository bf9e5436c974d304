"""How far behind the end of a journal its reader is."""

from pathlib import Path

import pytest
from tests.recorder.journals import START_NS, Journal, a_call, instance

from trunkline.journal.record import SEGMENT_HEADER_BYTES, encode
from trunkline.recorder import tail as module
from trunkline.recorder.checkpoint import Place
from trunkline.recorder.counts import Counts
from trunkline.recorder.tail import Tail

CALL = a_call(1)
NOW_NS = START_NS + 60_000_000_000


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """A journal that is read record by record."""
    monkeypatch.setattr(module, "BATCH_BYTES", 1)
    journal = Journal(tmp_path)
    journal.begin(instance(1))
    return journal


def size(first: int) -> int:
    """Return the bytes of the records of `CALL` from `first` on."""
    return sum(len(encode(record)) for record in CALL[first:])


def test_what_a_living_gateway_wrote_is_unread_since_it_was_received(journal: Journal) -> None:
    journal.write(CALL)
    tail = Tail(journal.directory, Place(), Counts())
    for seq, record in enumerate(CALL):
        tail.read(NOW_NS)
        assert tail.unread_since_ns == record.received_ns
        assert tail.unread_bytes() == size(seq + 1)
        assert not tail.idle
    tail.read(NOW_NS)
    assert tail.idle
    assert tail.unread_since_ns == NOW_NS


def test_a_clock_that_is_ahead_of_ours_makes_nothing_older_than_it_is(journal: Journal) -> None:
    journal.write(CALL)
    tail = Tail(journal.directory, Place(), Counts())
    tail.read(START_NS - 5)
    assert tail.unread_since_ns == START_NS - 5


def test_what_a_dead_gateway_left_is_unread_since_it_was_found(journal: Journal) -> None:
    """Its clock may be one of before the machine was started."""
    journal.write(CALL)
    journal.die()
    tail = Tail(journal.directory, Place(), Counts())
    for step in range(len(CALL)):
        tail.read(NOW_NS + step)
        assert tail.unread_since_ns == NOW_NS
    tail.read(NOW_NS + 9)
    assert tail.unread_since_ns == NOW_NS + 9


def test_segments_that_follow_are_unread_too(journal: Journal) -> None:
    journal.write(CALL[:2])
    journal.begin(instance(1))
    journal.write(CALL[2:])
    tail = Tail(journal.directory, Place(), Counts())
    assert tail.unread_bytes() == size(0) + 2 * SEGMENT_HEADER_BYTES
    tail.read(NOW_NS)
    tail.read(NOW_NS)
    assert tail.unread_bytes() == size(2) + SEGMENT_HEADER_BYTES


def test_a_journal_that_is_gone_has_nothing_unread(tmp_path: Path) -> None:
    assert Tail(tmp_path / "gone", Place(), Counts()).unread_bytes() == 0
