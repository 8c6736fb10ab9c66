"""LangSmith through its SDK: one batch for one call, and a clear answer to each.

The SDK's background thread would drop what a server does not take, and tell nobody which: so batches go out while the
caller waits. Of each, the SDK makes at most three attempts, with 3 s to connect and 10 s to be answered.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import requests
from langsmith import Client
from langsmith.schemas import LangSmithInfo
from langsmith.utils import LangSmithError
from urllib3.util import Retry

from integrations.domain.run_tree import Run

_REFUSED = frozenset({400, 413, 422})
"""What is answered to runs that the server will never take; anything else may pass."""

# Its warnings repeat what the server answered, which may repeat what was sent.
logging.getLogger("langsmith").setLevel(logging.CRITICAL)


class Away(Exception):
    """Nobody took the runs, and nobody will soon: try later. The text says why, without anything that was sent."""


class Refused(Exception):
    """These runs are not taken, others may be. The text is the status."""


class Sink(Protocol):
    def send(self, runs: Sequence[Run]) -> None:
        """Hand over all runs of one call. Runs that are there already change nothing. Raises Away and Refused."""


class LangSmithSink:
    """``Sink`` by the SDK. Whatever the SDK's own variables in the environment say, nothing is left out."""

    def __init__(self, client: Client, errors: list[Exception]) -> None:
        self._client, self._errors = client, errors

    def send(self, runs: Sequence[Run]) -> None:
        self._errors.clear()
        try:
            self._client.multipart_ingest(create=runs)
        except (LangSmithError, requests.RequestException, OSError) as error:
            raise _meaning(error) from None
        if self._errors:
            raise _meaning(self._errors[0]) from None


@contextmanager
def opened(*, url: str, api_key: str) -> Iterator[LangSmithSink]:
    """A sink for some calls, with one connection that is kept open meanwhile."""
    errors: list[Exception] = []
    client = Client(
        api_url=url,
        api_key=api_key,
        auto_batch_tracing=False,
        retry_config=Retry(0),
        info=LangSmithInfo(),
        omit_traced_runtime_info=True,
        tracing_sampling_rate=1.0,
        tracing_error_callback=errors.append,
        disable_prompt_cache=True,
        tracing_mode="langsmith",
    )
    try:
        yield LangSmithSink(client, errors)
    finally:
        client.close(timeout=0)


def _meaning(error: BaseException) -> Away | Refused:
    status = _status(error)
    if status in _REFUSED:
        return Refused(f"HTTP {status}")
    return Away(f"HTTP {status}" if status else type(error).__name__)


def _status(error: BaseException | None) -> int | None:
    """The HTTP status behind an error of the SDK, which tells it in words alone."""
    while error is not None:
        if isinstance(error, requests.HTTPError) and error.response is not None:
            return int(error.response.status_code)
        error = error.__cause__ or error.__context__
    return None
