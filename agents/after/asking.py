"""Asks a language model about a call that is over, when nobody waits any more, and keeps what the call bears out."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, Field

from agents.after.addition import Addition, Point
from agents.after.grounding import Ground
from agents.after.material import Material
from agents.after.types import Mood
from agents.domain.types import Disposition, ModelUse
from agents.llm import prompts, tokens
from agents.llm.port import LanguageModel, Patience, Prompt, Told

PROMPT = "after"
MOST_POINTS = 3
_REPAIR_TOKENS = 1500
"""For telling what is wrong with an answer, and for the schema that goes with both requests."""
_UNFOUNDED = "unfounded"
"""Why an answer of which nothing is borne out was dropped."""


class _Point(BaseModel):
    text: str = Field(max_length=300)
    quote: str = Field(max_length=300)


_Points = list[_Point]


class _Answer(BaseModel):
    """What the model is asked for. All that can be checked is checked afterwards, part by part."""

    summary: str = Field(max_length=800)
    mood: Literal["positive", "neutral", "negative"]
    mood_quote: str = Field(default="", max_length=300)
    questions: _Points = Field(default=[], max_length=MOST_POINTS)
    next_steps: _Points = Field(default=[], max_length=MOST_POINTS)
    findings: _Points = Field(default=[], max_length=MOST_POINTS)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it is put to a model."""

    material: Material
    company: str
    disposition: Disposition

    def prompt(self, *, context_tokens: int) -> Prompt:
        """The prompt, which leaves room for the answer, and for another one after a repair where there is enough."""
        template = prompts.load(PROMPT)
        values = {"company": self.company, "known": self.material.known, "said": ""}
        bare = template.rendered(values, budget=context_tokens)
        left = context_tokens - template.max_tokens - tokens.count_messages(bare.messages)
        said = self.material.transcript(budget=max(left - template.max_tokens, left // 2))
        return template.rendered({**values, "said": said}, budget=context_tokens)

    def most_tokens(self, *, context_tokens: int) -> tuple[int, int]:
        """In and out: the most that asking takes, a repair included."""
        prompt = self.prompt(context_tokens=context_tokens)
        sent = tokens.count_messages(prompt.messages)
        return 2 * sent + prompt.max_tokens + _REPAIR_TOKENS, 2 * prompt.max_tokens


async def add(model: LanguageModel, asked: Asked, *, patience: Patience, context_tokens: int, told: Told) -> Addition:
    """What ``model`` adds to the analysis of ``asked``. ``told`` hears of the use, however it ends.

    Raises ModelError.
    """
    uses = list[ModelUse]()
    try:
        prompt = asked.prompt(context_tokens=context_tokens)
        answer = await model.structured(prompt, _Answer, patience, told=uses.append)
        found = _founded(answer, asked)
        if not found.parts:
            uses = [replace(use, dropped=_UNFOUNDED) for use in uses]
        return found
    finally:
        for use in uses:
            told(use)


def _founded(answer: _Answer, asked: Asked) -> Addition:
    """What of ``answer`` the call bears out."""
    about = asked.material
    ground = Ground(about.turns, about.known, company=asked.company, disposition=asked.disposition)
    dropped = list[str]()
    summary = " ".join(answer.summary.split())
    if why := ground.refuses_summary(summary):
        dropped.append(f"summary: {why}")
    mood, turn = Mood(answer.mood), ground.turn_of(answer.mood_quote, theirs=True)
    if why_not := _mood_refused(mood, turn, asked.disposition):
        dropped.append(f"mood: {why_not}")
    return Addition(
        summary="" if why else summary,
        mood=None if why_not else mood,
        mood_turn=None if why_not or mood is Mood.NEUTRAL else turn,
        questions=_points("questions", answer.questions, ground, dropped, theirs=True),
        hints=_points("hints", answer.next_steps, ground, dropped),
        findings=_points("findings", answer.findings, ground, dropped),
        dropped=tuple(dropped),
    )


def _mood_refused(mood: Mood, turn: int | None, disposition: Disposition) -> str:
    if mood is Mood.NEUTRAL:
        return ""
    if turn is None:
        return "quote"
    return "outcome" if mood is Mood.POSITIVE and disposition is Disposition.DO_NOT_CALL else ""


def _points(
    name: str, points: Iterable[_Point], ground: Ground, dropped: list[str], *, theirs: bool = False
) -> tuple[Point, ...]:
    """Those of ``points`` that are borne out, none twice; the others are named in ``dropped``."""
    kept = dict[str, Point]()
    for point in points:
        text, turn = " ".join(point.text.split()), ground.turn_of(point.quote, theirs=theirs)
        if why := ground.refuses_point(text) or ("" if turn else "quote"):
            dropped.append(f"{name}: {why}")
        elif turn:
            kept.setdefault(text, Point(text, turn))
    return tuple(kept.values())
