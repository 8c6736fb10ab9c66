"""How the voice side talks with a conversation."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from agents.domain.types import Brief, EndedBy, Heard, Outcome, Prospect, Reply


class Dialogue(Protocol):
    """One conversation, held by one coroutine at a time."""

    def opening(self, *, now: datetime) -> Reply:
        """The first words, said as soon as somebody answers: company, AI assistant, recorded, how to opt out."""

    async def reply(self, heard: Heard, *, now: datetime) -> Reply:
        """The answer to what was heard. Never raises for odd input; an unclear turn gets a question back.

        An empty reply without acts means: say nothing and listen on.
        """

    async def prepare(self, heard: Heard, *, now: datetime) -> Reply:
        """What ``reply`` would answer to ``heard`` by now, without any effect: for a pause that may end the turn.

        A ``reply`` to the same words that follows is quick and gives the same; anything else forgets it.
        """

    def cannot_wait(self, heard: Heard) -> bool:
        """Whether this stops even words that the law wants heard whole: an opt-out, a machine, a wrong number."""

    def interrupted(self, *, played: str) -> None:
        """The person spoke over the last reply after hearing ``played`` of it."""

    def take_back(self) -> bool:
        """Forget the last reply and what it answered: they had not finished. What they said in all comes next.

        False where that cannot be: an opt-out stands, and so does what was said since.
        """

    def prospect(self) -> Prospect:
        """What the conversation promises by now. Quick: asked every second."""

    def tokens(self) -> Mapping[str, int]:
        """Tokens that language models have read and written on this line, by their key of the rate card. Never fewer
        than before. Quick: asked every second."""

    def hurry(self) -> None:
        """Time or money runs short: from the next reply on, take the shortest way to a kind end. Safe to call twice.

        A booking that is under way is brought home; an open question is given up for a promise to follow up.
        """

    def wrap_up(self, *, ended_by: EndedBy, now: datetime) -> Outcome:
        """What it came to. May be called at any point, and again with the same result."""

    def snapshot(self) -> Mapping[str, Any]:
        """The whole state as JSON-serialisable data, from which another process can go on."""


class DialogueFactory(Protocol):
    def __call__(self, brief: Brief, *, snapshot: Mapping[str, Any] | None = None) -> Dialogue:
        """A new conversation, or the one that ``snapshot`` holds."""
