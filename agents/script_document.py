"""A script as a YAML document: read with every mistake and its place, written in one canonical form.

The version of a script is the hash of that form, so the same content is the same version wherever it is read.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

import yaml
from pydantic import ValidationError

from agents.domain.intents import Objection
from agents.domain.objections import Handling, Try
from agents.domain.questions import Question, beside_the_plan
from agents.domain.scoring import ScoreWeights, Scoring
from agents.domain.script import (
    EDITABLE_BESIDE,
    MAX_ASKED,
    OFFERED,
    PLANNED,
    TEXT_WORDS,
    Kind,
    Lines,
    Script,
    Step,
    standard,
)
from agents.domain.script_checks import Problem, problems, suggested
from agents.script_schema import Document, HandlingPart, StepPart, problem_of
from agents.unique_keys import UniqueKeyLoader

MAX_BYTES = 64 * 1024
_MAX_DEPTH = 10
_ENDS = (Question.SLOT, Question.CALLBACK)
NEXT = (*dict.fromkeys((*PLANNED["sell"], *PLANNED["buy"])), Question.INTEREST, *_ENDS)
"""Questions that a try may lead to."""


class ScriptError(Exception):
    """The document is no script that may be spoken; ``problems`` say where and what to change."""

    def __init__(self, found: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, found)))
        self.problems = tuple(found)


def read(text: str) -> Script:
    """The script that ``text`` holds. Raises ScriptError with everything that is wrong with it."""
    return of_document(_parsed(text))


def of_document(data: Mapping[str, Any]) -> Script:
    """The script of a document that was parsed already. Raises ScriptError."""
    try:
        document = Document.model_validate(data)
    except ValidationError as error:
        raise ScriptError([problem_of(one) for one in error.errors()]) from None
    found: list[Problem] = []
    script = Script(
        sell=tuple(_steps("sell", document.questions.sell, found)),
        buy=tuple(_steps("buy", document.questions.buy, found)),
        around=beside_the_plan()
        | {Question(name): tuple(_even(one) for one in texts) for name, texts in document.beside},
        playbook=_playbook(document.objections, found),
        lines=Lines(_even(document.lines.bad_time), _even(document.lines.has_agent)),
        scoring=Scoring(
            ScoreWeights(**document.score.weights.model_dump()),
            document.score.hot_from,
            document.score.warm_from,
            document.score.qualified_from,
        ),
    )
    found += problems(script)
    if found:
        raise ScriptError(found)
    return replace(script, version=version_of(written(script)))


@lru_cache(maxsize=64)
def spoken_script(text: str) -> Script:
    """The script of a text that was checked when it was stored; the same text is read once. Raises ScriptError."""
    return read(text)


def version_of(text: str) -> str:
    """8 hex digits over a script in its canonical form."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def written(script: Script) -> str:
    """``script`` in its canonical form, with nothing left to defaults."""
    dumped: str = yaml.safe_dump(document_of(script), sort_keys=False, allow_unicode=True, width=110)
    return dumped


def document_of(script: Script) -> dict[str, Any]:
    """``script`` as plain data, in the order of the document."""
    return {
        "format": 1,
        "questions": {side: [_step_data(step) for step in script.plan(side)] for side in ("sell", "buy")},
        "beside": {question.value: list(script.around[question]) for question in EDITABLE_BESIDE},
        "objections": {
            kind.value: {
                "tries": [_try_data(one) for one in script.playbook[kind].tries],
                "exit": script.playbook[kind].exit,
            }
            for kind in Objection
        },
        "lines": asdict(script.lines),
        "score": asdict(script.scoring),
    }


def _step_data(step: Step) -> dict[str, Any]:
    if step.question is Question.SLOT:
        return {"ask": step.name}
    data: dict[str, Any] = {"ask": step.name, "wordings": list(step.wordings)}
    if step.question in (Question.INTEREST, Question.CALLBACK):
        return data
    if step.kind is not None:
        data["kind"] = step.kind.value
    if step.kind is Kind.TEXT:
        data["words"] = step.words
    if step.points:
        data["points"] = dict(step.points)
    return data | {"required": step.required, "most": step.most}


def _try_data(attempt: Try) -> dict[str, Any]:
    data: dict[str, Any] = {"say": attempt.text}
    if attempt.then:
        data["then"] = attempt.then.value
    if attempt.on_yes:
        data["on_yes"] = attempt.on_yes.value
    if attempt.callback_days:
        data["callback_days"] = attempt.callback_days
    return data


def _steps(side: str, typed: Iterable[StepPart], found: list[Problem]) -> Iterable[Step]:
    known = (Question.INTEREST, *PLANNED[side], *_ENDS)
    for place, one in enumerate(typed):
        path = f"questions.{side}[{place}]"
        if one.ask in [question.value for question in known]:
            yield _built_in(Question(one.ask), side, one, path, found)
            continue
        offered = OFFERED[side].get(one.ask)
        kind = one.kind or (offered.kind if offered else None)
        texts = one.wordings or (offered.wordings if offered else None)
        if kind is None:
            names = [question.value for question in known] + [*OFFERED[side]]
            says = f"{one.ask!r} is not known: {suggested(one.ask, names)} One of your own needs a kind."
            found.append(Problem(f"{path}.ask", says))
        elif texts is None:
            found.append(Problem(f"{path}.wordings", "It is missing: write how the question is put."))
        if one.words is not None and kind is not Kind.TEXT:
            found.append(Problem(f"{path}.words", "It is for the kind text alone: take it out."))
        yield Step(
            Question.OWN,
            (one.ask,),
            tuple(map(_even, texts or ())),
            required=one.required,
            most=one.most or (offered.most if offered else MAX_ASKED),
            kind=kind,
            words=one.words or TEXT_WORDS,
            points=one.points or {},
        )


def _built_in(question: Question, side: str, typed: StepPart, path: str, found: list[Problem]) -> Step:
    fixed = question in (Question.INTEREST, *_ENDS)
    for name, given in (
        ("kind", typed.kind is not None),
        ("words", typed.words is not None),
        ("points", typed.points is not None),
        ("required", fixed and typed.required),
        ("most", fixed and typed.most is not None),
        ("wordings", question is Question.SLOT and typed.wordings is not None),
    ):
        if given:
            found.append(Problem(f"{path}.{name}", f"{question.value} has none of its own to set: take it out."))
    step = standard(question, side)
    texts = tuple(map(_even, typed.wordings)) if typed.wordings else step.wordings
    return replace(step, wordings=texts, required=typed.required, most=typed.most or step.most)


def _playbook(typed: Mapping[str, HandlingPart], found: list[Problem]) -> dict[Objection, Handling]:
    playbook: dict[Objection, Handling] = {}
    for name, one in typed.items():
        if name not in [kind.value for kind in Objection]:
            says = f"It is no objection that is known: {suggested(name, [kind.value for kind in Objection])}"
            found.append(Problem(f"objections.{name}", says))
            continue
        tries = []
        for place, attempt in enumerate(one.tries):
            path = f"objections.{name}.tries[{place}]"
            then = _next(f"{path}.then", attempt.then, found)
            on_yes = _next(f"{path}.on_yes", attempt.on_yes, found)
            tries.append(Try(_even(attempt.say), then, on_yes, attempt.callback_days))
        playbook[Objection(name)] = Handling(tuple(tries), _even(one.exit))
    return playbook


def _next(path: str, name: str | None, found: list[Problem]) -> Question | None:
    if name is None:
        return None
    known = [question.value for question in NEXT]
    if name not in known:
        found.append(Problem(path, f"{name!r} is no next step: {suggested(name, known)}"))
        return None
    return Question(name)


def _even(text: str) -> str:
    """One space between words, whatever the document's line breaks."""
    return " ".join(text.split())


def _parsed(text: str) -> Mapping[str, Any]:
    if len(text.encode()) > MAX_BYTES:
        raise ScriptError([Problem("document", f"It is longer than {MAX_BYTES // 1024} KiB: shorten it.")])
    try:
        _check_shape(text)
        data = yaml.load(text, Loader=UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else "document"
        raise ScriptError([Problem(line, f"It is not YAML: {error.problem}.")]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ScriptError([Problem("document", f"It is not YAML: {' '.join(str(error).split())}.")]) from None
    if not isinstance(data, dict):
        raise ScriptError([Problem("document", "It has no fields: begin with a copy of the built-in script.")])
    return data


def _check_shape(text: str) -> None:
    """Before anything is built: what refers to itself may grow without end. Raises ScriptError, yaml.YAMLError."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ScriptError(
                [Problem("document", "Its parts lie too deep in one another: see the built-in script.")]
            )
        if isinstance(event, yaml.AliasEvent):
            raise ScriptError([Problem("document", "It refers to itself with *: write the part out.")])
