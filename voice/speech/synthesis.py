"""Speech out, the local voices: model processes, what they said before, and the clauses a text is spoken by."""

import asyncio
import re
from collections.abc import Sequence

from voice.speech.phrases import PhraseCache
from voice.speech.ports import Speech
from voice.speech.process import ModelProcess

_SENTENCE = re.compile(r"[.!?][\"')\]]*(\s+)(?=[\"'(\[]?[A-Z0-9])")
_CLAUSE = re.compile(r"(?<=[,;:])\s+|\s+(?=[—–-]\s)")
_JOINT = re.compile(r"\s+(?=(?:and|but|because|so|which|while|although)\s)")
# A title's full stop ends no sentence.
_ABBREVIATION = re.compile(
    r"\b(?:mr|mrs|ms|dr|st|ave|blvd|rd|apt|no|jr|sr|approx|sq|ft|e\.g|i\.e|a\.m|p\.m)\.$", re.IGNORECASE
)
# After "Denver," or "Tuesday," comes the rest of the same name: "CO", "December first".
_NAME_GOES_ON = re.compile(r"(?!I\b)[A-Z0-9$]")
_LIST_GOES_ON = re.compile(r"[^,]*,\s+(?:and|or)\b")
_LONG_FIRST = 40  # characters; a longer first sentence begins with its first clause, to be heard sooner
_LONG_BREATH = 90  # a first clause that is longer yet is broken before a conjunction
_SHORT_CLAUSE = 3
_SHORT_BREATH = 30


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
    """What is synthesised at a time: sentences, of which a long first one gives its first clause separately.

    The rest is made while the first clause is heard. It is as short as it may be, and ends where a person would
    breathe: in no number, date, address or list.
    """
    parts = sentences(text)
    if not parts or len(parts[0]) <= _LONG_FIRST:
        return parts
    first = parts[0]
    for match in _CLAUSE.finditer(first):
        head, tail = first[: match.start()], first[match.end() :]
        if len(head) >= _SHORT_CLAUSE and _breathes(head, tail):
            return [*_in_breaths(head), tail, *parts[1:]]
    return [*_in_breaths(first), *parts[1:]]


def _breathes(head: str, tail: str) -> bool:
    """Whether a voice may pause between the two."""
    if head[-1] != ",":
        return True
    if _NAME_GOES_ON.match(tail) or head[-2:-1].isdigit():
        return False
    if tail.startswith(("or ", "and ")) and "," in head[:-1]:
        return False
    return len(head.split()) <= 2 or not _LIST_GOES_ON.match(tail)


def _in_breaths(clause: str) -> list[str]:
    if len(clause) > _LONG_BREATH:
        for match in _JOINT.finditer(clause):
            if min(match.start(), len(clause) - match.end()) >= _SHORT_BREATH:
                return [clause[: match.start()], clause[match.end() :]]
    return [clause]


class LocalSynthesiser:
    """``voice.speech.ports.Synthesiser`` over processes that hold one voice each, the same in all.

    A text goes to the process with the fewest jobs. A caller that is cancelled (barge-in) leaves the queue at once;
    what a process is saying at that moment it says to the end, for nobody.
    """

    component = "tts.local"
    available = True

    def __init__(self, processes: Sequence[ModelProcess], cache: PhraseCache | None = None) -> None:
        self._processes = list(processes)
        self._jobs = [0] * len(self._processes)
        self._idle = asyncio.Event()
        self._idle.set()
        self.cache = cache or PhraseCache()

    @property
    def busy(self) -> bool:
        """Whether every process has something to do."""
        return all(self._jobs)

    async def idle(self) -> None:
        """Wait until no process has anything to do."""
        await self._idle.wait()

    def holds(self, text: str) -> bool:
        return not _audible(text) or self.cache.holds(text)

    def keep(self, text: str) -> None:
        self.cache.keep(text)

    async def speech(self, text: str, *, keep: bool = False) -> Speech:
        if not _audible(text):
            return Speech(b"", cached=True)
        if (pcm := self.cache.get(text)) is not None:
            if keep:
                self.cache.keep(text)
            return Speech(pcm, cached=True)
        place = min(range(len(self._jobs)), key=self._jobs.__getitem__)
        self._jobs[place] += 1
        self._idle.clear()
        try:
            pcm = await self._processes[place].run("speech", text)
        finally:
            self._jobs[place] -= 1
            if not any(self._jobs):
                self._idle.set()
        self.cache.put(text, pcm, keep=keep)
        return Speech(pcm, cached=False)

    async def identity(self) -> str:
        """What tells this voice from every other on disk. Raises SpeechError."""
        return str(await self._processes[0].run("who"))


def _audible(text: str) -> bool:
    """A voice makes noises of signs alone."""
    return any(char.isalnum() for char in text)
