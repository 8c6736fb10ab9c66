"""How many tokens a text has, rather too many: models count in vocabularies that are not at hand here.

Byte-pair vocabularies give common English words one token, and cut what is rare into pieces of a few letters. So a
word counts as one token for each four letters it has begun, a figure as one for each digit, and any other sign as one
for each of its bytes. docs/models.md tells how that compares with a real vocabulary.
"""

import re
from collections.abc import Sequence

from agents.llm.port import Message

_PARTS = re.compile(r"[A-Za-z]+|\S")
_LETTERS = 4
_AROUND_MESSAGE = 8
"""Tokens of the marks that a chat template puts around a message."""


def count(text: str) -> int:
    """An estimate that is seldom too low, and then by a few: the marks around messages leave room for them."""
    return sum(
        -(-len(part) // _LETTERS) if part[0].isascii() and part[0].isalpha() else len(part.encode())
        for part in _PARTS.findall(text)
    )


def count_messages(messages: Sequence[Message]) -> int:
    return sum(count(message.content) + _AROUND_MESSAGE for message in messages)


def trimmed(text: str, *, tokens: int) -> str:
    """``text``, or of a longer one as many whole words from its end as fit: people come to the point at the end."""
    if count(text) <= tokens:
        return text
    kept, left = list[str](), tokens
    for word in reversed(text.split()):
        left -= count(word)
        if left < 0:
            break
        kept.append(word)
    return " ".join(reversed(kept))
