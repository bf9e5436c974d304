"""What one gateway process has room for: a table of what it holds, and what it then answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from trunkline.relay.room import (
    FILES_PER_CALL,
    MAX_HANDSHAKES,
    SPARE_FILES,
    Load,
    Machine,
    Memory,
    Room,
    memory_after,
    no_room,
)
from trunkline.settings import Settings

MIB = 1024 * 1024
ROOM = Room(calls=10, files=100, handshakes=8, memory_bytes=100 * MIB, address_bytes=0)


def room(machine: Machine, **settings: Any) -> Room:
    return Room.of(Settings(**settings), machine)


def test_without_settings_it_follows_from_the_machine() -> None:
    made = room(Machine(files=8192, memory_bytes=4096 * MIB, address_bytes=1000), workers=2)
    assert made.handshakes == MAX_HANDSHAKES
    assert made.files == 8192 - MAX_HANDSHAKES - SPARE_FILES
    assert made.calls == made.files // FILES_PER_CALL
    assert made.memory_bytes == 1024 * MIB
    assert made.address_bytes == 900


def test_a_setting_wins_over_the_machine() -> None:
    made = room(
        Machine(files=8192, memory_bytes=4096 * MIB),
        max_calls=7,
        max_handshakes=9,
        max_memory_bytes=11,
    )
    assert (made.calls, made.handshakes, made.memory_bytes) == (7, 9, 11)


@pytest.mark.parametrize("files", [16, 64, 128, 256, 1024, 1 << 20])
def test_however_few_files_there_are_one_call_is_possible_and_some_are_left(files: int) -> None:
    made = room(Machine(files=files))
    assert made.calls >= 1
    assert made.handshakes >= 1
    assert made.files >= FILES_PER_CALL
    if files >= 64:
        assert made.files + made.handshakes + SPARE_FILES <= files


ANSWERS = {
    "nothing": (Load(), False, None),
    "one call fewer than it may": (Load(calls=9), False, None),
    "as many calls as it may": (Load(calls=10), False, "gateway_full"),
    "files for one call": (Load(files=98), False, None),
    "too few files": (Load(files=99), False, "gateway_files"),
    "too little memory": (Load(), True, "gateway_memory"),
    "everything at once": (Load(calls=10, files=100), True, "gateway_full"),
}


@pytest.mark.parametrize(("load", "short", "code"), ANSWERS.values(), ids=ANSWERS)
def test_what_a_process_that_holds_this_answers(load: Load, short: bool, code: str | None) -> None:
    refusal = no_room(ROOM, load, Memory(short))
    assert (refusal and refusal.code) == code
    if refusal is not None:
        assert refusal.status == 503
        assert refusal.type == "server_error"
        assert int(dict(refusal.headers)["Retry-After"]) > 0


def shorts(room: Room, *loads: Load) -> list[bool]:
    """Return whether memory is short after each of `loads`."""
    memory, seen = Memory(), list[bool]()
    for load in loads:
        memory = memory_after(room, load, memory)
        seen.append(memory.short)
    return seen


def test_memory_is_short_from_the_mark_until_well_below_it() -> None:
    """Else a process at its mark would take a call and refuse one by turns."""
    loads = (Load(calls=1, resident_bytes=mib * MIB) for mib in (99, 100, 99, 96, 95, 94, 99, 100))
    assert shorts(ROOM, *loads) == [False, True, True, True, True, False, False, True]


def test_a_full_address_space_is_full_until_less_of_it_is_used() -> None:
    """What was mapped stays so: it says no more how much there is."""
    limited = Room(calls=10, files=100, handshakes=8, memory_bytes=0, address_bytes=900)
    seen = shorts(
        limited,
        Load(calls=1, resident_bytes=500, address_bytes=899),
        Load(calls=1, resident_bytes=501, address_bytes=900),
        Load(calls=1, resident_bytes=480, address_bytes=900),
        Load(calls=1, resident_bytes=470, address_bytes=900),
        Load(calls=1, resident_bytes=500, address_bytes=900),
        Load(calls=1, resident_bytes=501, address_bytes=900),
    )
    assert seen == [False, True, True, False, False, True]


def test_a_process_without_calls_takes_one_however_much_it_holds() -> None:
    """What it holds then nobody will free: it would refuse for ever."""
    assert shorts(ROOM, Load(calls=1, resident_bytes=MIB * 120)) == [True]
    assert shorts(ROOM, Load(calls=0, resident_bytes=MIB * 120)) == [False]


def test_what_is_not_bounded_is_never_short() -> None:
    unbounded = msgspec.structs.replace(ROOM, memory_bytes=0)
    assert shorts(unbounded, Load(resident_bytes=1 << 60, address_bytes=1 << 60)) == [False]
