"""What is wrong with a script, each with its place and what to change. A script without problems may be spoken."""

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter

from agents.domain import answer_points
from agents.domain.forbidden import wrong_with
from agents.domain.intents import Objection
from agents.domain.objections import Handling, Try
from agents.domain.questions import Question
from agents.domain.scoring import ScoreWeights
from agents.domain.script import EDITABLE_BESIDE, FACTS, VARIABLES, Script, Step

MAX_WORDS = 30
"""Of one text: more is not listened to on the phone."""
MAX_OWN = 8
_NAME = re.compile(r"[a-z][a-z0-9_]{2,29}")
_ENDS = (Question.SLOT, Question.CALLBACK)
_NOT_OWN = frozenset(
    {fact for facts in FACTS.values() for fact in facts}
    | {question.value for question in Question}
    | {"side", "appointment", "wants_person", "wants_information", "voicemail_message"}
)
"""Names that facts of the conversation have already."""
_REFUSED_BY = {Question.INTEREST: Objection.NOT_INTERESTED, Question.SIDE: Objection.NOT_INTERESTED}
"""Questions to which a no is itself an objection."""


@dataclass(frozen=True, slots=True)
class Problem:
    """``path`` is the place in the document, such as ``questions.sell[2].wordings[0]``."""

    path: str
    says: str

    def __str__(self) -> str:
        return f"{self.path}: {self.says}"


def problems(script: Script) -> list[Problem]:
    """Everything that is wrong with ``script``, in the order of the document."""
    return [
        *_plan("sell", script.sell),
        *_plan("buy", script.buy),
        *_own(script),
        *(_texts(script)),
        *_playbook(script.playbook),
        *_score(script),
    ]


def suggested(name: str, known: Iterable[str]) -> str:
    """``did you mean "slot"?`` or the names that there are."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(names)}."


def _plan(side: str, steps: tuple[Step, ...]) -> Iterator[Problem]:
    path = f"questions.{side}"
    if not steps or steps[0].question is not Question.INTEREST:
        yield Problem(path, "It has to begin with interest: nothing else is asked before a lead is interested.")
    if not steps or steps[-1].question not in _ENDS:
        yield Problem(path, "Nothing leads to an appointment or a call back: end it with slot, or with callback.")
    seen = set()
    for place, step in enumerate(steps):
        here = f"{path}[{place}].ask"
        if step.name in seen:
            yield Problem(here, f"{step.name!r} is asked already: keep one of the two, with more wordings.")
        seen.add(step.name)
        if step.question is Question.INTEREST and place:
            yield Problem(here, "interest comes first, and once: take it out here.")
        if step.question in _ENDS and place != len(steps) - 1:
            yield Problem(here, f"{step.name} ends the plan: nothing after it is asked. Move it to the end.")
    if Question.AGENT.value not in seen:
        yield Problem(
            path, "It does not ask for another agent: who has signed with one may not be solicited. Add agent."
        )
    if not seen & {Question.MOTIVATION.value, Question.TIMELINE.value}:
        yield Problem(path, "Nobody is qualified without a reason or a timeline: add motivation or timeline.")


def _own(script: Script) -> Iterator[Problem]:
    kinds: dict[str, object] = {}
    for side in ("sell", "buy"):
        own = [(place, step) for place, step in enumerate(script.plan(side)) if step.question is Question.OWN]
        if len(own) > MAX_OWN:
            says = f"It has {len(own)} questions of its own: {MAX_OWN} at most, or the call becomes an interrogation."
            yield Problem(f"questions.{side}", says)
        for place, step in own:
            here = f"questions.{side}[{place}]"
            if not _NAME.fullmatch(step.name):
                says = "A name has 3 to 30 small letters, digits and underscores, and begins with a letter."
                yield Problem(f"{here}.ask", f"{step.name!r} is no name. {says}")
            elif step.name in _NOT_OWN:
                yield Problem(f"{here}.ask", f"{step.name!r} is a fact of every call: choose another name.")
            if kinds.setdefault(step.name, step.kind) is not step.kind:
                yield Problem(f"{here}.kind", f"{step.name!r} is of another kind for sellers: give both the same.")
            for name in step.points:
                if step.kind is not None and not answer_points.is_answer(name, step.kind):
                    says = f"{name!r} is no answer of {step.kind.value}: "
                    known = suggested(name, answer_points.answers(step.kind))
                    yield Problem(f"{here}.points.{name}", f"{says}{known}")


def _texts(script: Script) -> Iterator[Problem]:
    for side in ("sell", "buy"):
        for place, step in enumerate(script.plan(side)):
            for number, text in enumerate(step.wordings):
                path = f"questions.{side}[{place}].wordings[{number}]"
                yield from _text(path, text, asks=True)
    for question, texts in script.around.items():
        if question in EDITABLE_BESIDE:
            for number, text in enumerate(texts):
                yield from _text(f"beside.{question.value}[{number}]", text, asks=True)
    for kind, handling in script.playbook.items():
        path = f"objections.{kind.value}"
        for number, attempt in enumerate(handling.tries):
            yield from _text(f"{path}.tries[{number}].say", attempt.text, asks=attempt.then is None)
        yield from _text(f"{path}.exit", handling.exit, asks=False)
    yield from _text("lines.bad_time", script.lines.bad_time, asks=False)
    yield from _text("lines.has_agent", script.lines.has_agent, asks=False)


def _text(path: str, text: str, *, asks: bool) -> Iterator[Problem]:
    """``asks``: it has to end in its one question; otherwise it must not ask."""
    if not text.strip():
        yield Problem(path, "It is empty: write what is to be said.")
        return
    if unknown := _unknown_variable(text):
        yield Problem(path, unknown)
        return
    words = len(text.split())
    if words > MAX_WORDS:
        yield Problem(path, f"It has {words} words: shorten it to {MAX_WORDS} at most.")
    if asks and (text.count("?") != 1 or not text.rstrip().endswith("?")):
        yield Problem(path, "It has to end in its one question, with a question mark.")
    if not asks and "?" in text:
        yield Problem(path, "Nothing is asked here, since something else follows: take the question out.")
    for wrong in wrong_with(text):
        yield Problem(path, wrong)


def _unknown_variable(text: str) -> str:
    known = [f"{{{name}}}" for name in VARIABLES]
    try:
        parts = [(name, spec, how) for _, name, spec, how in string.Formatter().parse(text) if name is not None]
    except ValueError:
        return f"A brace stands alone: write {', '.join(known)}, or no brace."
    for name, spec, how in parts:
        if name not in VARIABLES or spec or how:
            return f"{{{name}}} is not known: {suggested(f'{{{name}}}', known)}"
    return ""


def _playbook(playbook: Mapping[Objection, Handling]) -> Iterator[Problem]:
    for kind in Objection:
        if kind not in playbook:
            yield Problem(f"objections.{kind.value}", "It is missing: every objection needs an answer.")
    for kind, handling in playbook.items():
        for number, attempt in enumerate(handling.tries):
            path = f"objections.{kind.value}.tries[{number}]"
            if attempt.then and (attempt.on_yes or attempt.callback_days):
                yield Problem(path, "then asks a question, so there is no yes to this text: take one of them out.")
            if attempt.on_yes and attempt.callback_days:
                yield Problem(path, "A yes leads to one thing: take on_yes or callback_days out.")
    try:
        TopologicalSorter(_ways(playbook)).prepare()
    except CycleError as error:
        way = " > ".join(reversed(error.args[1]))
        first = next(name for name in reversed(error.args[1]) if name in frozenset(Objection))
        yield Problem(
            f"objections.{first}", f"A no leads round in a circle: {way}. Let a try lead to slot or callback."
        )


def _ways(playbook: Mapping[Objection, Handling]) -> dict[str, set[str]]:
    """From each objection to the questions that its tries lead to, and from those back where a no objects."""
    ways = {kind.value: {_next(attempt) for attempt in one.tries} - {""} for kind, one in playbook.items()}
    return ways | {f"question {asked.value}": {kind.value} for asked, kind in _REFUSED_BY.items()}


def _next(attempt: Try) -> str:
    question = attempt.then or attempt.on_yes
    return f"question {question.value}" if question else ""


def _score(script: Script) -> Iterator[Problem]:
    scoring, weights = script.scoring, script.scoring.weights
    total = sum(parts(weights).values())
    if total > 100:
        yield Problem("score.weights", f"They add up to {total}, and a score ends at 100: take {total - 100} away.")
    if scoring.warm_from >= scoring.hot_from:
        yield Problem("score.warm_from", f"Warm has to begin below hot, which begins at {scoring.hot_from}.")
    for side in ("sell", "buy"):
        own = sum(map(answer_points.most, script.plan(side)))
        if total <= 100 < total + own:
            says = f"Its own questions bring {own} points and the weights {total}, and a score ends at 100: take "
            yield Problem(f"questions.{side}", f"{says}{total + own - 100} away.")
        reach = _reach(script, side)
        booked = weights.appointment if script.plan(side) and script.plan(side)[-1].question is Question.SLOT else 0
        for name, needed, most in (
            ("hot_from", scoring.hot_from, reach + booked),
            ("qualified_from", scoring.qualified_from, reach),
        ):
            if needed > most:
                without = " before the appointment" if name == "qualified_from" else ""
                yield Problem(
                    f"score.{name}",
                    f"The questions of {side} bring {most} points at most{without}, and it begins at {needed}: "
                    "lower it, raise weights, or ask for more.",
                )


def parts(weights: ScoreWeights) -> dict[str, int]:
    """The most that each part of a score can bring."""
    best: dict[str, int] = {}
    for field in fields(weights):
        part = field.name.split("_")[0]
        best[part] = max(best.get(part, 0), getattr(weights, field.name))
    return best


def _reach(script: Script, side: str) -> int:
    """The most that a lead can have before the appointment, by what the plan asks for."""
    most, asked = parts(script.scoring.weights), {fact for step in script.plan(side) for fact in step.facts}
    places = ("price",) if side == "sell" else ("area", "budget")
    known = (side == "sell") + sum(name in asked for name in places)  # a seller's street is in the lead
    by_fact = {"timeline": "within", "motivation": "motivation", "financing": "finance", "agent": "unrepresented"}
    points = sum(most[part] for fact, part in by_fact.items() if fact in asked)
    own = sum(map(answer_points.most, script.plan(side)))
    return points + own + most["area"] * min(known, 2) // 2
