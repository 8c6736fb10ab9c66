"""Models on any server that speaks OpenAI's chat completions: vLLM, llama.cpp, and others.

The ``openai`` client is used as it is: what ``langchain-openai`` would add is a tokenizer that fetches its vocabulary
from the internet on first use, and a newer LangChain.
"""

from collections.abc import AsyncGenerator
from typing import Any

import httpx2
from openai import APIConnectionError, APIError, APIStatusError, AsyncOpenAI, Timeout, omit

from agents.llm.port import ModelDown, ModelRefused, Piece, Request

_CONNECT_S = 2.0
_NO_KEY = "none"
"""The client wants a key where the server wants none."""


class OpenAIServer:
    """``agents.llm.port.Server``. ``url`` is the address up to and with ``/v1``."""

    def __init__(self, *, url: str, model: str, api_key: str = "") -> None:
        self.name, self._url = model, url
        self._client = AsyncOpenAI(
            base_url=url,
            api_key=api_key or _NO_KEY,
            max_retries=0,  # nobody is kept waiting for a second try
            timeout=Timeout(None, connect=_CONNECT_S),
        )
        self._completions = self._client.chat.completions  # which imports a good deal: here, not while a person waits

    async def pieces(self, request: Request) -> AsyncGenerator[Piece]:
        ended = False
        try:
            stream = await self._completions.create(
                model=self.name,
                messages=_messages(request),
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                response_format=_format(request) if request.schema is not None else omit,
                stream=True,
                stream_options={"include_usage": True},
            )
            async with stream:
                async for chunk in stream:
                    reason = chunk.choices[0].finish_reason if chunk.choices else None
                    ended = ended or reason is not None
                    yield Piece(
                        text=(chunk.choices[0].delta.content or "") if chunk.choices else "",
                        tokens_in=chunk.usage.prompt_tokens if chunk.usage else None,
                        tokens_out=chunk.usage.completion_tokens if chunk.usage else None,
                        cut=reason == "length",
                    )
        except APIStatusError as error:
            raise self._failed(error) from error
        except (APIConnectionError, httpx2.HTTPError) as error:
            raise ModelDown(f"The model server at {self._url} did not answer: {error!r}.") from error
        except APIError as error:
            raise ModelDown(f"The model server at {self._url} failed: {error.message}.") from error
        except (ValueError, AttributeError, TypeError, KeyError, IndexError) as error:
            raise ModelDown(f"What answers at {self._url} is no chat completion: {error!r}.") from error
        if not ended:
            raise ModelDown(f"The model server at {self._url} broke off in the middle of its answer.")

    async def close(self) -> None:
        await self._client.close()

    def _failed(self, error: APIStatusError) -> ModelDown | ModelRefused:
        code = error.status_code
        if code in (401, 403):
            return ModelRefused(f"The model server at {self._url} refused the key ({code}): correct LLM_API_KEY.")
        if code == 404:
            return ModelRefused(
                f"The model server at {self._url} has no {self.name!r} (404): correct LLM_MODEL, or LLM_URL, which "
                f"usually ends in /v1."
            )
        if 400 <= code < 500 and code not in (408, 429):
            return ModelRefused(f"The model server at {self._url} refused the request ({code}): {error.message}.")
        return ModelDown(f"The model server at {self._url} failed ({code}).")


def _messages(request: Request) -> Any:
    return [{"role": one.role, "content": one.content} for one in request.messages]


def _format(request: Request) -> Any:
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": dict(request.schema or {}), "strict": True},
    }
