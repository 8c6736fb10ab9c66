"""One request to a calendar's server: what it answered, or in one sentence why there is no answer."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import httpx

from integrations.calendars.ports import CalendarAway, CalendarRefused

_MOST_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """``location`` is where a redirect leads, "" without one."""

    status: int
    body: bytes
    location: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


async def ask(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    auth: tuple[str, str] | None = None,
    fine: Collection[int] = (),
) -> Answer:
    """The answer, read whole; of a 2xx or a status in ``fine``. Raises CalendarAway and CalendarRefused."""
    body = bytearray()
    try:
        async with client.stream(method, url, headers=headers, content=content, auth=auth) as response:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > _MOST_BYTES:
                    raise CalendarAway(f"{host_of(url)} answered with more than {_MOST_BYTES} bytes.")
    except httpx.TimeoutException:
        raise CalendarAway(f"{host_of(url)} did not answer in time.") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CalendarAway(f"{host_of(url)} was not reached: {error or type(error).__name__}") from error
    answer = Answer(response.status_code, bytes(body), response.headers.get("location", ""))
    if answer.is_success or answer.status in fine:
        return answer
    raise _refusal(answer, host_of(url))


def _refusal(answer: Answer, host: str) -> CalendarAway | CalendarRefused:
    status = answer.status
    if status in (401, 403):
        return CalendarRefused(
            f"{host} refuses the sign-in (HTTP {status}): check the user name, the password and who may write there."
        )
    if status in (404, 410):
        return CalendarRefused(f"{host} has no calendar at this address (HTTP {status}): check the address.")
    if 300 <= status < 400:
        where = answer.location[:120] or "another address"
        return CalendarRefused(f"{host} sends us to {where}: enter that address.")
    if status in (408, 425, 429) or status >= 500:
        return CalendarAway(f"{host} is not able to answer now (HTTP {status}).")
    return CalendarRefused(f"{host} does not accept the request (HTTP {status}): check the address of the calendar.")


def host_of(url: str) -> str:
    try:
        return httpx.URL(url).host or "The server"
    except httpx.InvalidURL:
        return "The server"
