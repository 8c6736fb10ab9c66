"""From settings to what a conversation asks. A model library is loaded only where one is configured."""

from agents.llm.cache import NoCache, RedisCache
from agents.llm.config import ModelConfig
from agents.llm.interpreter import Interpreter
from agents.llm.model import Model
from agents.llm.port import LanguageModel, Server


def language_model(config: ModelConfig) -> LanguageModel | None:
    """The configured model behind its deadlines, cap and breaker; None where there is none. Asks nothing yet."""
    server = _server(config)
    if server is None:
        return None
    return Model(server, concurrency=config.concurrency, queue_s=config.queue_s)


def interpreter(config: ModelConfig) -> Interpreter | None:
    """What conversations of one process ask about turns that no rule reads; None where there is no model."""
    model = language_model(config)
    if model is None:
        return None
    keeps = config.cache_s and config.cache_url
    cache = RedisCache(config.cache_url, keeps_s=config.cache_s) if keeps else NoCache()
    return Interpreter(
        model,
        patience=config.patience,
        context_tokens=config.context_tokens,
        cache=cache,
        components=config.components,
    )


def _server(config: ModelConfig) -> Server | None:
    if config.backend == "ollama":
        from agents.llm.ollama import OllamaServer

        return OllamaServer(url=config.url, model=config.model, context_tokens=config.context_tokens)
    if config.backend == "openai":
        from agents.llm.openai_compatible import OpenAIServer

        return OpenAIServer(url=config.url, model=config.model, api_key=config.api_key)
    return None
