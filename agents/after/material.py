"""What a model is told of a call that is over: its words without long numbers, e-mail addresses and the lead's name,
and what the rules made of it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from agents.after.summary import HEADLINES
from agents.after.types import Analysis, Said
from agents.domain.masking import masked
from agents.domain.text import sentences
from agents.llm import tokens

NAME, EMAIL = "[name]", "[email]"
_ADDRESS = re.compile(r"\S+@\S+\.\w+")
_AMOUNTS = frozenset({"price", "budget"})
_FIRST_TURNS = 4
"""Those of the person that stay as long as any: what the call is about is told there."""
_OUR_WORDS, _THEIR_WORDS = 12, 40
"""Of a turn that is shortened: our last ones, the person's first ones."""


@dataclass(frozen=True, slots=True)
class Material:
    """``turns`` are what was said, masked; ``known`` is what the rules know, in words."""

    turns: tuple[Said, ...]
    known: str

    @property
    def everything(self) -> str:
        """All words that a claim about the call may rest on."""
        return ". ".join([*(said.text for said in self.turns), self.known])

    def transcript(self, *, budget: int) -> str:
        """The turns on one line, within about ``budget`` tokens.

        Of a long call our turns are cut to their last sentence first, then left out, then the person's in the middle
        too. What is missing is marked.
        """
        for shortened in (list, _ours_short, _theirs_alone):
            text = _told(shortened(self.turns))
            if tokens.count(text) <= budget:
                return text
        return _without_middle(_theirs_alone(self.turns), budget)


def material(transcript: Sequence[Said], analysis: Analysis, *, name: str) -> Material:
    """What may be sent of a call with somebody called ``name``. Keys, asides and what is masked are left out."""
    hide = _hider(name)
    spoken = (said for said in sorted(transcript, key=lambda one: one.seq) if said.is_speech)
    return Material(tuple(replace(said, text=hide(said.text)) for said in spoken), _known(analysis, hide))


def _hider(name: str) -> Callable[[str], str]:
    parts = sorted({part for part in re.findall(r"[^\W\d_]+", name) if len(part) > 1}, key=len, reverse=True)
    found = re.compile(rf"\b(?:{'|'.join(map(re.escape, parts))})\b" if parts else r"(?!)", re.IGNORECASE)
    return lambda text: found.sub(NAME, masked(_ADDRESS.sub(EMAIL, text)))


def _known(analysis: Analysis, hide: Callable[[str], str]) -> str:
    facts = [f"{fact.name.replace('_', ' ')}: {_value(fact.name, fact.value, hide)}" for fact in analysis.facts]
    step = analysis.steps[0]
    return "; ".join([f"outcome: {HEADLINES[analysis.disposition]}", *facts, f"next: {step.told}"])


def _value(name: str, value: str, hide: Callable[[str], str]) -> str:
    if value.isascii() and value.isdecimal():
        if name in _AMOUNTS:
            return f"${int(value):,}"
        if name == "timeline":
            return f"{int(value)} months"
    return hide(value.replace("_", " "))


def _told(turns: Iterable[Said | int]) -> str:
    return " ".join(
        f"({one} turns left out)" if isinstance(one, int) else f"{'AGENT' if one.of_us else 'PERSON'}: {one.text}"
        for one in turns
    )


def _ours_short(turns: Sequence[Said]) -> list[Said]:
    """What we said down to its last sentence, which mostly is the question."""
    return [replace(said, text=_ending(said.text)) if said.of_us else said for said in turns]


def _theirs_alone(turns: Sequence[Said]) -> list[Said]:
    return [replace(said, text=_head(said.text, _THEIR_WORDS)) for said in turns if not said.of_us]


def _without_middle(turns: Sequence[Said], budget: int) -> str:
    """The first turns, and as many of the last as fit."""
    head = list(turns[:_FIRST_TURNS])
    left = budget - tokens.count(_told([*head, 999]))
    tail = list[Said]()
    for said in reversed(turns[_FIRST_TURNS:]):
        left -= tokens.count(_told([said]))
        if left < 0:
            break
        tail.insert(0, said)
    return _told([*head, len(turns) - len(head) - len(tail), *tail])


def _ending(text: str) -> str:
    last = sentences(text)[-1].split()
    return " ".join(["...", *last[-_OUR_WORDS:]]) if len(last) > _OUR_WORDS else " ".join(last)


def _head(text: str, words: int) -> str:
    found = text.split()
    return " ".join([*found[:words], "..."]) if len(found) > words else text
