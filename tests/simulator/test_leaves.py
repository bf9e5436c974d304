"""Small parts: ids and dice, the agenda, switches, tokens."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from trunkline.errors import OperatorError
from trunkline.simulator import config as config_module
from trunkline.simulator.agenda import Agenda
from trunkline.simulator.chance import Chance
from trunkline.simulator.config import AT_START, SimulatorConfig, switched
from trunkline.simulator.usage import Segment, fitted, usage


def test_the_same_seed_gives_the_same_ids_and_another_connection_others() -> None:
    one, same, other = Chance(1, 1), Chance(1, 1), Chance(1, 2)
    ids = [one.id("item") for _ in range(100)]
    assert ids == [same.id("item") for _ in range(100)]
    assert len(set(ids)) == 100
    assert other.id("item") != ids[0]


def test_dice_fall_about_as_often_as_they_should() -> None:
    chance = Chance(1, 1)
    assert 160 < sum(chance.one_in(5) for _ in range(1_000)) < 240
    assert not any(chance.one_in(0) for _ in range(100))
    assert all(3 <= chance.between(3, 4) < 4 for _ in range(100))


def test_the_agenda_runs_in_order_of_time_then_of_planning() -> None:
    agenda, done = Agenda(), list[str]()
    agenda.at(20, lambda _: done.append("c"))
    agenda.at(10, lambda _: done.append("a"))
    agenda.at(10, lambda _: done.append("b"))
    gone = agenda.at(5, lambda _: done.append("never"))
    gone.cancel()
    assert agenda.due_ns() == 10
    agenda.run(19)
    assert done == ["a", "b"]
    agenda.run(20)
    assert (done, agenda.due_ns()) == (["a", "b", "c"], None)


def test_what_is_planned_while_running_runs_too_if_it_is_due() -> None:
    agenda, done = Agenda(), list[int]()
    agenda.at(1, lambda due: void(agenda.at(due + 1, done.append)))
    agenda.run(5)
    assert done == [2]


def void(_: object) -> None:
    return None


def test_switches_are_read_from_text() -> None:
    text = "drop_after_deltas:5, extra_fields,burst=0.5,transcripts:Hi.|Yes: that."
    config = switched(SimulatorConfig(), text)
    assert (config.drop_after_deltas, config.extra_fields, config.burst) == (5, True, 0.5)
    assert config.transcripts == ("Hi.", "Yes: that.")


@pytest.mark.parametrize("text", ["nope:1", "burst:fast", "beta:maybe", "accepted_keys:k"])
def test_a_switch_that_cannot_be_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(OperatorError, match=text.split(":")[0]):
        switched(SimulatorConfig(), text, fixed=AT_START)


def test_a_list_of_switches_may_have_commas_in_its_values() -> None:
    config = switched(SimulatorConfig(), ["transcripts=Yes, please.|No, thanks.", "burst:0"])
    assert config.transcripts == ("Yes, please.", "No, thanks.")
    assert config.burst == 0


def test_every_switch_says_what_it_does() -> None:
    tree = ast.parse(Path(config_module.__file__).read_text("utf-8"))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef))
    for node, after in pairwise(body):
        if isinstance(node, ast.AnnAssign):
            assert isinstance(after, ast.Expr), f"{ast.unparse(node)} has no docstring"


def seg(kind: str, tokens: int, source: str) -> Segment:
    return msgspec.convert({"kind": kind, "tokens": tokens, "source": source}, Segment)


def test_the_repeated_prefix_is_cached_in_blocks_of_64() -> None:
    head, turn, answer = seg("text", 50, "i"), seg("audio", 33, "u1"), seg("audio", 80, "a1")
    first = usage([], [head, turn], output_text=10, output_audio=80)
    assert first["input_token_details"]["cached_tokens"] == 0
    assert (first["input_tokens"], first["output_tokens"], first["total_tokens"]) == (83, 90, 173)
    second = usage([head, turn], [head, turn, answer], output_text=1, output_audio=2)
    assert second["input_token_details"] == {
        "text_tokens": 50,
        "audio_tokens": 113,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 50, "audio_tokens": 14, "image_tokens": 0},
    }


def test_other_instructions_cost_the_cache() -> None:
    turn = seg("audio", 500, "u1")
    counted = usage([seg("text", 50, "i"), turn], [seg("text", 50, "j"), turn], output_text=0,
                    output_audio=0)  # fmt: skip
    assert counted["input_token_details"]["cached_tokens"] == 0


def test_the_oldest_go_first_and_the_head_stays() -> None:
    segments = [seg("text", 10, "i"), *(seg("text", 10, str(n)) for n in range(5))]
    assert [s.source for s in fitted(segments, 35, kept=1)] == ["i", "3", "4"]
