"""What a model makes of a turn that no rule could read: a claim about its meaning, or a few words to say to it.

Both are asked for at once, under one deadline. The claim goes first: if it counts, the words are not waited for.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol, Self

import structlog
from pydantic import ValidationError

from agents.domain.types import ModelUse
from agents.llm import prompts
from agents.llm.cache import AnswerCache, anybodys, names_nobody, space_of
from agents.llm.claims import Claim
from agents.llm.guard import refused, speakable
from agents.llm.port import LanguageModel, ModelError, Patience, Prompt, Told
from agents.llm.prompts import PromptTemplate

log = structlog.get_logger(__name__)

_MARGIN_S = 0.02
_WARM_FOR_S = 600.0
READING, ASIDE = "reading", "aside"
_ENOUGH_CHARS = 300
"""Of words to say: 25 of them are fewer."""

Accept = Callable[[Claim], str]
"""Why a claim does not count, in one word; "" where it does."""


class Note(Protocol):
    """Told of each use when it is over (``agents.steps.Stopwatch.note``); ``began_s`` on ``time.perf_counter``."""

    def __call__(self, name: str, began_s: float, decision: str, use: ModelUse) -> None: ...


@dataclass(frozen=True, slots=True)
class UnreadTurn:
    """A turn, as much of it as a model is told. ``private`` are words of this lead alone, which no cache may keep."""

    said: str
    asked: str
    known: str
    company: str
    private: frozenset[str] = frozenset()

    def values(self) -> Mapping[str, str]:
        return {"said": self.said, "asked": self.asked, "known": self.known, "company": self.company}


class Interpreter:
    """Asks a model about unread turns. ``read`` never raises, and takes no longer than ``patience`` in all.

    ``components`` are the rate card's keys for its tokens in and out.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        patience: Patience,
        context_tokens: int,
        cache: AnswerCache,
        components: tuple[str, str],
    ) -> None:
        self._model, self._patience, self._budget, self._cache = model, patience, context_tokens, cache
        self.components = components
        self._reading, self._aside = prompts.load(READING), prompts.load(ASIDE)
        self._aside_tasks = set[asyncio.Task[None]]()
        self._warmed_s = -math.inf

    async def read(self, turn: UnreadTurn, *, accept: Accept, note: Note) -> str:
        """Words to say to ``turn``, "" for none, or where a claim about it was accepted.

        Cancelling it withdraws what was asked.
        """
        began_s = perf_counter()
        words = asyncio.create_task(self._words(turn, note, began_s))
        try:
            async with asyncio.timeout(self._patience.whole_s):
                accepted = await self._claim(turn, accept, note, began_s)
                return "" if accepted else await words
        except TimeoutError:
            return ""
        except Exception:
            log.exception("model.broken")
            return ""
        finally:
            if not words.done():
                words.cancel()
                await asyncio.wait({words})

    def warm(self, *, told: Told) -> None:
        """Have the model loaded, in the background, unless that was seen to a while ago: somebody has answered the
        phone, and the first turn that needs it is seconds away. ``told`` hears of the use."""
        if perf_counter() - self._warmed_s > _WARM_FOR_S:
            self._warmed_s = perf_counter()
            self._in_background(self._model.warm(told=told))

    async def settled(self) -> None:
        """Wait for what goes on in the background."""
        await asyncio.gather(*self._aside_tasks)

    async def close(self) -> None:
        """Let go of connections."""
        for task in self._aside_tasks:
            task.cancel()
        await asyncio.gather(*self._aside_tasks, return_exceptions=True)
        await self._model.close()
        await self._cache.close()

    async def _claim(self, turn: UnreadTurn, accept: Accept, note: Note, began_s: float) -> bool:
        """Whether a claim about ``turn`` was accepted."""
        fresh = False
        with _Noted(self._reading.name, note) as noted:
            space, kept = await self._kept(self._reading, turn)
            if kept is not None and (claim := _claim_of(kept)) is not None:
                noted.use = self._cached(self._reading)
            else:
                prompt, patience = self._reading.rendered(turn.values(), budget=self._budget), self._left(began_s)
                claim, fresh = await self._model.structured(prompt, Claim, patience, told=noted.told), True
            noted.judge(claim.meaning, accept(claim))
            if noted.counts and space and fresh:
                self._in_background(self._cache.keep(space, turn.said, claim.model_dump_json()))
        return noted.counts

    async def _words(self, turn: UnreadTurn, note: Note, began_s: float) -> str:
        words = ""
        fresh = False
        with _Noted(self._aside.name, note) as noted:
            space, kept = await self._kept(self._aside, turn)
            if kept is not None and not refused(kept):
                words, noted.use = kept, self._cached(self._aside)
            else:
                prompt, patience = self._aside.rendered(turn.values(), budget=self._budget), self._left(began_s)
                words, fresh = speakable(await self._spoken(prompt, patience, noted)), True
            noted.judge("words", refused(words))
            if noted.counts and space and fresh and names_nobody(words, turn.private):
                self._in_background(self._cache.keep(space, turn.said, words))
        return words if noted.counts else ""

    async def _spoken(self, prompt: Prompt, patience: Patience, noted: "_Noted") -> str:
        clauses = list[str]()
        async with aclosing(self._model.clauses(prompt, patience, told=noted.told)) as coming:
            async for clause in coming:
                clauses.append(clause)
                if sum(map(len, clauses)) > _ENOUGH_CHARS:
                    break
        return " ".join(clauses)

    async def _kept(self, template: PromptTemplate, turn: UnreadTurn) -> tuple[str, str | None]:
        """Where the answer would be kept, "" for nowhere, and the one that is."""
        if not anybodys(turn.said, turn.private):
            return "", None
        space = space_of(template, self._model.name, turn.values())
        return space, await self._cache.find(space, turn.said)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._aside_tasks.add(task)
        task.add_done_callback(self._aside_tasks.discard)

    def _left(self, began_s: float) -> Patience:
        """What is left of the deadline. The model's own comes a little before ours, so that it is known as late."""
        gone_s = perf_counter() - began_s + _MARGIN_S
        return Patience(self._patience.first_s - gone_s, self._patience.whole_s - gone_s)

    def _cached(self, template: PromptTemplate) -> ModelUse:
        return ModelUse(self._model.name, template.versioned, template.sha256, cached=True)


class _Noted:
    """Around one use of the model: notes it when it is over, and ends what the model failed at. ``counts`` says that
    its answer was judged good."""

    def __init__(self, name: str, note: Note) -> None:
        self._name, self._note, self._began_s = name, note, perf_counter()
        self._decision = ""
        self.use: ModelUse | None = None
        self.counts = False

    def told(self, use: ModelUse) -> None:
        self.use = use

    def judge(self, decision: str, why_not: str) -> None:
        self._decision, self.counts = decision, not why_not
        if self.use is not None and why_not:
            self.use = replace(self.use, dropped=why_not)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> bool:
        if self.use is not None:
            self._note(self._name, self._began_s, self._decision, self.use)
        return isinstance(error, ModelError)


def _claim_of(value: str) -> Claim | None:
    try:
        return Claim.model_validate_json(value)
    except ValidationError:
        return None
