"""A model behind its deadlines, its request cap and its breaker: what conversations get for a port."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import structlog
from pydantic import ValidationError

from agents.breaker import Breaker, Resting
from agents.llm.clauses import ClauseCutter
from agents.llm.metering import UseMeter
from agents.llm.port import (
    Message,
    ModelBusy,
    ModelError,
    ModelLate,
    ModelRefused,
    ModelUnusable,
    Patience,
    Piece,
    Prompt,
    Request,
    Server,
    Shape,
    Told,
)

log = structlog.get_logger(__name__)

MAX_CHARS = 8000
"""Of one answer: a server that does not stop is stopped."""
LOADING_S = 180.0
_WARMING = Prompt("warming", 1, "", (Message("user", "Hello"),), max_tokens=1)
_REPAIR = "That does not fit: {errors} Answer again, with the JSON alone."


class Model:
    """``agents.llm.port.LanguageModel`` over one server.

    At most ``concurrency`` requests run at a time; another waits ``queue_s`` for its turn, and is refused then. While
    the breaker is open nothing is asked. Neither says anything about the other: a full queue opens no breaker.
    """

    def __init__(
        self,
        server: Server,
        *,
        concurrency: int,
        queue_s: float,
        clock: Callable[[], float] = time.monotonic,
        breaker: Breaker | None = None,
    ) -> None:
        self._server, self._queue_s, self._clock = server, queue_s, clock
        self._turns = asyncio.Semaphore(concurrency)
        self._breaker = breaker or Breaker(clock)

    @property
    def name(self) -> str:
        return self._server.name

    async def clauses(self, prompt: Prompt, patience: Patience, *, told: Told) -> AsyncGenerator[str]:
        meter = UseMeter(prompt, self.name, self._clock)
        cutter = ClauseCutter()
        async with self._measured(meter, told), self._turn(patience):
            async with aclosing(self._pieces(_request(prompt), patience, meter)) as pieces:
                async for piece in pieces:
                    for clause in cutter.feed(piece.text):
                        meter.came()
                        yield clause
                    meter.cut = meter.cut or piece.cut
            if not meter.cut and (rest := cutter.rest()):  # what was cut off is no whole clause
                meter.came()
                yield rest

    async def structured(self, prompt: Prompt, shape: type[Shape], patience: Patience, *, told: Told) -> Shape:
        meter = UseMeter(prompt, self.name, self._clock, any_sign=True)
        request = _request(prompt, schema=shape.model_json_schema())
        async with self._measured(meter, told), self._turn(patience):
            text = await self._whole(request, patience, meter)
            try:
                return shape.model_validate_json(_json(text))
            except ValidationError as error:
                wrong = (Message("assistant", text), Message("user", _REPAIR.format(errors=_errors(error))))
            text = await self._whole(replace(request, messages=(*request.messages, *wrong)), patience, meter)
            try:
                return shape.model_validate_json(_json(text))
            except ValidationError as error:
                raise ModelUnusable(f"{self.name} gave no {shape.__name__}: {_errors(error)}") from error

    async def warm(self, *, told: Told) -> None:
        """Ask for one token, with all the time that loading a model takes and outside of cap and breaker.

        Servers give up loading when who asked goes away, so a turn's deadline alone would never see it loaded.
        """
        meter = UseMeter(_WARMING, self.name, self._clock)
        request, dropped = _request(_WARMING), "failed"
        meter.asks(request)
        try:
            async with asyncio.timeout(LOADING_S):
                async for piece in self._server.pieces(request):
                    meter.count(piece)
        except (ModelError, TimeoutError) as error:
            log.warning("model.cold", model=self.name, error=str(error) or "It took too long.")
        else:
            dropped = ""
            log.info("model.warm", model=self.name, ms=round((self._clock() - meter.started) * 1000))
        finally:
            told(meter.use(dropped))

    async def close(self) -> None:
        await self._server.close()

    async def _whole(self, request: Request, patience: Patience, meter: UseMeter) -> str:
        async with aclosing(self._pieces(request, patience, meter)) as pieces:
            return "".join([piece.text async for piece in pieces])

    async def _pieces(self, request: Request, patience: Patience, meter: UseMeter) -> AsyncGenerator[Piece]:
        """The server's pieces, each waited for no longer than the deadline allows."""
        chars = 0
        meter.asks(request)
        async with aclosing(self._server.pieces(request)) as pieces:
            while True:
                limit_s = patience.whole_s if meter.began else min(patience.first_s, patience.whole_s)
                try:
                    # Around each wait alone: a deadline never strikes whoever uses the piece.
                    async with asyncio.timeout(meter.started + limit_s - self._clock()):
                        piece = await anext(pieces)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    what = "did not finish" if meter.began else "said nothing"
                    raise ModelLate(f"{self.name} {what} within {limit_s:.1f} s.") from None
                meter.count(piece)
                chars += len(piece.text)
                if chars > MAX_CHARS:
                    raise ModelUnusable(f"{self.name} gave more than {MAX_CHARS} characters.")
                yield piece

    @asynccontextmanager
    async def _turn(self, patience: Patience) -> AsyncIterator[None]:
        """A place among the requests that may run, and the breaker's leave. Raises ModelBusy."""
        if not self._breaker.available:
            raise ModelBusy(f"{self.name} failed a moment ago and is left alone.")
        try:
            async with asyncio.timeout(min(self._queue_s, patience.first_s)):
                await self._turns.acquire()
        except TimeoutError:
            raise ModelBusy(f"{self.name} has as many requests as LLM_CONCURRENCY allows.") from None
        was_open = self._breaker.open
        try:
            with self._breaker.attempt():
                yield
        except Resting:
            raise ModelBusy(f"{self.name} failed a moment ago and is left alone.") from None
        except ModelError as error:
            if self._breaker.open and not was_open:
                log.warning("model.resting", model=self.name, error=str(error))
            raise
        finally:
            self._turns.release()
            if was_open and not self._breaker.open:
                log.info("model.back", model=self.name)

    @asynccontextmanager
    async def _measured(self, meter: UseMeter, told: Told) -> AsyncIterator[None]:
        """Tell of the use when it is over, with the name of what ended it."""
        dropped = ""
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            dropped = "withdrawn"
            raise
        except ModelError as error:
            dropped = _REASONS.get(type(error), "failed")
            if isinstance(error, ModelRefused):
                log.error("model.refused", model=self.name, error=str(error))
            raise
        finally:
            told(meter.use(dropped))


_REASONS: dict[type[ModelError], str] = {
    ModelBusy: "busy",
    ModelLate: "late",
    ModelRefused: "refused",
    ModelUnusable: "unusable",
}


def _request(prompt: Prompt, *, schema: dict[str, object] | None = None) -> Request:
    return Request(prompt.messages, prompt.max_tokens, prompt.temperature, schema)


def _json(text: str) -> str:
    """The outermost object in ``text``, since some models talk around it; as it is where there is none."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def _errors(error: ValidationError) -> str:
    """What is wrong, without what was given."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return " ".join(f"{json.dumps('.'.join(str(part) for part in one['loc']))}: {one['msg']}." for one in found[:5])
