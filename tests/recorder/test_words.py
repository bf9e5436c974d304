import pytest

from trunkline.recorder import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Go forward ten meters.", 4),
        ("It's a twenty-one-gun salute, isn't it?", 6),
        ("", 0),
        ("…", 0),
        ("Grüße aus München", 3),
        ("안녕하세요 여러분", 2),
        ("今日はいい天気です", None),
        ("สวัสดีครับ", None),
    ],
)
def test_words_are_counted_where_the_script_sets_them_apart(
    text: str, expected: int | None
) -> None:
    assert words.count(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mm-hm.", True),
        ("Yeah, okay.", True),
        ("Uh-huh!", True),
        ("D’accord.", True),
        ("No.", False),
        ("Stop.", False),
        ("Yeah, but I wanted Tuesday.", False),
        ("ok ok ok ok", False),
        ("", False),
    ],
)
def test_a_backchannel_asks_for_nothing(text: str, expected: bool) -> None:
    assert words.is_backchannel(text) is expected
