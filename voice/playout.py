"""What the person really hears of us, reckoned from what was sent and when. Pure: time comes in, in seconds."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from voice.speech.ports import RATE


@dataclass(frozen=True, slots=True)
class Span:
    """Audio at its place: ``start`` in seconds on the caller's clock, ``samples`` at 8 kHz."""

    start: float
    samples: int

    @property
    def end(self) -> float:
        return self.start + self.samples / RATE


class Playout:
    """The carrier plays what it gets in order and at once, and forgets what it has not played when told to clear."""

    def __init__(self) -> None:
        self._spans: deque[Span] = deque()
        self._end = 0.0

    @property
    def started_at(self) -> float | None:
        """When this utterance was first heard; None before."""
        return self._spans[0].start if self._spans else None

    @property
    def ends_at(self) -> float:
        """When all that was sent will have been played."""
        return self._end

    def begin(self) -> None:
        """A new utterance: what was played is counted from here."""
        self._spans.clear()

    def sent(self, samples: int, now: float) -> Span:
        """``samples`` went out; where they will be played."""
        span = Span(max(now, self._end), samples)
        self._spans.append(span)
        self._end = span.end
        return span

    def cleared(self, now: float) -> None:
        """The carrier was told to drop what it had not played."""
        while self._spans and self._spans[-1].start >= now:
            self._spans.pop()
        if self._spans and self._spans[-1].end > now:
            last = self._spans.pop()
            self._spans.append(Span(last.start, int((now - last.start) * RATE)))
        self._end = min(self._end, now)

    def played(self, now: float) -> int:
        """Samples of this utterance that have been played by ``now``."""
        return sum(min(s.samples, max(0, round((now - s.start) * RATE))) for s in self._spans)

    def moment(self, samples: int) -> float | None:
        """When this many samples of the utterance will have been played; None where fewer were sent."""
        for span in self._spans:
            if samples <= span.samples:
                return span.start + samples / RATE
            samples -= span.samples
        return None


def words_played(parts: Sequence[tuple[str, int]], played: int) -> str:
    """The words heard of ``parts``, (text, samples) in order, once ``played`` samples had been played.

    Within a part a word counts once its share of the letters has been played.
    """
    heard: list[str] = []
    for text, samples in parts:
        if played >= samples:
            heard.append(text)
            played -= samples
            continue
        words = text.split()
        letters = sum(len(word) for word in words)
        share, reached = played / samples, 0
        for word in words:
            reached += len(word)
            if reached > share * letters:
                break
            heard.append(word)
        break
    return " ".join(heard)
