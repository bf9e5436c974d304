"""Pure. Words of a transcript: how many, and whether they ask for the floor."""

from __future__ import annotations

import re
from typing import Final

_WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f]"
)
"""Thai, Lao, Burmese, Khmer, kana, Han: written without spaces between words."""

_LISTENING: Final = """
ah aha alright cool fine good great hm hmm huh mhm mm mmhm mmhmm mmm oh ok okay okey right sure
uh uhhuh um yeah yep yes yup
ach ähm aja also genau gut ja jaja jo klar mhmm richtig stimmt
bien bon c'est ça d'accord oui ouais voilà
ajá bueno claro dale sí vale
bene certo sì va
então isso sim tá
да ага угу так
"""
BACKCHANNELS: Final = frozenset(_LISTENING.split())
"""What people say while they listen: English, German, French, Spanish, Italian, Portuguese,
and the commonest of Russian and Ukrainian."""

MAX_BACKCHANNEL_WORDS: Final = 3


def count(text: str) -> int | None:
    """Return how many words `text` has; None where its script does not show them.

    A word is letters and digits, with the apostrophes and hyphens between them.
    """
    if _UNSPACED.search(text):
        return None
    return len(_WORD.findall(text))


def is_backchannel(text: str) -> bool:
    """Whether `text` only says that somebody listens: at most three words, all of them such."""
    words = [word.replace("-", "").replace("’", "'") for word in _WORD.findall(text.lower())]
    return 0 < len(words) <= MAX_BACKCHANNEL_WORDS and all(word in BACKCHANNELS for word in words)
