"""The fields of a script's document, and what is said of one that does not fit."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import ErrorDetails

from agents.domain.script import MAX_ASKED, Kind
from agents.domain.script_checks import Problem

Points = Annotated[int, Field(ge=0, le=100, strict=True)]
Threshold = Annotated[int, Field(ge=1, le=100, strict=True)]
_WORDS_OF_YAML = {True: "yes", False: "no"}


def _by_answer(typed: Any) -> Any:
    """YAML takes a bare yes for true."""
    if not isinstance(typed, dict):
        return typed
    return {_WORDS_OF_YAML[key] if isinstance(key, bool) else str(key): value for key, value in typed.items()}


PointsByAnswer = Annotated[dict[str, Points], BeforeValidator(_by_answer)]
Texts = Annotated[list[str], Field(min_length=1, max_length=4)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StepPart(Part):
    ask: str
    wordings: Texts | None = None
    required: bool = False
    most: Annotated[int, Field(ge=1, le=MAX_ASKED, strict=True)] | None = None
    kind: Kind | None = None
    words: Annotated[int, Field(ge=1, le=40, strict=True)] | None = None
    points: PointsByAnswer | None = None


class QuestionsPart(Part):
    sell: Annotated[list[StepPart], Field(min_length=2, max_length=20)]
    buy: Annotated[list[StepPart], Field(min_length=2, max_length=20)]


class BesidePart(Part):
    side: Texts
    agent_signed: Texts
    callback: Texts
    keep: Texts


class TryPart(Part):
    say: str
    then: str | None = None
    on_yes: str | None = None
    callback_days: Annotated[int, Field(ge=1, le=365, strict=True)] | None = None


class HandlingPart(Part):
    tries: Annotated[list[TryPart], Field(max_length=2)]
    exit: str


class LinesPart(Part):
    bad_time: str
    has_agent: str


class WeightsPart(Part):
    within_3_months: Points
    within_6_months: Points
    within_12_months: Points
    motivation_urgent: Points
    motivation_given: Points
    motivation_curious: Points
    finance_ready: Points
    finance_open: Points
    unrepresented: Points
    area_and_price: Points
    appointment: Points


class ScorePart(Part):
    weights: WeightsPart
    hot_from: Threshold
    warm_from: Threshold
    qualified_from: Threshold


class Document(Part):
    format: Literal[1]
    questions: QuestionsPart
    beside: BesidePart
    objections: dict[str, HandlingPart]
    lines: LinesPart
    score: ScorePart


_SAYS = {
    "missing": "It is missing: add it, as the built-in script has it.",
    "extra_forbidden": "It is not known: take it out, or correct its name.",
}


def problem_of(error: ErrorDetails) -> Problem:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    return Problem(path or "document", _SAYS.get(error["type"], f"{error['msg']}."))
