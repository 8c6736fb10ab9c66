"""What was heard on a call, and not answered yet."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from agents.domain.types import Heard, Reply
from voice.hearing import Turn


@dataclass(frozen=True, slots=True)
class Pending:
    """Something heard that awaits its answer; or, with ``reply``, what an operator has us say."""

    heard: Heard
    turn: Turn | None = None
    at: float = 0.0
    reply: Reply | None = None


class Inbox:
    """The oldest first. ``news`` is set by whatever comes, ``urgent`` by what ``cannot_wait``, until one is taken."""

    def __init__(self, cannot_wait: Callable[[Heard], bool]) -> None:
        self._cannot_wait = cannot_wait
        self._waiting: list[Pending] = []
        self.news, self.urgent = asyncio.Event(), asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Pending]:
        return iter(self._waiting)

    def put(self, pending: Pending) -> None:
        self._waiting.append(pending)
        self.news.set()
        if self._cannot_wait(pending.heard):
            self.urgent.set()

    def put_first(self, pending: Pending) -> None:
        self._waiting.insert(0, pending)
        self.news.set()

    def keep_urgent(self) -> bool:
        """Forget what can wait. Whether anything is left."""
        self._waiting = [one for one in self._waiting if self._cannot_wait(one.heard)]
        return bool(self._waiting)

    def take(self, *, question_from: float) -> Pending:
        """The oldest, with the speech that followed it directly as one turn. What was said before our question began
        to be heard, at ``question_from``, is no answer to it: it is marked so, and stands alone.
        """
        self.urgent.clear()
        first = self._waiting.pop(0)
        if first.turn and first.turn.ended <= question_from:
            return replace(first, heard=replace(first.heard, before_question=True))
        while first.turn and self._waiting and (more := self._waiting[0].turn):
            text = f"{first.heard.text} {self._waiting.pop(0).heard.text}"
            # It began with its first words: whoever goes on with what was answered too early does so by those.
            first = Pending(Heard(text, first.heard.at), replace(more, started=first.turn.started))
        return first

    async def told_within(self, timeout_s: float) -> bool:
        """Wait for news, and say whether some came. News is what came since ``news`` was cleared."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.news.wait()
        return self.news.is_set()
