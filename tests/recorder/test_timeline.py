"""Where sound is placed. Times in ms; the tables are chunks that follow each other."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.recorder.timeline import MAX_KNOTS, AssistantTrack, CallerTrack, Play

PLACES: dict[str, tuple[list[tuple[int, int]], list[int]]] = {
    # (received, length) of each chunk; where each begins
    "a live microphone": ([(1020, 20), (1040, 20), (1060, 20)], [1000, 1020, 1040]),
    "jitter makes no holes": ([(1020, 20), (1075, 20), (1080, 20)], [1000, 1020, 1040]),
    "a pause is a silence": ([(1020, 20), (3020, 20), (3040, 20)], [1000, 3000, 3020]),
    "a file pushed at once is laid end to end": (
        [(1000, 400), (1001, 400), (1002, 400)],
        [600, 1000, 1400],
    ),
    "sound from before the call begins with it": ([(10, 400), (30, 400)], [0, 400]),
}


@pytest.mark.parametrize(("chunks", "places"), PLACES.values(), ids=PLACES.keys())
def test_the_callers_sound_is_placed(chunks: list[tuple[int, int]], places: list[int]) -> None:
    track = CallerTrack()
    assert [track.append(at * 1000, length * 1000) // 1000 for at, length in chunks] == places


def live(until_ms: int) -> CallerTrack:
    """A microphone since 1000 ms, in chunks of 20 ms."""
    track = CallerTrack()
    for at_ms in range(1020, until_ms + 1, 20):
        track.append(at_ms * 1000, 20_000)
    return track


def test_a_sample_of_a_live_microphone_was_spoken_where_it_is_placed() -> None:
    track = live(5000)
    assert track.spoken_at(2_345_000) == track.placed_at(2_345_000) == 3_345_000


def test_a_sample_behind_a_pause_is_found() -> None:
    track = live(2000)
    track.append(9_020_000, 20_000)
    assert track.spoken_at(1_010_000) == 9_010_000
    assert track.spoken_at(990_000) == 1_990_000


def test_a_sample_of_a_file_was_there_when_it_came() -> None:
    track = CallerTrack()
    for at_us in range(1_000_000, 1_010_000, 100):
        track.append(at_us, 100_000)
    assert track.spoken_at(5_000_000) == 1_005_000


def test_one_long_chunk_is_no_microphone() -> None:
    track = CallerTrack()
    track.append(1_000_000, 3_000_000)
    assert track.spoken_at(2_000_000) == 1_000_000


def test_offsets_count_from_the_start_of_the_providers_session() -> None:
    track = live(2000)
    track.restart()
    track.append(2_020_000, 20_000)
    assert track.spoken_at(10_000) == 2_010_000


def test_nothing_is_known_before_the_first_sound() -> None:
    assert CallerTrack().spoken_at(0) is None
    assert CallerTrack().placed_at(0) == 0


def test_what_is_forgotten_is_before_what_is_kept() -> None:
    track = live(9000)
    track.forget_before(7_000_000)
    assert len(track.knots) < 15
    assert track.spoken_at(7_500_000) == 8_500_000


def test_the_map_of_an_hour_stays_small_and_right() -> None:
    track = live(3_600_000)
    assert len(track.knots) <= MAX_KNOTS
    assert track.spoken_at(3_000_000_000) == 3_001_000_000


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**6)), max_size=400))
def test_chunks_of_one_side_never_overlap(chunks: list[tuple[int, int]]) -> None:
    track, cursor_us, at_us = CallerTrack(), 0, 0
    for pause_us, length_us in chunks:
        at_us += pause_us
        starts_us = track.append(at_us, length_us)
        assert starts_us >= cursor_us
        cursor_us = starts_us + length_us
    assert len(track.knots) <= MAX_KNOTS
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(track), type=CallerTrack) == track


def test_the_assistants_sound_is_played_as_it_comes() -> None:
    """A burst is played on; a late chunk is a stall."""
    track = AssistantTrack()
    play, first = track.place(None, 1_000, 400)
    play, second = track.place(play, 1_010, 400)
    play, third = track.place(play, 2_500, 400)
    assert (first, second, third) == (1_000, 1_400, 2_500)
    assert (play.audio_us, play.stalls_us, play.ends_us) == (1_200, 700, 2_900)


def test_an_item_waits_for_the_one_before_it() -> None:
    track = AssistantTrack()
    track.place(None, 1_000, 5_000)
    assert track.place(None, 2_000, 100)[1] == 6_000


def test_what_was_stopped_makes_room() -> None:
    track = AssistantTrack()
    play, _ = track.place(None, 1_000, 5_000)
    track.stop(play, 2_000)
    assert (play.heard_us, play.heard_until_us, play.ends_us) == (1_000, 2_000, 6_000)
    assert track.place(None, 3_000, 100)[1] == 3_000


def test_sound_that_comes_when_it_was_stopped_is_not_heard() -> None:
    track = AssistantTrack()
    play, _ = track.place(None, 1_000, 500)
    track.stop(play, 4_000)
    play, starts_us = track.place(play, 4_100, 9_000)
    assert (play.heard_us, starts_us, track.cursor_us) == (500, 1_500, 1_500)


def test_the_callers_own_player_knows_best() -> None:
    track = AssistantTrack()
    play, _ = track.place(None, 1_000, 5_000)
    track.stop(play, 2_000)
    track.truncate(play, 1_300, 2_050)
    assert play.heard_us == 1_300
    track.truncate(play, 99_000, 2_100)
    assert play.heard_us == 5_000


def test_an_item_that_was_queued_is_not_heard_at_all() -> None:
    track = AssistantTrack()
    first, _ = track.place(None, 1_000, 5_000)
    second, _ = track.place(None, 1_100, 5_000)
    track.stop(first, 2_000)
    track.stop(second, 2_000)
    assert (second.heard_us, second.heard_until_us) == (0, 6_000)


def test_what_was_heard_by_now_is_a_part_of_what_will_be() -> None:
    play = Play(1_000, 3_000, audio_us=2_000)
    assert [play.heard_by(at) for at in (0, 1_000, 2_500, 9_000)] == [0, 0, 1_500, 2_000]
