"""Models on an Ollama server, through ``langchain-ollama``."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

import httpx
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_ollama import ChatOllama
from ollama import ResponseError

from agents.llm.port import Message, ModelDown, ModelRefused, Piece, Request

_CONNECT_S = 2.0
_KEEP_LOADED = "30m"
"""Ollama drops a model that nobody asked for five minutes, and takes seconds to load it again."""
_MESSAGES = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}


class OllamaServer:
    """``agents.llm.port.Server``. ``context_tokens`` is the context that the model is loaded with; another value in
    another program makes the server load it anew."""

    def __init__(self, *, url: str, model: str, context_tokens: int) -> None:
        self.name, self._url, self._context_tokens = model, url, context_tokens
        self._transport = httpx.AsyncHTTPTransport()
        timeout = httpx.Timeout(None, connect=_CONNECT_S)
        self._chat = ChatOllama(
            model=model,
            base_url=url,
            keep_alive=_KEEP_LOADED,
            reasoning=False,
            async_client_kwargs={"transport": self._transport, "timeout": timeout},
        )

    async def pieces(self, request: Request) -> AsyncGenerator[Piece]:
        options = {
            "num_ctx": self._context_tokens,
            "num_predict": request.max_tokens,
            "temperature": request.temperature,
        }
        try:
            stream = self._chat.astream(_messages(request.messages), options=options, format=request.schema)
            ended = False
            async with aclosing(cast(AsyncGenerator[AIMessageChunk], stream)) as chunks:
                async for chunk in chunks:
                    ended = ended or bool(chunk.response_metadata.get("done"))
                    yield _piece(chunk)
        except ResponseError as error:
            raise self._failed(error) from error
        except (httpx.HTTPError, ConnectionError) as error:
            raise ModelDown(f"Ollama at {self._url} did not answer: {error!r}.") from error
        except (ValueError, AttributeError, TypeError, KeyError) as error:
            raise ModelDown(f"What answers at {self._url} does not speak Ollama's protocol: {error!r}.") from error
        if not ended:
            raise ModelDown(f"Ollama at {self._url} broke off in the middle of its answer.")

    async def close(self) -> None:
        await self._transport.aclose()

    def _failed(self, error: ResponseError) -> ModelDown | ModelRefused:
        if error.status_code == 404:
            return ModelRefused(
                f"Ollama at {self._url} does not have the model {self.name!r}: run `ollama pull {self.name}` there, "
                f"or name another in LLM_MODEL ({error.error})."
            )
        if 400 <= error.status_code < 500 and error.status_code not in (408, 429):
            return ModelRefused(f"Ollama at {self._url} refused the request ({error.status_code}): {error.error}.")
        return ModelDown(f"Ollama at {self._url} failed ({error.status_code}): {error.error}.")


def _messages(messages: Sequence[Message]) -> list[BaseMessage]:
    return [_MESSAGES[message.role](message.content) for message in messages]


def _piece(chunk: AIMessageChunk) -> Piece:
    usage = chunk.usage_metadata
    return Piece(
        text=chunk.text,
        tokens_in=usage["input_tokens"] if usage else None,
        tokens_out=usage["output_tokens"] if usage else None,
        cut=chunk.response_metadata.get("done_reason") == "length",
    )
