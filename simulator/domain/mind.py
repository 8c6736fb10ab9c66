"""What a person makes of what was heard. Pure: the ear and the mouth are elsewhere, time comes in as seconds."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from simulator.domain.people import Person, Rule

_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")
GREETING = -1
_MOST_TURNS = 30
_STATEMENT_PATIENCE_S, _QUESTION_PATIENCE_S = 2.5, 0.8


@dataclass(frozen=True, slots=True)
class Reaction:
    """Wait ``after_s``, say ``says``, press ``presses``, then perhaps hang up. ``rule`` is the
    rule's place, GREETING for the first words, None where no rule led to it."""

    says: str = ""
    presses: str = ""
    hangs_up: bool = False
    after_s: float = 0.3
    rule: int | None = None


class Mind(Protocol):
    def hear(self, text: str) -> Reaction | None:
        """The reaction to all that the agent said since the person's last word; asking changes nothing."""

    def quiet(self, silent_s: float) -> Reaction | None:
        """The reaction to ``silent_s`` seconds in which nobody spoke."""

    def interrupt(self, talking_s: float, *, utterance: int) -> Reaction | None:
        """What to do while the agent has been talking for ``talking_s`` in its ``utterance``, counted from 1."""

    def commit(self, reaction: Reaction) -> None:
        """The reaction is being carried out."""


class RuleMind:
    """Goes by the person's rules: first against the question asked last, then against all that was heard.

    The question goes first because an agent often names the last topic again before it asks about the next.
    """

    def __init__(self, person: Person) -> None:
        self._person = person
        self._fired: Counter[int] = Counter()
        self._fallbacks = 0
        self._turns = 0

    def hear(self, text: str) -> Reaction | None:
        if self._turns >= _MOST_TURNS:
            return Reaction(says="", hangs_up=True)
        question = last_question(text)
        for heard in dict.fromkeys(part for part in (question, text) if part):
            for index, rule in self._live():
                if rule.hears is not None and re.search(rule.hears, heard, re.IGNORECASE):
                    return self._reaction(index, rule)
        if self._fallbacks >= len(self._person.fallback):
            return None
        patience_s = _QUESTION_PATIENCE_S if question else _STATEMENT_PATIENCE_S
        return Reaction(says=self._person.fallback[self._fallbacks], after_s=patience_s)

    def quiet(self, silent_s: float) -> Reaction | None:
        for index, rule in self._live():
            if rule.silence_s is not None and silent_s >= rule.silence_s:
                return self._reaction(index, rule)
        return Reaction(hangs_up=True, after_s=0) if silent_s >= self._person.gives_up_s else None

    def interrupt(self, talking_s: float, *, utterance: int) -> Reaction | None:
        leaving = self._person.hangs_up_mid_sentence
        if leaving and utterance >= leaving.utterance and talking_s >= leaving.after_s:
            return Reaction(hangs_up=True, after_s=0)
        for index, rule in self._live():
            if rule.barge_in and talking_s >= rule.after_s:
                return self._reaction(index, rule, after_s=0)
        return None

    def commit(self, reaction: Reaction) -> None:
        self._turns += 1
        if reaction.rule is not None:
            self._fired[reaction.rule] += 1
        elif reaction.says:
            self._fallbacks += 1

    def _live(self) -> list[tuple[int, Rule]]:
        rules = enumerate(self._person.rules)
        return [(index, rule) for index, rule in rules if not (rule.once and self._fired[index])]

    def _reaction(self, index: int, rule: Rule, *, after_s: float | None = None) -> Reaction:
        says = rule.says[min(self._fired[index], len(rule.says) - 1)] if rule.says else ""
        wait_s = rule.after_s if after_s is None else after_s
        return Reaction(says, rule.presses, rule.then == "hang_up", wait_s, index)


class CannedMind:
    """Load mode: whatever was heard, the next line; hangs up after the last one, or when nobody speaks."""

    LINES = (
        "Yes, this is me.",
        "Within three months.",
        "Around four hundred thousand.",
        "No agent yet.",
        "Tuesday is fine.",
        "Thanks, bye.",
    )

    def __init__(self, gives_up_s: float = 20.0) -> None:
        self._gives_up_s = gives_up_s
        self._said = 0

    def hear(self, text: str) -> Reaction | None:
        del text
        if self._said >= len(self.LINES):
            return None
        return Reaction(self.LINES[self._said], hangs_up=self._said == len(self.LINES) - 1, rule=self._said)

    def quiet(self, silent_s: float) -> Reaction | None:
        return Reaction(hangs_up=True, after_s=0) if silent_s >= self._gives_up_s else None

    def interrupt(self, talking_s: float, *, utterance: int) -> Reaction | None:
        del talking_s, utterance
        return None

    def commit(self, reaction: Reaction) -> None:
        self._said += reaction.rule is not None and reaction.rule != GREETING


def last_question(text: str) -> str:
    """The last sentence that ends with a question mark, "" without one."""
    return next((part for part in reversed(_SENTENCE_END.split(text.strip())) if part.endswith("?")), "")
