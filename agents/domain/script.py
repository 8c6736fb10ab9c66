"""What a conversation is held by: the questions, the answers to objections and the score, and in which version."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from agents.domain.intents import Objection
from agents.domain.objections import HANDLINGS, Handling
from agents.domain.questions import TOLD_BY, Question, Wordings, beside_the_plan, wordings
from agents.domain.scoring import DEFAULT_SCORING, Scoring

MAX_ASKED = 3
TEXT_WORDS = 12
"""Of an answer that is kept as it was said, unless a question says how many."""


def version_of(package: Path) -> str:
    """8 hex digits over the names and contents of every source file and phrase list below ``package``."""
    digest = hashlib.sha256()
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.toml")]):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:8]


VERSION = version_of(Path(__file__).parents[1])
"""The version of this process's script: the same on every machine, as long as nothing in ``agents`` changes.

To be kept with each call, so that costs and results can be compared by script. It covers the whole package:
``phrases.toml`` is only what people say, while our own words, the order of the questions and the answers to
objections stand in the modules. So a change that nobody hears gives a new version too, and no audible one is missed.
"""


class Kind(StrEnum):
    """How the answer to a script's own question is read. ``TIMELINE`` is kept as months from now."""

    YES_NO = "yes_no"
    NUMBER = "number"
    MONEY = "money"
    TIMELINE = "timeline"
    TEXT = "text"


FACTS: Mapping[Question, tuple[str, ...]] = {Question.INTEREST: ("interested",), **TOLD_BY}
"""What each question of the plan is for."""


PLANNED: Mapping[str, tuple[Question, ...]] = {
    "sell": (Question.MOTIVATION, Question.TIMELINE, Question.PRICE, Question.AGENT, Question.FINANCING),
    "buy": (
        Question.MOTIVATION,
        Question.TIMELINE,
        Question.SEARCH,
        Question.AREA,
        Question.BUDGET,
        Question.AGENT,
        Question.FINANCING,
    ),
}
"""Built-in questions that may stand on a plan between its first and its last."""


EDITABLE_BESIDE = (Question.SIDE, Question.AGENT_SIGNED, Question.CALLBACK, Question.KEEP)
"""Questions beside the plan whose words a script may choose; of the others a no or a yes has effects in law."""


@dataclass(frozen=True, slots=True)
class Step:
    """One question of a plan, left out once any of its ``facts`` is known.

    ``required``: nobody is qualified without an answer to it. ``most`` is how often it may be asked. A question of
    the script's own is ``Question.OWN``: ``kind`` says how its answer is read, of a text at most ``words`` words are
    kept, and ``points`` are what answers bring to the score (``agents.domain.answer_points`` names them).
    """

    question: Question
    facts: tuple[str, ...]
    wordings: Wordings
    required: bool = False
    most: int = MAX_ASKED
    kind: Kind | None = None
    words: int = TEXT_WORDS
    points: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the question is called: the fact that it asks for, where it is the script's own."""
        return self.facts[0] if self.question is Question.OWN else self.question.value


@dataclass(frozen=True, slots=True)
class Lines:
    """Answers that no question goes with."""

    bad_time: str = "Sorry to catch you at a bad time."
    has_agent: str = "Thank you for telling me. You are in good hands, so I will let you go. Goodbye."


def _plan(side: str, *questions: Question) -> tuple[Step, ...]:
    return tuple(standard(question, side) for question in (Question.INTEREST, *questions, Question.SLOT))


def standard(question: Question, side: str) -> Step:
    """A built-in question of a plan, as it is where nothing is edited."""
    texts = () if question is Question.SLOT else wordings(question, side=side)
    most = 1 if question is Question.SEARCH else MAX_ASKED
    return Step(question, FACTS.get(question, ()), texts, most=most)


def _more(name: str, kind: Kind, *texts: str) -> Step:
    return Step(Question.OWN, (name,), texts, most=2, kind=kind)


OFFERED: Mapping[str, Mapping[str, Step]] = {
    "sell": {
        "property": _more("property", Kind.TEXT, "What kind of home is it?", "A house or a condo, and how big?"),
        "condition": _more("condition", Kind.TEXT, "What shape is the home in?", "Does the home need any work?"),
        "decision_makers": _more(
            "decision_makers", Kind.TEXT, "Who else has a say in the sale?", "Do you decide alone, or with somebody?"
        ),
        "payoff": _more(
            "payoff", Kind.MONEY, "About how much is left to pay on the home?", "Roughly, how much do you owe on it?"
        ),
    },
    "buy": {
        "property": _more("property", Kind.TEXT, "What home would you like?", "A house or a condo, and how big?"),
        "decision_makers": _more(
            "decision_makers", Kind.TEXT, "Who else has a say in it?", "Do you decide alone, or with somebody?"
        ),
    },
}
"""Further questions that a script may put on its plan. Built in they are off, so that calls stay short."""


@dataclass(frozen=True, slots=True)
class Script:
    """What is asked of a seller and of a buyer, in which order, and what is answered.

    Each plan begins with ``Question.INTEREST`` and ends with ``SLOT`` (an appointment, or a call back where no slot
    is free) or with ``CALLBACK``. ``around`` are wordings of questions beside the plans. ``version`` is "" for the
    built-in script, else 8 hex digits of its content. ``personal`` are its texts that hold something of the lead's.
    """

    sell: tuple[Step, ...] = _plan("sell", *PLANNED["sell"])
    buy: tuple[Step, ...] = _plan("buy", *PLANNED["buy"])
    around: Mapping[Question, Wordings] = field(default_factory=beside_the_plan)
    playbook: Mapping[Objection, Handling] = field(default_factory=lambda: HANDLINGS)
    lines: Lines = Lines()
    scoring: Scoring = DEFAULT_SCORING
    version: str = ""
    personal: frozenset[str] = frozenset()

    def plan(self, side: str) -> tuple[Step, ...]:
        """ "buy", or "sell" and anything else."""
        return self.buy if side == "buy" else self.sell

    def step(self, name: str, side: str) -> Step | None:
        """The question ``name`` of the plan of ``side``, None where it is not on it."""
        return next((step for step in self.plan(side) if step.name == name), None)

    def wordings(self, question: Question, side: str) -> Wordings:
        """Of a built-in question, whether it is on the plan or not."""
        step = self.step(question.value, side)
        return (step.wordings if step else ()) or self.around.get(question) or wordings(question, side=side)

    def wording(self, question: Question, *, side: str, asked: int) -> str:
        """The text of a built-in question that has been asked ``asked`` times before; the last one repeats."""
        texts = self.wordings(question, side)
        return texts[min(asked, len(texts) - 1)]

    def required(self, side: str) -> tuple[str, ...]:
        """Facts without which nobody is qualified."""
        return tuple(step.facts[0] for step in self.plan(side) if step.required and step.facts)

    @property
    def own_facts(self) -> frozenset[str]:
        """What its own questions ask for."""
        return frozenset(step.name for step in (*self.sell, *self.buy) if step.question is Question.OWN)

    def texts(self) -> Iterator[str]:
        """Everything that it says, the first wordings first."""
        tables = [step.wordings for step in (*self.sell, *self.buy) if step.wordings] + [*self.around.values()]
        yield from (texts[0] for texts in tables)
        yield from (text for texts in tables for text in texts)
        for handling in self.playbook.values():
            yield from (attempt.text for attempt in handling.tries)
            yield handling.exit
        yield from (self.lines.bad_time, self.lines.has_agent)


DEFAULT_SCRIPT = Script()


VARIABLES: Mapping[str, str] = {
    "lead_first_name": "the lead's first name; left out where it is not known",
    "street": 'the street of the home, "your street" where it is not known',
    "company": "the company of the campaign",
    "agent_name": "the assistant's name",
}
"""What a text may name in braces."""

_OF_THE_LEAD = ("{lead_first_name}", "{street}")
_NAME = re.compile(r"(?:,? )?\{lead_first_name\}")


def filled(script: Script, *, lead_first_name: str, street: str, company: str, agent_name: str) -> Script:
    """``script`` with its variables filled in; a name that is not known leaves no gap."""
    texts = tuple(script.texts())
    if not any("{" in text for text in texts):
        return script

    def fill(text: str) -> str:
        text = text if lead_first_name else _NAME.sub("", text)
        text = text.replace("{lead_first_name}", lead_first_name).replace("{street}", street or "your street")
        text = text.replace("{company}", company).replace("{agent_name}", agent_name or "the assistant").strip()
        return text[:1].upper() + text[1:]

    def steps(plan: Iterable[Step]) -> tuple[Step, ...]:
        return tuple(replace(step, wordings=tuple(map(fill, step.wordings))) for step in plan)

    def handling(one: Handling) -> Handling:
        tries = tuple(replace(attempt, text=fill(attempt.text)) for attempt in one.tries)
        return replace(one, tries=tries, exit=fill(one.exit))

    return replace(
        script,
        sell=steps(script.sell),
        buy=steps(script.buy),
        around={question: tuple(map(fill, texts)) for question, texts in script.around.items()},
        playbook={kind: handling(one) for kind, one in script.playbook.items()},
        lines=Lines(fill(script.lines.bad_time), fill(script.lines.has_agent)),
        personal=frozenset(fill(text) for text in texts if any(name in text for name in _OF_THE_LEAD)),
    )
