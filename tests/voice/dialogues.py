"""A conversation by script, for calls whose words do not matter."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from agents.domain.types import (
    Brief,
    Disposition,
    EndCall,
    EndedBy,
    Heard,
    HeardKind,
    OptOut,
    Outcome,
    Progress,
    Prospect,
    Reply,
)

OPENING = Reply("Acme calling. This call is recorded.", agent="conversation", fixed=True)
BYE = Reply("Goodbye.", acts=(EndCall("done"),), agent="conversation")

Answer = Reply | BaseException | Callable[[Heard], Reply]


def brief(call_id: str = "call-1") -> Brief:
    return Brief(call_id, "Acme", "Kate", "+12125550100", "Sam", "America/Denver")


class ScriptedDialogue:
    """Gives ``answers`` in order, then says goodbye; keeps what it heard and what was heard of it."""

    def __init__(self, *answers: Answer, opening: Reply = OPENING) -> None:
        self._answers, self._opening = list(answers), opening
        self.before_question: list[bool] = []
        self.prepared: list[str] = []
        self.heard: list[tuple[HeardKind, str]] = []
        self.played: list[str] = []
        self.taken_back: list[str] = []
        self.ended_by: list[EndedBy] = []
        self.hurried = 0
        self.used_tokens: dict[str, int] = {}

    def opening(self, *, now: datetime) -> Reply:
        assert now.tzinfo is not None
        return self._opening

    async def reply(self, heard: Heard, *, now: datetime) -> Reply:
        self.heard.append((heard.kind, heard.text))
        self.before_question.append(heard.before_question)
        answer = self._answers.pop(0) if self._answers else BYE
        if isinstance(answer, BaseException):
            raise answer
        return answer(heard) if callable(answer) else answer

    async def prepare(self, heard: Heard, *, now: datetime) -> Reply:
        self.prepared.append(heard.text)
        answer = self._answers[0] if self._answers else BYE
        return answer if isinstance(answer, Reply) else Reply("")

    def cannot_wait(self, heard: Heard) -> bool:
        return "stop" in heard.text.lower() or heard.text == "9"

    def interrupted(self, *, played: str) -> None:
        self.played.append(played)

    def take_back(self) -> bool:
        self.taken_back.append(self.heard[-1][1])
        return True

    def prospect(self) -> Prospect:
        return Prospect(Progress.QUALIFYING, score=len(self.heard))

    def tokens(self) -> Mapping[str, int]:
        return self.used_tokens

    def hurry(self) -> None:
        self.hurried += 1

    def wrap_up(self, *, ended_by: EndedBy, now: datetime) -> Outcome:
        self.ended_by.append(ended_by)
        return Outcome(Disposition.NOT_INTERESTED, "As scripted.", facts={"heard": str(len(self.heard))})

    def snapshot(self) -> Mapping[str, Any]:
        return {"heard": len(self.heard)}


def opt_out(heard: Heard) -> Reply:
    return Reply("You will not be called again.", acts=(OptOut(heard.text), EndCall("opted out")))


def always(dialogue: ScriptedDialogue) -> Callable[..., ScriptedDialogue]:
    def factory(brief: Brief, *, snapshot: Mapping[str, Any] | None = None) -> ScriptedDialogue:
        return dialogue

    return factory
