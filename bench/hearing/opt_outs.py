"""Sentences that ask not to be called again and others that only sound like it: how many end the call at once, and
over how many the person is asked.

A file has tables or lists of sentences below ``asks``, and any others beside it, as ``tests/agents/opt_outs.toml``.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.domain.intents import Intent
from agents.domain.questions import Question
from bench.hearing.measuring import Saying, heard_as

ASKS = "asks"
_REMOVAL_IS_OFFERED = frozenset({Intent.MAY_OPT_OUT, Intent.TOO_MANY_CALLS, Intent.HOW_GOT_NUMBER})


@dataclass(frozen=True, slots=True)
class Decided:
    """Sentences by what they lead to, in answer to the first question: the end, our question, or neither."""

    ended: tuple[str, ...]
    asked: tuple[str, ...]
    neither: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.ended) + len(self.asked) + len(self.neither)


def read(path: Path) -> tuple[Decided, Decided]:
    """What becomes of those that ask, and of the others. Raises ValueError where the file has none that ask."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    if ASKS not in tables:
        raise ValueError(f"{path.name} has no {ASKS!r}: write the sentences that ask not to be called below it.")
    asks = tables.pop(ASKS)
    return decided(tuple(_sentences(asks))), decided(tuple(_sentences(tables)))


def decided(sentences: Sequence[str]) -> Decided:
    ended, asked, neither = list[str](), list[str](), list[str]()
    for said in sentences:
        found = heard_as(Saying("", Question.INTEREST, "sell", said, frozenset()))
        place = ended if "opt_out" in found else asked if found & _REMOVAL_IS_OFFERED else neither
        place.append(said)
    return Decided(tuple(ended), tuple(asked), tuple(neither))


def told(asks: Decided, others: Decided) -> Iterator[str]:
    """Recall at once and with the question, precision, and the share of others over which we ask."""
    out = len(asks.ended)
    yield _share("recall at once", out, asks.count)
    yield _share("recall with the question", out + len(asks.asked), asks.count)
    yield _share("precision at once", out, out + len(others.ended))
    yield _share("others that are asked", len(others.asked), others.count)


def _share(name: str, part: int, whole: int) -> str:
    return f"  {name:24} {part / whole if whole else 0.0:6.1%}  ({part} of {whole})"


def _sentences(table: Any) -> Iterator[str]:
    if isinstance(table, str):
        yield table
    else:
        for part in table.values() if isinstance(table, dict) else table:
            yield from _sentences(part)
