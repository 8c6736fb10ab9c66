"""Posting webhooks over HTTP, many at a time, each in bounded time, none to a refused address."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import structlog

from integrations.domain.addresses import refused_address

log = structlog.get_logger(__name__)

DEADLINE_S = 15.0
"""For the whole attempt: httpx's own timeouts are per read, and a server that drips bytes would never meet one."""


@dataclass(frozen=True, slots=True)
class Post:
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` is the HTTP status, None where none came; ``error`` says why it is no success, "" for a success."""

    status: int | None
    error: str


class RefusedAddress(httpx.TransportError):
    """The receiver's name resolves to an address that no webhook goes to."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves the name, checks every address, and connects to a checked one, so a name cannot change in between."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises RefusedAddress, and httpx.TransportError for what fails on the way."""
        host = request.url.raw_host.decode("ascii")
        addresses = await _resolve(host)
        for address in addresses:
            if why := refused_address(address):
                raise RefusedAddress(f"{host} was not called: {why}", request=request)
        for address in addresses[:-1]:
            try:
                return await self._inner.handle_async_request(_to_address(request, host, address))
            except httpx.ConnectError:
                continue  # the name has another address
        return await self._inner.handle_async_request(_to_address(request, host, addresses[-1]))

    async def aclose(self) -> None:
        await self._inner.aclose()


def client(*, any_address: bool) -> httpx.AsyncClient:
    """A client for ``post_all``; redirects are not followed. ``any_address`` is for development."""
    plain = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=100, max_keepalive_connections=0))
    return httpx.AsyncClient(
        transport=plain if any_address else GuardedTransport(plain),
        timeout=httpx.Timeout(10, connect=5),
        headers={"user-agent": "reautomation-webhooks"},
    )


async def post_all(posts: Sequence[Post], *, client: httpx.AsyncClient, deadline_s: float) -> list[Answer]:
    """Post all at once, then close the client; the answers in the order of ``posts``, within ``deadline_s``."""
    async with client:
        return list(await asyncio.gather(*(_post(post, client=client, deadline_s=deadline_s) for post in posts)))


async def _post(post: Post, *, client: httpx.AsyncClient, deadline_s: float) -> Answer:
    try:
        async with (
            asyncio.timeout(deadline_s),
            # The status is all that counts: an answer's body is not read, however long it is.
            client.stream("POST", post.url, headers=post.headers, content=post.body) as response,
        ):
            return Answer(response.status_code, "" if response.is_success else f"HTTP {response.status_code}")
    except (TimeoutError, httpx.TimeoutException):
        return Answer(None, f"No answer within {deadline_s:g} s.")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Answer(None, f"{type(error).__name__}: {error}")
    except Exception as error:
        log.exception("integrations.post_broke", webhook_id=post.headers.get("webhook-id"))  # the other posts go on
        return Answer(None, f"{type(error).__name__}: the attempt broke here, see the log.")


async def _resolve(host: str) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpx.ConnectError(f"{host} has no address: {error.strerror}") from error
    except UnicodeError as error:  # an empty label, or one of more than 63 characters
        raise httpx.ConnectError(f"{host} is no name that can have an address.") from error
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _to_address(request: httpx.Request, host: str, address: str) -> httpx.Request:
    """The same request to one address; Host and TLS keep the name, so the certificate is checked against it."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host},
    )
