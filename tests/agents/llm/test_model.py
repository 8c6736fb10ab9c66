"""A model behind its deadlines, cap and breaker, asked over real sockets with the real client libraries."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs

from agents.breaker import Breaker
from agents.domain.types import ModelUse
from agents.llm.assembly import language_model
from agents.llm.config import ModelConfig
from agents.llm.model import MAX_CHARS, Model
from agents.llm.ollama import OllamaServer
from agents.llm.openai_compatible import OpenAIServer
from agents.llm.port import (
    Message,
    ModelBusy,
    ModelDown,
    ModelError,
    ModelLate,
    ModelRefused,
    ModelUnusable,
    Patience,
    Prompt,
    Server,
)
from agents.llm.tokens import count_messages
from tests.agents.llm.scripted import Act, Fails, Raw, Says, Script, ScriptedServer, says, scripted

PROMPT = Prompt("aside", 3, "f00d", (Message("system", "Be kind."), Message("user", "Hello")), max_tokens=40)
PATIENCE = Patience(first_s=0.25, whole_s=0.4)
"""A hasty one; others have all the time that a busy machine may need."""
AMPLE = Patience(first_s=10, whole_s=15)
OUTSIDE_S = 1.0
"""What a busy machine may add to a deadline."""
USED = ModelUse("llama", "aside-3", "f00d", tokens_in=100, tokens_out=7)


class Colour(BaseModel):
    name: str
    depth: int


@dataclass
class Asking:
    server: ScriptedServer
    model: Model
    uses: list[ModelUse] = field(default_factory=list)
    now_s: float = 0.0

    async def clauses(self, patience: Patience = AMPLE) -> list[str]:
        async with aclosing(self.model.clauses(PROMPT, patience, told=self.uses.append)) as coming:
            return [clause async for clause in coming]

    async def colour(self, patience: Patience = AMPLE) -> Colour:
        return await self.model.structured(PROMPT, Colour, patience, told=self.uses.append)


def ollama(server: ScriptedServer) -> Server:
    return OllamaServer(url=server.url, model="llama", context_tokens=2048)


def openai(server: ScriptedServer) -> Server:
    return OpenAIServer(url=f"{server.url}/v1", model="llama", api_key="k")


@asynccontextmanager
async def asking(
    script: Script | Act,
    kind: Callable[[ScriptedServer], Server] = ollama,
    *,
    concurrency: int = 2,
    queue_s: float = 0.05,
) -> AsyncIterator[Asking]:
    async with scripted(script) as server:
        real = kind(server)
        one = Asking(server, Model(real, concurrency=concurrency, queue_s=queue_s))
        one.model._breaker = Breaker(lambda: one.now_s)
        try:
            yield one
        finally:
            await one.model.close()


BOTH = pytest.mark.parametrize("kind", [ollama, openai])


@BOTH
async def test_clauses_come_as_they_are_whole(kind: Callable[[ScriptedServer], Server]) -> None:
    text = "That sounds like a very busy week for you, with all of it. An agent can help. Take care"
    async with asking(says(text), kind) as one:
        assert await one.clauses() == [
            "That sounds like a very busy week for you,",
            "with all of it.",
            "An agent can help.",
            "Take care",
        ]
    (use,) = one.uses
    assert use.first_ms is not None
    assert (use.tokens_in, use.tokens_out, use.dropped, use.prompt_version) == (100, 7, "", "aside-3")


async def test_what_ollama_is_sent() -> None:
    async with asking(says("Fine.")) as one:
        await one.clauses()
    assert one.server.paths == ["/api/chat"]
    assert one.server.requests == [
        {
            "model": "llama",
            "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}],
            "tools": [],
            "stream": True,
            "think": False,
            "options": {"num_ctx": 2048, "num_predict": 40, "temperature": 0.0},
            "keep_alive": "30m",
        }
    ]


async def test_what_an_openai_server_is_sent() -> None:
    async with asking(says('{"name": "red", "depth": 3}'), openai) as one:
        assert await one.colour() == Colour(name="red", depth=3)
    assert one.server.paths == ["/v1/chat/completions"]
    (body,) = one.server.requests
    assert body.pop("response_format")["json_schema"]["schema"] == Colour.model_json_schema()
    assert body == {
        "model": "llama",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}],
        "max_tokens": 40,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


SLOW = [
    (Says(("Hello there. ",), first_s=5), "said nothing"),
    (Says(("No end of a clause",), ends="never"), "said nothing"),
    (Says(("First. ", "Then"), ends="never"), "did not finish"),
    (says("Yes. " * 40, pause_s=0.02), "did not finish"),
]


@BOTH
@pytest.mark.parametrize(("act", "what"), SLOW)
async def test_nobody_waits_past_the_deadline(kind: Callable[[ScriptedServer], Server], act: Act, what: str) -> None:
    async with asking(act, kind) as one:
        began = perf_counter()
        with pytest.raises(ModelLate, match=what):
            await one.clauses(PATIENCE)
        assert perf_counter() - began < PATIENCE.whole_s + OUTSIDE_S
        async with asyncio.timeout(2):
            await one.server.left.wait()
    assert [use.dropped for use in one.uses] == ["late"]
    assert one.server.withdrawn == 1


BROKEN: list[tuple[Act, type[ModelError], str | None]] = [
    (Says(("Fine. ", "And so"), ends="cut"), ModelDown, None),
    (Says(("Fine. ", "And so"), ends="clean"), ModelDown, "broke off in the middle"),
    (Says(("Fine. ",), ends="error"), ModelDown, None),
    (Fails(500), ModelDown, "500"),
    (Fails(503, "busy"), ModelDown, "503"),
    (Fails(429), ModelDown, "429"),
    (Fails(404, '{"error": "model \'llama\' not found"}'), ModelRefused, "LLM_MODEL"),
    (Fails(400, '{"error": "invalid options"}'), ModelRefused, "400"),
    (Says((), ends="clean"), ModelDown, None),
]


@BOTH
@pytest.mark.parametrize(("act", "error", "says_"), BROKEN)
async def test_what_goes_wrong_tells_what_may_be_done(
    kind: Callable[[ScriptedServer], Server], act: Act, error: type[ModelError], says_: str | None
) -> None:
    async with asking(act, kind) as one:
        with pytest.raises(error, match=says_):
            await one.clauses()
        assert len(one.server.requests) == 1  # nobody is kept waiting for a second try
    assert [use.dropped for use in one.uses] == ["refused" if error is ModelRefused else "failed"]


@pytest.mark.parametrize(
    "body", [b"<html>Bad gateway</html>\n", b"[1, 2]\n", b'{"message": "no"}\n', b'"text"\n', b"\xff\xfe\n", b"{}\n"]
)
async def test_garbage_in_ollamas_place(body: bytes) -> None:
    async with asking(Raw(body)) as one:
        with pytest.raises(ModelDown):
            await one.clauses()


@pytest.mark.parametrize(
    "body", [b"<html></html>", b"data: {nonsense\n\n", b"data: [1]\n\n", b'data: {"choices":1}\n\n']
)
async def test_garbage_in_openais_place(body: bytes) -> None:
    async with asking(Raw(body), openai) as one:
        with pytest.raises(ModelDown):
            await one.clauses()


async def test_a_key_that_is_refused_is_named() -> None:
    async with asking(Fails(401), openai) as one:
        with capture_logs() as logs, pytest.raises(ModelRefused, match="LLM_API_KEY"):
            await one.clauses()
    assert [entry["event"] for entry in logs] == ["model.resting", "model.refused"]


@BOTH
async def test_a_server_that_is_away(kind: Callable[[ScriptedServer], Server]) -> None:
    async with scripted(says("Fine.")) as server:
        pass
    model = Model(kind(server), concurrency=1, queue_s=0.05)
    uses: list[ModelUse] = []
    with pytest.raises(ModelDown, match="did not answer"):
        await anext(model.clauses(PROMPT, AMPLE, told=uses.append))
    assert [use.dropped for use in uses] == ["failed"]
    await model.close()


async def test_what_the_token_limit_cut_is_no_clause() -> None:
    async with asking(says("Fine by me. And then we", ends="length")) as one:
        assert await one.clauses() == ["Fine by me."]


async def test_who_never_stops_is_stopped() -> None:
    async with asking(Says(("x" * 900,) * 10)) as one:
        with pytest.raises(ModelUnusable, match=str(MAX_CHARS)):
            await one.clauses()
    assert one.uses[0].dropped == "unusable"


async def test_leaving_early_withdraws_the_request() -> None:
    async with asking(Says(("First. ", "Second."), ends="never")) as one:
        async with aclosing(one.model.clauses(PROMPT, AMPLE, told=one.uses.append)) as coming:
            assert await anext(coming) == "First."
        async with asyncio.timeout(2):
            await one.server.left.wait()
        waiting = asyncio.create_task(one.clauses(Patience(9, 9)))
        one.server.asked.clear()
        await one.server.asked.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert [use.dropped for use in one.uses] == ["withdrawn", "withdrawn"]


@BOTH
async def test_tokens_that_a_server_does_not_tell_are_counted_here(kind: Callable[[ScriptedServer], Server]) -> None:
    async with asking(says("Fine by me.", tokens=None), kind) as one:
        assert await one.clauses() == ["Fine by me."]
    (use,) = one.uses
    assert (use.tokens_in, use.tokens_out, use.estimated) == (count_messages(PROMPT.messages), 4, True)


async def test_of_an_answer_that_was_withdrawn_counts_what_came() -> None:
    async with asking(Says(("First. ", "Second."), ends="never")) as one:
        with pytest.raises(ModelLate):
            await one.clauses(Patience(0.5, 0.5))
    (use,) = one.uses
    assert (use.tokens_in, use.tokens_out, use.estimated) == (count_messages(PROMPT.messages), 6, True)


async def test_a_repair_that_is_withdrawn_is_counted_beside_what_the_server_told() -> None:
    acts: list[Act] = [says("no"), Says((), first_s=9)]
    async with asking(lambda _: acts.pop(0)) as one:
        with pytest.raises(ModelLate):
            await one.colour(Patience(0.5, 0.5))
    sent = [Message(message["role"], message["content"]) for message in one.server.requests[1]["messages"]]
    (use,) = one.uses
    assert (use.tokens_in, use.tokens_out, use.estimated) == (100 + count_messages(sent), 7, True)


@pytest.mark.parametrize("act", [Fails(500), Fails(401), Raw(b"<html></html>")])
async def test_what_was_never_answered_has_no_tokens(act: Act) -> None:
    async with asking(act, openai) as one:
        with pytest.raises(ModelError):
            await one.clauses()
    assert [(use.tokens_in, use.tokens_out, use.estimated) for use in one.uses] == [(None, None, False)]


@pytest.mark.parametrize("told", [(-5, 7), (100, 10**12), ("many", 7), (None, [7])])
async def test_counts_that_are_none_are_replaced_by_ours(told: tuple[Any, Any]) -> None:
    async with asking(says("Fine by me.", tokens=told), openai) as one:
        assert await one.clauses() == ["Fine by me."]
    (use,) = one.uses
    ours = (count_messages(PROMPT.messages), 4)
    sound = [n if isinstance(n, int) and 0 <= n < 1000 else our for n, our in zip(told, ours, strict=True)]
    assert ([use.tokens_in, use.tokens_out], use.estimated) == (sound, True)


async def test_the_breaker_opens_after_three_failures_and_closes_with_one_success() -> None:
    acts: list[Act] = [Fails(500), Fails(500), Says(("Hm",), ends="never"), Fails(500), says("Fine."), says("Fine.")]
    async with asking(lambda _: acts.pop(0)) as one:
        with capture_logs() as logs:
            for error in (ModelDown, ModelDown, ModelLate, ModelBusy, ModelBusy):
                with pytest.raises(error):
                    await one.clauses(Patience(0.5, 0.5) if error is ModelLate else AMPLE)
            assert len(one.server.requests) == 3
            one.now_s = 31.0
            with pytest.raises(ModelDown):
                await one.clauses()
            with pytest.raises(ModelBusy):
                await one.clauses()
            one.now_s = 62.0
            assert await one.clauses() == ["Fine."]
            assert await one.clauses() == ["Fine."]
    assert [use.dropped for use in one.uses] == ["failed", "failed", "late", "busy", "busy", "failed", "busy", "", ""]
    assert [entry["event"] for entry in logs] == ["model.resting", "model.back"]


async def test_more_requests_than_the_cap_wait_a_moment_and_are_refused() -> None:
    async with asking(Says(("Fine.",), first_s=0.5), concurrency=2) as one:
        results = await asyncio.gather(*(one.clauses() for _ in range(5)), return_exceptions=True)
        assert [type(result) for result in results] == [list, list, ModelBusy, ModelBusy, ModelBusy]
        assert one.server.most == 2
        assert await one.clauses() == ["Fine."]  # and a full queue opens no breaker


async def test_one_that_waits_has_its_turn() -> None:
    async with asking(Says(("Fine.",), first_s=0.05), concurrency=1, queue_s=5) as one:
        assert list(await asyncio.gather(one.clauses(), one.clauses())) == [["Fine."], ["Fine."]]
        assert one.server.most == 1


@pytest.mark.parametrize("text", ['{"name": "red", "depth": 3}', 'Sure! ```json\n{"name": "red", "depth": 3}\n```'])
async def test_a_structured_answer(text: str) -> None:
    async with asking(says(text)) as one:
        assert await one.colour() == Colour(name="red", depth=3)
        assert one.server.requests[0]["format"] == Colour.model_json_schema()


async def test_one_that_does_not_fit_is_repaired_once() -> None:
    answers = ['{"name": "red"}', '{"name": "red", "depth": 3}']
    async with asking(lambda _: says(answers.pop(0))) as one:
        assert await one.colour() == Colour(name="red", depth=3)
    first, second = one.server.requests
    assert second["messages"] == [
        *first["messages"],
        {"role": "assistant", "content": '{"name": "red"}'},
        {"role": "user", "content": 'That does not fit: "depth": Field required. Answer again, with the JSON alone.'},
    ]
    assert [(use.tokens_in, use.tokens_out, use.dropped) for use in one.uses] == [(200, 14, "")]


@pytest.mark.parametrize("text", ["{", "no JSON at all", '{"name": "red", "depth": "deep"}', "", "}{"])
async def test_one_that_does_not_fit_twice_is_given_up(text: str) -> None:
    async with asking(says(text or " ")) as one:
        for _ in range(4):
            with pytest.raises(ModelUnusable, match="gave no Colour"):
                await one.colour()
        assert len(one.server.requests) == 8  # which says nothing about the server: the breaker stays closed
    assert {use.dropped for use in one.uses} == {"unusable"}


async def test_the_repair_is_within_the_same_deadline() -> None:
    acts: list[Act] = [says("no"), Says(("no",), ends="never")]
    async with asking(lambda _: acts.pop(0)) as one:
        began = perf_counter()
        with pytest.raises(ModelLate):
            await one.colour(Patience(0.5, 0.6))
        assert perf_counter() - began < 0.6 + OUTSIDE_S


def test_no_model_is_configured_by_default() -> None:
    assert language_model(ModelConfig()) is None


@pytest.mark.parametrize("backend", ["ollama", "openai"])
async def test_a_configured_model(backend: str) -> None:
    config = ModelConfig(backend=backend, url="http://127.0.0.1:1", model="m")  # type: ignore[arg-type]
    model = language_model(config)
    assert model is not None
    assert model.name == "m"
    await model.close()
    await model.close()
    assert "secret" not in repr(ModelConfig(api_key="secret", cache_url="redis://:secret@h"))
