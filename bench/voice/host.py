"""How a server under test is spoken to: JSON lines in, JSON lines out."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any


async def obey(
    opened: Callable[[int], Awaitable[list[dict[str, str]]]], breakdown: Callable[[], dict[str, list[float]]]
) -> None:
    """Serve orders until there are no more.

    ``open`` answers with so many streams (url, token), ``breakdown`` with the seconds of each step of the answers
    since the last time it was asked.
    """
    print(json.dumps({"ready": True}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        order: dict[str, Any] = json.loads(line)
        if "open" in order:
            answer: dict[str, Any] = {"streams": await opened(order["open"])}
        else:
            answer = {"breakdown": breakdown()}
        print(json.dumps(answer), flush=True)
