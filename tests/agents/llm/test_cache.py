"""What a model said before is found again where anybody might have asked; nothing personal is kept."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest
from django.conf import settings
from redis import Redis
from structlog.testing import capture_logs

from agents.domain.types import Heard
from agents.llm import prompts
from agents.llm.cache import MOST, PREFIX, NoCache, RedisCache, alike, anybodys, space_of
from tests.agents.llm.scripted import both, claims, says
from tests.agents.llm.talking import NONE, helped, uses
from tests.agents.people import BUYER, NOW
from tests.voice.redis_server import Server

ODD = "Do you folks like dogs?"
KIND = says("Dogs do keep us busy.")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine's Redis is not away."""
    monkeypatch.setattr("agents.llm.cache._TIMEOUT_S", 5.0)


@pytest.fixture
async def cache(patient: None) -> AsyncIterator[RedisCache]:
    cache = RedisCache(settings.REDIS_URL, keeps_s=60)
    yield cache
    await cache.close()


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis.from_url(settings.REDIS_URL, decode_responses=True) as client:
        yield client


@pytest.fixture
def space(redis: Redis) -> Iterator[str]:
    space = str(uuid.uuid4())
    yield space
    redis.delete(PREFIX + space)


async def test_the_same_and_much_the_same_words_are_found(cache: RedisCache, redis: Redis, space: str) -> None:
    await cache.keep(space, "Do you folks like dogs?", "yes")
    await cache.keep(space, "Do you folks like dogs?", "no")
    assert await cache.find(space, "do you folks like DOGS") == "yes"
    assert await cache.find(space, "So do you folks just like dogs?") == "yes"
    assert await cache.find(space, "Do you folks like cats?") is None
    assert await cache.find(str(uuid.uuid4()), "Do you folks like dogs?") is None
    assert 50 < redis.ttl(PREFIX + space) <= 60
    assert redis.hgetall(PREFIX + space) == {"do you folks like dogs": "yes"}


async def test_a_full_space_takes_no_more(cache: RedisCache, redis: Redis, space: str) -> None:
    redis.hset(PREFIX + space, mapping={f"word {n}": "x" for n in range(MOST)})
    await cache.keep(space, "Hello there", "x")
    assert redis.hlen(PREFIX + space) == MOST


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("i am interested", "i am not interested", False),
        ("we sell", "we do not sell", False),
        ("do you sell in austin", "do you sell in dallas", False),
        ("are you selling it", "are you sellin it", True),
        ("well i think that dogs are nice", "dogs are nice", True),
        ("now", "not", False),
        ("do you like it", "dont you like it", False),
        ("you should come over", "you shouldnt come over", False),
        ("we were approved once", "we were unapproved once", False),
        ("he is interested", "he is uninterested", False),
        ("he is interested", "he is intrested", True),
        ("that is possible", "that is impossible", False),
        ("are you certain", "are you uncertain", False),
        ("never mind", "mind", False),
        ("nobody called", "somebody called", False),
        ("nothing helps", "something helps", False),
        ("half a million", "half a billion", False),
        ("the fifteen of us", "the fifteenth of us", False),
        ("we had seventeen", "we had seventy", False),
        ("are you selling", "are you telling", False),
        ("dogs bite men", "men bite dogs", False),
        ("two of them", "ten of them", False),
        ("", "", False),
        ("well", "so", False),
    ],
)
def test_which_words_say_the_same(one: str, other: str, same: bool) -> None:
    assert alike(one, other) is same


@pytest.mark.parametrize(
    ("said", "whoever"),
    [
        ("Do you folks like dogs?", True),
        ("Do I have to?", True),
        ("Hmm. Well, I wonder.", True),
        ("My name is on it", False),
        ("We live by Boulder somewhere", False),
        ("It is about four fifty", False),
        ("Around 300 maybe", False),
        ("do you like dogs", False),
        ("I'm Bob", False),
        ("Bob painted the fence", False),
        ("Well, no. Maria did.", False),
        ("Yes. I'd say so, don't you?", True),
        ("The wombat is here", False),
        ("My wife says no", False),
        ("Well " * 13, False),
        ("", False),
        ("...", False),
    ],
)
def test_what_anybody_might_have_said(said: str, whoever: bool) -> None:
    assert anybodys(said, frozenset({"wombat"})) is whoever


def test_a_space_is_that_of_prompt_model_and_facts() -> None:
    template = prompts.load("aside")
    values = {"said": "Hello", "asked": "How soon?", "known": "-", "company": "Summit"}
    space = space_of(template, "m", values)
    assert space == space_of(template, "m", values | {"said": "Bye"})
    others = [
        space_of(template, "n", values),
        space_of(template, "m", values | {"asked": "Why?"}),
        space_of(template, "m", values | {"known": "sell"}),
        space_of(template, "m", values | {"company": "Other"}),
        space_of(replace(template, sha256="0"), "m", values),
        space_of(prompts.load("reading"), "m", values),
    ]
    assert len({space, *others}) == 7


async def test_the_next_person_need_not_wait() -> None:
    async with helped(both(claims("none", ""), KIND), cache_url=settings.REDIS_URL) as one:
        first = await one.say(ODD)
        await one.interpreter.settled()
        again = await one.another().reply(Heard("So do you folks like dogs?", NOW), now=NOW)
        elsewhere = await one.another(BUYER).reply(Heard(ODD, NOW), now=NOW)
        told = [body for body in one.server.requests if "format" not in body or not body["format"]]
    assert again.text == first.text
    use = uses(again)["aside"]
    assert (use.cached, use.dropped, use.tokens_in, use.prompt_version) == (True, "", None, "aside-1")
    assert uses(first)["aside"].cached is False
    assert uses(elsewhere)["aside"].cached is False
    assert len(told) == 2


async def test_what_means_the_opposite_is_asked_anew() -> None:
    async with helped(both(claims("none", ""), KIND), cache_url=settings.REDIS_URL) as one:
        await one.say(ODD)
        await one.interpreter.settled()
        again = await one.another().reply(Heard("Don't you folks like dogs?", NOW), now=NOW)
    assert [use.cached for use in uses(again).values()] == [False, False]


async def test_the_same_words_to_another_question_are_asked_anew() -> None:
    async with helped(both(claims("none", ""), KIND), cache_url=settings.REDIS_URL) as one:
        await one.say(ODD)
        await one.interpreter.settled()
        dialogue = one.another()
        for line in ("Yes, I am.", "We need a bigger place."):
            await dialogue.reply(Heard(line, NOW), now=NOW)
        again = await dialogue.reply(Heard(ODD, NOW), now=NOW)
    assert [use.cached for use in uses(again).values()] == [False, False]


async def test_a_claim_is_found_again_and_checked_again() -> None:
    async with helped(both(claims("just_looking", "dogs"), KIND), cache_url=settings.REDIS_URL) as one:
        first = await one.say(ODD)
        await one.interpreter.settled()
        again = await one.another().reply(Heard(ODD, NOW), now=NOW)
        assert again.text == first.text
        assert uses(again)["reading"].cached
        dialogue = one.another()
        for line in ("I'm just looking.", "Nope.", "Hmm."):
            await dialogue.reply(Heard(line, NOW), now=NOW)
        state = dialogue.snapshot()["state"]
    assert len([body for body in one.server.requests if body.get("format")]) >= 1
    assert state["settled"] in (None, "not_interested")


async def test_what_is_one_persons_is_not_kept(redis: Redis) -> None:
    before = set(redis.scan_iter(f"{PREFIX}*"))
    async with helped(both(NONE, KIND), cache_url=settings.REDIS_URL) as one:
        await one.say("Bob painted the fence purple.")
        await one.interpreter.settled()
    assert set(redis.scan_iter(f"{PREFIX}*")) == before


async def test_words_that_name_somebody_are_not_kept(redis: Redis) -> None:
    before = set(redis.scan_iter(f"{PREFIX}*"))
    async with helped(both(NONE, says("Say hello to Maria.")), cache_url=settings.REDIS_URL) as one:
        assert (await one.say(ODD)).text.startswith("Say hello to Maria.")
        await one.interpreter.settled()
    assert set(redis.scan_iter(f"{PREFIX}*")) == before


async def test_nonsense_in_the_cache_is_no_answer(redis: Redis) -> None:
    async with helped(both(NONE, KIND), cache_url=settings.REDIS_URL) as one:
        await one.say(ODD)
        await one.interpreter.settled()
        for key in redis.scan_iter(f"{PREFIX}*"):
            for words in redis.hkeys(key):
                redis.hset(key, words, "We guarantee it.")
        reply = await one.another().reply(Heard(ODD, NOW), now=NOW)
    assert reply.text.startswith("Dogs do keep us busy.")


async def test_without_a_redis_nothing_is_lost_but_the_cache(tmp_path: Path) -> None:
    server = Server(tmp_path)
    cache = RedisCache(server.url, keeps_s=60)
    await cache.keep("s", "Hello", "x")
    assert await cache.find("s", "Hello") == "x"
    server.kill()
    with capture_logs() as logs:
        began = perf_counter()
        for _ in range(100):
            assert await cache.find("s", "Hello") is None
            await cache.keep("s", "Hello", "x")
        assert perf_counter() - began < 2
    assert [entry["event"] for entry in logs] == ["model.cache_away"]
    await cache.close()


async def test_a_redis_that_hangs_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.llm.cache._TIMEOUT_S", 0.05)
    async with asyncio.timeout(10):
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with helped(both(NONE, KIND), cache_url=f"redis://127.0.0.1:{port}") as one:
            assert (await one.say(ODD)).text.startswith("Dogs do keep us busy.")
        server.close()


async def test_no_cache_keeps_nothing() -> None:
    cache = NoCache()
    await cache.keep("s", "Hello", "x")
    assert await cache.find("s", "Hello") is None
    await cache.close()
