"""What a language model adds to an analysis, as plain data. The analysis by rules stays as it is, beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from agents.after.types import Mood, Said, UnknownAnalysis


@dataclass(frozen=True, slots=True)
class Point:
    """A sentence of the model's, with the turn whose words bear it out.

    ``quote`` is that turn's text: read from the transcript, as those of facts are, and not kept.
    """

    told: str
    turn: int
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Addition:
    """What of a model's answer is borne out by the call; "", None and () where nothing is: the rules' own stands.

    ``mood_turn`` shows ``mood``, None for a neutral one. ``questions`` are those left open, ``hints`` are for the
    next talk, ``findings`` tell where the agent talked badly. ``dropped`` names what did not count, with the reason
    in one word: "summary: number".
    """

    summary: str = ""
    mood: Mood | None = None
    mood_turn: int | None = None
    questions: tuple[Point, ...] = ()
    hints: tuple[Point, ...] = ()
    findings: tuple[Point, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """What there is of it, in words of a closed vocabulary."""
        there = {
            "summary": self.summary,
            "mood": self.mood,
            "questions": self.questions,
            "hints": self.hints,
            "findings": self.findings,
        }
        return tuple(name for name, value in there.items() if value)


class _Kept(BaseModel):
    addition: Addition


_KEPT = TypeAdapter(_Kept)


def dump(addition: Addition) -> Mapping[str, Any]:
    """``addition`` as JSON-serialisable data, without the quotes."""
    data: Mapping[str, Any] = _KEPT.dump_python(_Kept(addition=_quoted(addition, {})), mode="json")["addition"]
    return data


def load(data: Mapping[str, Any], transcript: Sequence[Said]) -> Addition:
    """The addition that ``dump`` wrote, with its quotes from ``transcript``. Raises UnknownAnalysis."""
    try:
        addition = _KEPT.validate_python({"addition": data}).addition
    except ValidationError as error:
        raise UnknownAnalysis(f"The addition cannot be read: {error.error_count()} fields do not fit.") from error
    return _quoted(addition, {said.seq: said.text for said in transcript})


def _quoted(addition: Addition, texts: Mapping[int, str]) -> Addition:
    def filled(points: Sequence[Point]) -> tuple[Point, ...]:
        return tuple(replace(point, quote=texts.get(point.turn, "")) for point in points)

    return replace(
        addition,
        questions=filled(addition.questions),
        hints=filled(addition.hints),
        findings=filled(addition.findings),
    )
