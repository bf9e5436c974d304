"""How far behind the end of a journal its reader is."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.recorder.journals import START_NS, Journal, a_call, instance

from trunkline.clock import monotonic_ns
from trunkline.journal.record import SEGMENT_HEADER_BYTES, encode
from trunkline.protocol.prices import shipped
from trunkline.recorder import tail as module
from trunkline.recorder.calls import Calls
from trunkline.recorder.checkpoint import Place
from trunkline.recorder.counts import Counts
from trunkline.recorder.journals import LOOK_SECONDS, Journals
from trunkline.recorder.tail import Tail
from trunkline.store.tombstones import ERASED, Tombstones

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


def aged(directory: Path) -> None:
    """Have a file system whose clock is coarse tell the next change from the one before."""
    os.utime(directory, ns=(0, 0))


def all_read(journal: Journal) -> tuple[Journals, Calls]:
    """Return journals of which nothing is unread, and the calls in them."""
    data, counts = journal.directory.parent.parent, Counts()
    (data / "spool").mkdir()
    for directory in (journal.directory, journal.directory.parent):
        aged(directory)
    calls = Calls(data / "spool", shipped(), counts, Tombstones(data / ERASED))
    journals = Journals(journal.directory.parent, counts)
    while journals.read(calls) or not journals.idle:
        pass
    assert journals.are_quiet(monotonic_ns())
    return journals, calls


def write(journal: Journal) -> None:
    journal.write(CALL[3:])


def begin(journal: Journal) -> None:
    journal.begin(instance(1))


def die(journal: Journal) -> None:
    journal.die()


def another(journal: Journal) -> None:
    Journal(journal.directory.parent.parent, "gateway-1").begin(instance(2))


@pytest.mark.parametrize("happens", [write, begin, die, another])
def test_what_happens_to_a_quiet_journal_is_seen_without_reading_it(
    journal: Journal, happens: Callable[[Journal], None]
) -> None:
    journal.write(CALL[:3])
    journals, calls = all_read(journal)
    happens(journal)
    assert not journals.are_quiet(monotonic_ns())
    while journals.read(calls) or not journals.idle:
        pass
    # What a segment looked like before anything of it was read was not looked at.
    journals.read(calls)
    assert journals.are_quiet(monotonic_ns())


def test_while_a_journal_is_quiet_nothing_in_it_is_unread(journal: Journal) -> None:
    journal.write(CALL)
    journals, _ = all_read(journal)
    now_ns = monotonic_ns()
    assert journals.are_quiet(now_ns)
    assert journals.unread_since_ns(now_ns + 1) == now_ns


def test_a_quiet_journal_is_read_now_and_then_all_the_same(journal: Journal) -> None:
    journal.write(CALL)
    journals, _ = all_read(journal)
    assert not journals.are_quiet(monotonic_ns() + int(LOOK_SECONDS * 1e9))


def test_a_journal_that_is_not_read_to_its_end_is_not_quiet(journal: Journal) -> None:
    journal.write(CALL)
    tail = Tail(journal.directory, Place(), Counts())
    for _ in CALL:
        tail.read(NOW_NS)
        assert not tail.is_quiet(NOW_NS)
    tail.read(NOW_NS)
    assert tail.is_quiet(NOW_NS)
