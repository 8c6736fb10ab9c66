"""What a voice finds when it starts, and what it does when nobody asks anything of it."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path

import structlog

from voice.speech.phrases import PhraseCache, PhraseStore
from voice.speech.ports import SpeechError
from voice.speech.spoken import spoken
from voice.speech.synthesis import LocalSynthesiser, clauses

log = structlog.get_logger(__name__)


async def furnish(cache: PhraseCache, folder: Path, voice: str, disk: Executor, *, limit_bytes: int) -> int:
    """Give ``cache`` what is kept of ``voice`` on disk, and a place to keep more; how many phrases there are."""
    store = PhraseStore(folder, voice, limit_bytes=limit_bytes)
    found = await asyncio.get_running_loop().run_in_executor(disk, store.load, cache.capacity)
    cache.furnish(store, disk, found)
    return len(found)


async def prepare(voice: LocalSynthesiser, texts: Iterable[str]) -> None:
    """Say ``texts`` ahead, clause by clause, while no call needs the voice; they are kept. Ends by itself."""
    made = 0
    for part in dict.fromkeys(spoken(part) for text in texts for part in clauses(text)):
        if voice.holds(part):
            voice.keep(part)
            continue
        await voice.idle()
        try:
            await voice.speech(part, keep=True)
        except SpeechError as error:
            log.warning("phrases.not_prepared", reason=str(error), made=made)
            return
        made += 1
    log.info("phrases.prepared", made=made)
