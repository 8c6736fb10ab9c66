"""Speech out: Piper in its own process, phrases kept in memory, and the clauses a text is spoken by."""

import re
from collections import OrderedDict

from voice.speech.ports import Speech
from voice.speech.process import ModelProcess

_SENTENCE = re.compile(r"[.!?][\"')\]]*(\s+)(?=[\"'(\[]?[A-Z0-9])")
_CLAUSE = re.compile(r"(?<=[,;:])\s+|\s+(?=[—–-]\s)")
# A title's full stop ends no sentence.
_ABBREVIATION = re.compile(r"\b(?:mr|mrs|ms|dr|st|ave|blvd|apt|no|jr|sr|e\.g|i\.e|a\.m|p\.m)\.$", re.IGNORECASE)
_LONG_FIRST = 60  # characters; a longer first sentence begins with its first clause, to be heard sooner
_SHORT_CLAUSE = 15


def sentences(text: str) -> list[str]:
    """``text`` in sentences, in order; joined by one space they are the text with single spaces."""
    text = " ".join(text.split())
    found, start = list[str](), 0
    for match in _SENTENCE.finditer(text):
        if not _ABBREVIATION.search(text[start : match.start(1)]):
            found.append(text[start : match.start(1)])
            start = match.end(1)
    return [*found, text[start:]] if text[start:] else found


def clauses(text: str) -> list[str]:
    """What is synthesised at a time: sentences, of which a long first one gives its first clause separately."""
    parts = sentences(text)
    if not parts or len(parts[0]) <= _LONG_FIRST:
        return parts
    for match in _CLAUSE.finditer(parts[0]):
        if match.start() >= _SHORT_CLAUSE:
            return [parts[0][: match.start()], parts[0][match.end() :], *parts[1:]]
    return parts


class PhraseCache:
    """Audio by text, the least recently used leaving first. Sizes are bytes of 8 kHz PCM, 16,000 a second.

    Words that come in every call have a shelf of their own, so that nobody's single sentences push them out.
    """

    def __init__(self, *, kept_bytes: int = 32 << 20, passing_bytes: int = 16 << 20) -> None:
        self._shelves = (_Shelf(kept_bytes), _Shelf(passing_bytes))

    def get(self, text: str) -> bytes | None:
        for shelf in self._shelves:
            if (pcm := shelf.get(text)) is not None:
                return pcm
        return None

    def holds(self, text: str) -> bool:
        return any(text in shelf for shelf in self._shelves)

    def put(self, text: str, pcm: bytes, *, keep: bool) -> None:
        self._shelves[0 if keep else 1].put(text, pcm)


class _Shelf:
    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._phrases: OrderedDict[str, bytes] = OrderedDict()

    def __contains__(self, text: str) -> bool:
        return text in self._phrases

    def get(self, text: str) -> bytes | None:
        if text not in self._phrases:
            return None
        self._phrases.move_to_end(text)
        return self._phrases[text]

    def put(self, text: str, pcm: bytes) -> None:
        self._size += len(pcm) - len(self._phrases.pop(text, b""))
        self._phrases[text] = pcm
        while self._size > self._limit:
            _, oldest = self._phrases.popitem(last=False)
            self._size -= len(oldest)


class PiperSynthesiser:
    """``voice.speech.ports.Synthesiser`` over the process that holds ``voice.speech.piper.Mouth``."""

    component = "tts.local"
    available = True

    def __init__(self, process: ModelProcess, cache: PhraseCache | None = None) -> None:
        self._process = process
        self._cache = cache or PhraseCache()

    def holds(self, text: str) -> bool:
        return self._cache.holds(text)

    async def speech(self, text: str, *, keep: bool = False) -> Speech:
        if (pcm := self._cache.get(text)) is not None:
            return Speech(pcm, cached=True)
        pcm = await self._process.run("speech", text)
        self._cache.put(text, pcm, keep=keep)
        return Speech(pcm, cached=False)
