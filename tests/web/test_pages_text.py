from decimal import Decimal

import pytest

from trunkline.web.pages import glossary, text


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        (None, "unpriced"),
        (Decimal(0), "$0.00"),
        (Decimal("0.0000021"), "$0.00000210"),
        (Decimal("0.01408"), "$0.0141"),
        (Decimal("0.1113"), "$0.111"),
        (Decimal("0.9999"), "$1.000"),
        (Decimal("6.2149"), "$6.21"),
        (Decimal("1204.1"), "$1,204"),
        (Decimal("-0.5"), "$-0.500"),
    ],
)
def test_money_keeps_three_figures_and_never_says_zero_for_unpriced(
    usd: Decimal | None, words: str
) -> None:
    assert text.money(usd) == words


@pytest.mark.parametrize(
    ("us", "words"),
    [(None, "–"), (0, "0:00"), (96_400_000, "1:36"), (3_599_999_999, "59:59"), (3.6e9, "1:00:00")],
)
def test_an_offset_is_minutes_and_seconds(us: int | None, words: str) -> None:
    assert text.clock(None if us is None else int(us)) == words


def test_a_wait_is_coloured_by_its_limits() -> None:
    waits = (None, 1_500_000, 1_500_001, 3_500_000, 3_500_001)
    assert [text.wait_tone(us) for us in waits] == ["none", "good", "warn", "warn", "bad"]


def test_what_is_unknown_is_not_a_zero() -> None:
    assert {text.wait(None), text.seconds(None), text.millis(None), text.count(None)} == {"–"}
    assert text.wait(-124_940) == "−0.12 s"
    assert text.share(0, 0) == "–"
    assert text.rate(0, 0) == "–"


def test_times_are_utc() -> None:
    assert text.iso(1_795_356_191_250_000) == "2026-11-22T14:03:11.250Z"
    assert text.when(1_795_356_191_250_000) == "22 Nov 2026, 14:03:11"


def test_every_status_and_reason_has_words() -> None:
    assert text.end_reason("caller_closed") == "caller hung up"
    assert text.end_reason("something_new") == "something new"
    assert text.status("") == "unknown"


@pytest.mark.parametrize("metric", sorted(glossary.DEFINITIONS))
def test_a_definition_is_a_sentence(metric: str) -> None:
    assert glossary.define(metric).endswith(".")


def test_sizes_and_plurals_read_naturally() -> None:
    sizes = {812: "812 B", 3_400: "3.4 kB", 1_200_000: "1.2 MB", 80_600_000_000: "80.6 GB"}
    assert {size_bytes: text.size(size_bytes) for size_bytes in sizes} == sizes
    assert text.plural(1, "turn") == "1 turn"
    assert text.plural(1234, "turn") == "1,234 turns"
    assert text.shorten("a  b\n" + "c" * 20, 8) == "a b ccc…"
