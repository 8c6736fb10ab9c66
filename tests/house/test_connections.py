"""A web process keeps no database connection that no request uses."""

import asyncio
from typing import Any, cast

import httpx
import pytest
from django.db.backends.signals import connection_created

from reautomation.asgi import application


@pytest.mark.django_db(transaction=True)
def test_a_request_gives_its_connection_back() -> None:
    made: list[Any] = []

    def remember(connection: Any, **_signal: Any) -> None:
        made.append(connection)

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(app=cast(Any, application))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return [(await client.get("/health")).status_code for _ in range(3)]

    connection_created.connect(remember)
    try:
        assert asyncio.run(ask()) == [200, 200, 200]
    finally:
        connection_created.disconnect(remember)
    assert [connection.connection for connection in made] == [None, None, None]
