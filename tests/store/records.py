"""Records for the tests of what keeps them."""

from hypothesis import strategies as st

from trunkline import ids
from trunkline.journal import record
from trunkline.journal.record import Flag, Kind, Leg, Record

ULID = ids.ulid_bytes(1_790_000_000_000 * 1_000_000, b"0123456789")
CALL = ids.call_id(ULID)


def frames(count: int, size_bytes: int = 100) -> list[Record]:
    """Return `count` frames of a call, each with a payload of its own."""
    return [
        Record(
            Kind.FRAME, ULID, seq, Leg(1 + seq % 2), Flag(0), seq, seq, _payload(seq, size_bytes)
        )
        for seq in range(count)
    ]


def encoded(records: list[Record]) -> list[tuple[int, bytes]]:
    """Return what `pack` takes."""
    return [(item.seq, record.encode(item)) for item in records]


@st.composite
def calls(draw: st.DrawFn) -> list[Record]:
    """Return a call's records with holes in the sequence, and small and large payloads."""
    seqs = draw(st.lists(st.integers(0, 500), unique=True, max_size=40))
    size = st.sampled_from([0, 1, 100, 60_000, 300_000])
    return [
        Record(Kind.FRAME, ULID, seq, Leg.CALLER, Flag(0), seq, 0, _payload(seq, draw(size)))
        for seq in sorted(seqs)
    ]


def _payload(seq: int, size_bytes: int) -> bytes:
    return (b"%d." % seq * (size_bytes // 2 + 1))[:size_bytes]
