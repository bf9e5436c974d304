"""Losses are exact, in order, and told once."""

import msgspec

from trunkline.journal.losses import Losses
from trunkline.journal.record import Kind, Leg, Record
from trunkline.protocol.call import Gap

A = b"call-a-012345678"
B = b"call-b-012345678"


def told(losses: Losses) -> list[tuple[Kind, int]]:
    return [(record.kind, record.seq) for record in losses.drain()]


def test_losses_in_a_row_are_one_gap() -> None:
    losses = Losses()
    for seq in range(3, 7):
        losses.lose(Kind.FRAME, A, seq, seq * 10, 100, "disk_full")
    (record,) = losses.drain()
    gap = Gap(first_seq=3, last_seq=6, frames=4, bytes=400, why="disk_full")
    assert msgspec.json.decode(record.payload, type=Gap) == gap
    assert (record.kind, record.call, record.seq, record.leg) == (Kind.GAP, A, 6, Leg.NONE)
    assert record.received_ns == 60


def test_only_frames_count_as_frames_and_in_bytes() -> None:
    losses = Losses()
    losses.lose(Kind.FRAME, A, 0, 1, 10, "overrun")
    losses.lose(Kind.BRIDGED, A, 1, 1, 500, "overrun")
    (record,) = losses.drain()
    gap = Gap(first_seq=0, last_seq=1, frames=1, bytes=10, why="overrun")
    assert msgspec.json.decode(record.payload, type=Gap) == gap
    assert (losses.frames, losses.bytes) == (1, 10)


def test_another_reason_is_another_gap() -> None:
    losses = Losses()
    losses.lose(Kind.FRAME, A, 0, 1, 10, "overrun")
    losses.lose(Kind.FRAME, A, 1, 1, 10, "disk_full")
    assert told(losses) == [(Kind.GAP, 0), (Kind.GAP, 1)]


def test_what_is_kept_stands_between_the_gaps_of_its_own_call() -> None:
    losses = Losses()
    assert losses.keep(Record(Kind.OPENED, A, 0))
    losses.lose(Kind.FRAME, A, 1, 1, 10, "disk_full")
    losses.lose(Kind.FRAME, B, 5, 1, 10, "disk_full")
    assert losses.keep(Record(Kind.CLOSED, A, 2))
    assert told(losses) == [(Kind.OPENED, 0), (Kind.GAP, 1), (Kind.CLOSED, 2), (Kind.GAP, 5)]


def test_frames_are_not_kept() -> None:
    losses = Losses()
    assert not losses.keep(Record(Kind.FRAME, A, 0))
    assert not losses.keep(Record(Kind.BRIDGED, A, 0))


def test_what_is_kept_is_bounded() -> None:
    losses = Losses(max_kept_bytes=100)
    assert losses.keep(Record(Kind.NOTE, A, 0, payload=bytes(60)))
    assert not losses.keep(Record(Kind.NOTE, A, 1, payload=bytes(60)))
    assert told(losses) == [(Kind.NOTE, 0)]
    assert losses.keep(Record(Kind.NOTE, A, 2, payload=bytes(60)))


def test_what_could_not_be_told_comes_first_the_next_time() -> None:
    losses = Losses()
    for call in (A, B):
        losses.keep(Record(Kind.OPENED, call, 0))
        losses.lose(Kind.FRAME, call, 1, 1, 10, "disk_full")
    drain = losses.drain()
    assert next(drain).kind == Kind.OPENED
    assert next(drain).kind == Kind.GAP
    drain.close()
    assert told(losses) == [(Kind.GAP, 1), (Kind.OPENED, 0), (Kind.GAP, 1)]


def test_a_call_is_in_it_until_all_was_told() -> None:
    losses = Losses()
    losses.lose(Kind.FRAME, A, 0, 1, 10, "disk_full")
    assert A in losses
    assert len(losses) == 1
    told(losses)
    assert A not in losses
    assert told(losses) == []
    assert losses.frames == 1
