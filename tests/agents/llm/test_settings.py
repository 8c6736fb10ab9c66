"""The settings of a language model, and what a voice worker makes of them."""

import pytest

from agents.dialogue import start
from agents.llm.assembly import interpreter
from agents.llm.cache import NoCache, RedisCache
from agents.llm.config import ModelConfig
from agents.llm.port import Patience
from reautomation import env


def config(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ModelConfig:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return env.language_model(env.read(), cache_url="redis://h/0")


def test_by_default_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = config(monkeypatch)
    assert found.backend == "none"
    assert interpreter(found) is None


def test_ollama_needs_nothing_but_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config(monkeypatch, LLM_BACKEND="ollama") == ModelConfig(
        backend="ollama",
        url="http://127.0.0.1:11434",
        model="llama3.1:8b",
        first_clause_s=0.9,
        reply_s=2.0,
        concurrency=4,
        queue_s=0.1,
        context_tokens=2048,
        after_call_s=60.0,
        cache_url="redis://h/0",
        cache_s=86_400,
    )


def test_every_variable_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = config(
        monkeypatch,
        LLM_BACKEND="openai",
        LLM_URL="http://gpu:8001/v1/",
        LLM_MODEL="meta-llama/Llama-3.1-8B-Instruct",
        LLM_API_KEY="sk-1",
        LLM_FIRST_CLAUSE_MS="300",
        LLM_REPLY_MS="700",
        LLM_CONCURRENCY="9",
        LLM_QUEUE_MS="50",
        LLM_CONTEXT_TOKENS="4096",
        LLM_AFTER_CALL_S="45",
        LLM_CACHE_H="0.5",
    )
    assert found == ModelConfig(
        "openai", "http://gpu:8001/v1", "meta-llama/Llama-3.1-8B-Instruct", "sk-1", 0.3, 0.7, 9, 0.05, 4096,
        45.0, "redis://h/0", 1800,
    )  # fmt: skip
    assert found.patience == Patience(0.3, 0.7)


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"LLM_BACKEND": "gpt"}, r"LLM_BACKEND is 'gpt': input should be 'none', 'ollama' or 'openai'"),
        ({"LLM_BACKEND": "openai", "LLM_MODEL": "m"}, r"LLM_URL is not set: set it, as in LLM_URL=http://"),
        ({"LLM_BACKEND": "openai", "LLM_URL": "http://h/v1"}, r"LLM_MODEL is not set: set it, as in LLM_MODEL=meta"),
        ({"LLM_MODEL": "llama3.1:8b"}, r"LLM_MODEL is set and LLM_BACKEND is not: set LLM_BACKEND=ollama"),
        ({"LLM_URL": "http://h"}, r"LLM_URL is set and LLM_BACKEND is not"),
        ({"LLM_URL": "h:11434"}, r"LLM_URL is 'h:11434': must be a URL that starts with http:// or https://"),
        ({"LLM_MODEL": "two words"}, r"LLM_MODEL is 'two words': must be the name of a model, such as llama3\.1:8b"),
        ({"LLM_REPLY_MS": "500"}, r"LLM_REPLY_MS is 500, less than LLM_FIRST_CLAUSE_MS, which is 900"),
        ({"LLM_FIRST_CLAUSE_MS": "50"}, r"LLM_FIRST_CLAUSE_MS is '50': input should be greater than or equal to 100"),
        (
            {"LLM_CONTEXT_TOKENS": "512"},
            r"LLM_CONTEXT_TOKENS is '512': input should be greater than or equal to 1024",
        ),
        ({"LLM_AFTER_CALL_S": "-1"}, r"LLM_AFTER_CALL_S is '-1': input should be greater than or equal to 0"),
        ({"LLM_API_KEY": "a b"}, r"LLM_API_KEY is \(a secret, not shown\): must be the key alone"),
    ],
)
def test_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str) -> None:
    with pytest.raises(env.BadEnvironment, match=says):
        config(monkeypatch, **variables)


@pytest.mark.parametrize(("cache_s", "kind"), [(0, NoCache), (60, RedisCache)])
async def test_answers_are_kept_where_that_is_wanted(cache_s: int, kind: type) -> None:
    found = ModelConfig("ollama", "http://127.0.0.1:1", "m", cache_url="redis://127.0.0.1:1/0", cache_s=cache_s)
    asked = interpreter(found)
    assert asked is not None
    assert type(asked._cache) is kind
    await asked.close()


def test_a_voice_worker_hands_the_model_to_its_conversations(
    monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    from voice import plane, worker

    made, made_for_tests = list[object](), list[object]()

    class Plane:
        def __init__(self, _config: object, dialogues: object, *, test_dialogues: object, **_more: object) -> None:
            made.append(dialogues)
            made_for_tests.append(test_dialogues)

        def start(self) -> None:
            """Nothing to open."""

    monkeypatch.setattr(plane, "VoicePlane", Plane)
    monkeypatch.setattr(worker, "_plane", None)
    step = worker.PlaneStep.__new__(worker.PlaneStep)
    step.start(None)
    settings.LANGUAGE_MODEL = ModelConfig("ollama", "http://127.0.0.1:1", "m")  # type: ignore[attr-defined]
    step.start(None)
    settings.LANGUAGE_MODEL = ModelConfig("openai", "http://127.0.0.1:1/v1", "m", rate="mini")  # type: ignore[attr-defined]
    step.start(None)
    assert made[0] is start
    assert made[1].func is start  # type: ignore[attr-defined]
    assert list(made[1].keywords) == ["interpreter"]  # type: ignore[attr-defined]
    assert made[2].keywords["interpreter"].components == ("mini.in", "mini.out")  # type: ignore[attr-defined]
    # A test call in the browser asks no model that somebody has to pay for.
    assert made_for_tests == [start, made[1], start]
