"""A scripted model server beside code that has no event loop."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.agents.llm.scripted import Act, Script, ScriptedServer, scripted


@contextmanager
def hosted(script: Script | Act) -> Iterator[ScriptedServer]:
    """A server in a thread of its own; its ``script`` may be changed while it runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    context = scripted(script)
    server = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
