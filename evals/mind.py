"""One call's person: chosen wordings, what they have told, which time they took, when they leave."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from evals import noise as noises
from evals import spoken
from evals.noise import Noise
from evals.person import Line, Person, words
from simulator.domain import people as simulated
from simulator.domain.mind import Reaction, RuleMind

CALLBACK, TAKES = "callback", "takes"
_SEVERAL = 3
"""So many wordings of one answer are at hand, for questions that come again."""
_WORDS_A_S = 2.5
_LEAVES_AFTER_S = 1.0
_FIRST, _SECOND, _EITHER = "first", "second", "either"
_TOPICS_OF_TIMES = ("slot", "callback_pick")
_PARTS = {"search": ("area", "budget")}
"""Topics that ask for several things at once."""
_NOTHING = frozenset({"unknown", "no"})
_NO_TIMES = frozenset({"neither", "no"})
_DAYS = {name: number for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}
_NOT_UNDERSTOOD = re.compile(r"did not (?:get|catch)|didn't (?:get|catch)|trouble understanding", re.IGNORECASE)
"""Whoever is told so says it again, perhaps in other words."""
_READ_BACK = re.compile(r"\bis that (?:right|correct)\?|\bthe right time\b", re.IGNORECASE)
_NEAR = timedelta(minutes=2)
"""Nobody objects to so much: "in twenty minutes" is read back as a time on the clock."""
_AHEAD = re.compile(r"\+(\d+)(m|d)(?: (\d\d):(\d\d))?")
_WEEKDAY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun)(?: (\d\d):(\d\d))")


@dataclass(frozen=True, slots=True)
class Said:
    """What comes out: words as they reach the agent, or a key; None for neither. ``plain`` is without noise."""

    text: str | None = None
    key: str = ""
    hangs_up: bool = False
    plain: str = ""
    over_after_s: float | None = None


@dataclass(slots=True)
class Told:
    """What the person has made known: facts by name, times in their own wall clock.

    ``slack`` is how exactly the time to call was meant: "in twenty minutes" is nobody's second.
    """

    facts: dict[str, str] = field(default_factory=dict)
    taken: datetime | None = None
    callback: datetime | None = None
    slack: timedelta = timedelta(0)


class PersonsMind:
    """Decides what the person of one seeded call says. ``local`` is their wall clock time, without a zone.

    A line of their own that is not understood they say ``again`` so many times.
    """

    def __init__(self, person: Person, rng: random.Random, noise: Noise, *, again: int = 1) -> None:
        self._person, self._rng, self._noise = person, rng, noise
        self.told = Told(facts=dict(person.before.facts) if person.before else {})
        self._turns = self._utterances = 0
        self._quiet_s = 0.0
        self._unheard: Line | None = None
        self._again = again
        self._wanted: datetime | None = None
        self._wanted_in = ""
        self._means: list[Mapping[str, str]] = []
        self._at_turn = {rng.randint(*line.turn): line for line in person.lines if line.turn is not None}
        self._values = {topic: self._value(topic) for topic in person.answers}
        rules = [self._own(line) for line in self._rules]
        rules += [rule for topic in words().topics for rule in self._answer(topic)]
        self._mind = RuleMind(
            simulated.Person(
                id=person.id,
                number="*0100",
                rules=tuple(rules),
                fallback=("Sorry?", "Pardon me?"),
                hangs_up_mid_sentence=_leaving(person),
            )
        )

    def over(self, agent: str, *, local: datetime) -> Said | None:
        """What the person does while the agent speaks, None for listening."""
        self._utterances += 1
        return self.interrupt(len(agent.split()) / _WORDS_A_S, utterance=self._utterances, local=local)

    def interrupt(self, talking_s: float, *, utterance: int, local: datetime) -> Said | None:
        """What they do while the agent is ``talking_s`` into its ``utterance``, None for listening."""
        reaction = self._mind.interrupt(talking_s, utterance=utterance)
        if reaction is None:
            return None
        self._mind.commit(reaction)
        rule = reaction.rule if reaction.rule is not None else -1
        after_s = self._rules[rule].after_s if 0 <= rule < len(self._rules) else _LEAVES_AFTER_S
        return self._spoken(reaction, "", local=local, over_after_s=after_s)

    def quiet(self, silent_s: float, *, local: datetime) -> Said | None:
        """What they do after ``silent_s`` in which nobody spoke, None for waiting on."""
        reaction = self._mind.quiet(silent_s)
        if reaction is None:
            return None
        self._mind.commit(reaction)
        return self._spoken(reaction, "", local=local)

    @property
    def _rules(self) -> tuple[Line, ...]:
        return tuple(line for line in self._person.lines if line.turn is None)

    def answer(self, agent: str, *, local: datetime, waited_s: float) -> Said:
        """What they say to all that the agent said last; ``waited_s`` is how long a silence may grow."""
        self._turns += 1
        if self._person.silent_from is not None and self._turns >= self._person.silent_from:
            return self._silence(waited_s, local=local)
        line, unheard, self._unheard = self._at_turn.pop(self._turns, None), self._unheard, None
        if line is not None:
            self._unheard = line
            return self._interjected(line, agent, local=local)
        if unheard is not None and self._again and _NOT_UNDERSTOOD.search(agent):
            self._again -= 1
            self._unheard = unheard if self._again else None
            return self._interjected(unheard, agent, local=local)
        if self._misheard(agent, local):
            self._quiet_s = 0.0
            return self._uttered(f"No. {self._wanted_in}")
        reaction = self._mind.hear(agent) if agent else None
        if reaction is None:
            return self._silence(waited_s, local=local)
        self._quiet_s = 0.0
        self._mind.commit(reaction)
        return self._spoken(reaction, agent, local=local)

    def _silence(self, waited_s: float, *, local: datetime) -> Said:
        self._quiet_s += waited_s
        return self.quiet(self._quiet_s, local=local) or Said()

    def _interjected(self, line: Line, agent: str, *, local: datetime) -> Said:
        """A line of their own; then the answer to the question, where they give it as well."""
        self._quiet_s = 0.0
        if line.presses:
            return Said(key=line.presses)
        said = self._rng.choice(_wordings(line.says))
        self._tell(line.means, agent, said, local=local)
        reaction = self._mind.hear(agent) if line.answers_too else None
        if reaction is not None:
            self._mind.commit(reaction)
            if reaction.rule is not None:
                self._tell(self._means[reaction.rule], agent, reaction.says, local=local)
            said = f"{said} {self._filled(reaction.says, agent)}"
        return self._uttered(self._filled(said, agent), hangs_up=line.then == "hang_up")

    def _misheard(self, agent: str, local: datetime) -> bool:
        """Whether a time is read back that is not the one they wanted last."""
        moments = spoken.moments(agent)
        if self._wanted is None or len(moments) != 1 or not _READ_BACK.search(agent):
            return False
        return abs(spoken.local_time(moments[0], now=local) - self._wanted) > _NEAR

    def _uttered(self, text: str, *, hangs_up: bool = False, over_after_s: float | None = None) -> Said:
        heard = noises.heard(text, self._noise, self._rng) if text else None
        return Said(heard or None, hangs_up=hangs_up, plain=text, over_after_s=over_after_s)

    def _spoken(self, reaction: Reaction, agent: str, *, local: datetime, over_after_s: float | None = None) -> Said:
        if reaction.rule is not None and reaction.rule >= 0:
            self._tell(self._means[reaction.rule], agent, reaction.says, local=local)
        if reaction.presses:
            return Said(key=reaction.presses, hangs_up=reaction.hangs_up, over_after_s=over_after_s)
        text = self._filled(reaction.says, agent)
        return self._uttered(text, hangs_up=reaction.hangs_up, over_after_s=over_after_s)

    def _own(self, line: Line) -> simulated.Rule:
        self._means.append(line.means)
        says = _wordings(line.says)
        chosen = tuple(self._rng.sample(says, min(len(says), _SEVERAL)))
        return simulated.Rule(
            hears=line.hears,
            silence_s=line.silence_s,
            barge_in=line.barge_in,
            after_s=line.after_s,
            says=chosen,
            presses=line.presses,
            once=line.once,
            then=line.then,
        )

    def _value(self, topic: str) -> tuple[str, tuple[str, ...]]:
        """The value that they tell of a topic in this call, and in which words."""
        by_value = words().values(topic, self._person.answers[topic])
        value = self._rng.choice(list(by_value))
        return value, tuple(self._rng.sample(by_value[value], min(len(by_value[value]), _SEVERAL)))

    def _answer(self, topic: str) -> list[simulated.Rule]:
        parts = [part for part in _PARTS.get(topic, (topic,)) if part in self._values]
        if topic not in self._values and len(parts) < len(_PARTS.get(topic, (topic,))):
            return []
        if topic in self._values:
            parts = [topic]
        each = [self._values[part] for part in parts]
        says = tuple(_joined(texts) for texts in zip(*(told for _, told in each), strict=False))
        means: dict[str, str] = {}
        for part, (value, _) in zip(parts, each, strict=True):
            means |= _meaning(part, value)
        self._means.append(means)
        return [simulated.Rule(hears=words().topics[topic], says=says)]

    def _filled(self, says: str, agent: str) -> str:
        """Times on offer come in where the words leave room for them."""
        offers = spoken.moments(agent)
        if not offers:
            return says.format_map(_NoOffer())
        first, second = offers[0], offers[-1]
        days = [offer.split(" at ")[0] for offer in (first, second)]
        if (short := [day.split(",")[0] for day in days])[0] != short[1] or first == second:
            days = short  # of two Mondays, people say which
        return says.format(
            first=_plainly(first),
            second=_plainly(second),
            first_day=days[0],
            second_day=days[1],
        )

    def _tell(self, means: Mapping[str, str], agent: str, says: str, *, local: datetime) -> None:
        for name, value in means.items():
            if name == TAKES:
                self._take(value, agent, local=local)
                self._wanted, self._wanted_in = self.told.taken, self._filled(says, agent)
            elif name == CALLBACK:
                self.told.callback = wished(value, local)
                self.told.slack = timedelta(minutes=1) if value.endswith("m") else timedelta(0)
                self._wanted, self._wanted_in = self.told.callback, self._filled(says, agent)
            else:
                self.told.facts[name] = value

    def _take(self, which: str, agent: str, *, local: datetime) -> None:
        offers = spoken.moments(agent)
        if offers:
            self.told.taken = spoken.local_time(offers[-1 if which == _SECOND else 0], now=local)


def _leaving(person: Person) -> simulated.HangUp | None:
    at = person.leaves_at
    return None if at is None else simulated.HangUp(utterance=at, after_s=_LEAVES_AFTER_S)


def _meaning(topic: str, value: str) -> dict[str, str]:
    if topic in (CALLBACK, *_TOPICS_OF_TIMES):
        if value in (_FIRST, _SECOND, _EITHER):
            return {TAKES: value}
        return {} if value in _NO_TIMES else {CALLBACK: value}
    fact = words().facts.get(topic, "")
    return {fact: value} if fact and value not in _NOTHING else {}


def _joined(texts: tuple[str, ...]) -> str:
    return ", ".join([*(text.rstrip(".") for text in texts[:-1]), texts[-1]])


class _NoOffer(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "that time"


def _wordings(says: str | tuple[str, ...]) -> tuple[str, ...]:
    return (
        words().sets[says]
        if isinstance(says, str) and says in words().sets
        else ((says,) if isinstance(says, str) else says)
    )


def _plainly(moment: str) -> str:
    """ "Tuesday at ten A M" as people repeat it: "Tuesday at ten"."""
    return re.sub(r" [AP] M$", "", moment)


def wished(value: str, local: datetime) -> datetime:
    """The wall clock time of "+20m", "+1d 10:00", "tue 13:30" (the next one, not today) or "2026-11-20 10:00".

    Minutes go by the clock on the wall: no person of ours asks for them within an hour of a change.
    """
    if found := _AHEAD.fullmatch(value):
        amount = int(found[1])
        if found[2] == "m":
            return local + timedelta(minutes=amount)
        return (local + timedelta(days=amount)).replace(
            hour=int(found[3]), minute=int(found[4]), second=0, microsecond=0
        )
    if found := _WEEKDAY.fullmatch(value):
        ahead = (_DAYS[found[1]] - local.weekday()) % 7 or 7
        day = local + timedelta(days=ahead)
        return day.replace(hour=int(found[2]), minute=int(found[3]), second=0, microsecond=0)
    return datetime.strptime(value, "%Y-%m-%d %H:%M")  # noqa: DTZ007 - a wall clock has no zone
