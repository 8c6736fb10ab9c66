"""Whose voice speaks in a call: the premium one as long as it may and can, then the local one."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

import structlog

from voice.domain.types import Tier, TierCause, TierChanged
from voice.media.pacer import PACKET
from voice.metering import Meter
from voice.speech.lexicon import Lexicon
from voice.speech.phrases import Frequency
from voice.speech.ports import RATE, Piece, SpeechError, StreamingSynthesiser, Synthesiser
from voice.speech.spoken import spoken

log = structlog.get_logger(__name__)

PATIENCE_S = 1.5  # how long nobody speaks before the local voice takes a clause over
STALL_S = 1.0  # how long nobody speaks within a clause before the local voice goes on with it
_LOCAL_S = 0.5  # what the local voice needs for a clause
_WORD = re.compile(r"[\w'’-]+")


class TieredVoice:
    """The voice of one call. Once it is local it stays so: a voice that changes twice would be two people.

    What it is given is what is written; it says it by the campaign's ``lexicon`` and without figures. A clause that
    comes up in call after call is kept by ``frequency``, but for those with one of the ``personal`` words (names and
    addresses, in lower case).

    A premium clause is metered and told before its audio is asked for, and written down a moment later by the call's
    thread: lost with this process is at most what it was asking for right then. The one over-count that follows: a
    clause that failed before the provider was reached.
    """

    def __init__(
        self,
        local: Synthesiser,
        premium: StreamingSynthesiser | None,
        *,
        meter: Meter,
        emit: Callable[[TierChanged], None],
        lexicon: Mapping[str, str] | None = None,
        frequency: Frequency | None = None,
        personal: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._local, self._premium, self._meter, self._emit = local, premium, meter, emit
        self._lexicon, self._frequency, self._personal = Lexicon(lexicon or {}), frequency, personal
        self._clock = clock
        self._asked: dict[str, _Rendering] = {}
        self._came_up: set[str] = set()
        self.tier = Tier.LOCAL

    def begin(self, tier: Tier) -> None:
        """Speak with ``tier`` from the first word on, where that can be had."""
        self.tier = tier
        if tier is Tier.PREMIUM and self._premium is None:
            self.lower("This machine has no premium voice: the local voice speaks.", TierCause.ABSENT)
        elif self._premium is not None and not self._premium.available:
            self.lower("The premium voice failed a moment ago: the local voice speaks.", TierCause.FAULT)

    def lower(self, reason: str, cause: TierCause = TierCause.MONEY) -> None:
        """The local voice speaks from the next clause on; nothing where it does already."""
        if self.tier is Tier.PREMIUM:
            self.tier = Tier.LOCAL
            self._emit(TierChanged(Tier.LOCAL, reason, cause))

    def holds(self, text: str) -> bool:
        """Whether ``text`` would be spoken from memory, at once."""
        voice = self._premium if self.tier is Tier.PREMIUM and self._premium is not None else self._local
        return voice.holds(self._said(text))

    async def speech(self, text: str, *, keep: bool, ahead_s: float) -> bytes:
        """``text`` as PCM, in a voice that comes in time; ``ahead_s`` is what is still to be played before it.

        Raises SpeechError where the local voice fails.
        """
        return b"".join([pcm async for pcm in self.stream(text, keep=keep, ahead_s=ahead_s)])

    async def stream(self, text: str, *, keep: bool, ahead_s: float) -> AsyncIterator[bytes]:
        """``speech`` as it comes.

        Where the premium voice fails within the clause, the local one says the rest of it. Raises SpeechError, also
        after a part of the clause.
        """
        text, keep = self._said(text), keep or self._came_up_often(text)
        said, pcm = 0, b""
        if self.tier is Tier.PREMIUM and self._premium is not None:
            async for piece in self._premium_pieces(self._premium, text, keep=keep, ahead_s=ahead_s):
                said, pcm = piece.said, pcm + piece.pcm
                # In whole packets: the wire fills up the last one with silence, which belongs to the end alone.
                if whole := len(pcm) - len(pcm) % (2 * PACKET):
                    yield pcm[:whole]
                    pcm = pcm[whole:]
        rest = text[said:].strip()
        if said == 0 or _WORD.search(rest):
            speech = await self._local.speech(rest, keep=keep and said == 0)
            if not speech.cached:
                self._meter.add_chars(self._local.component, len(rest))
            pcm += speech.pcm
        if pcm or said == 0:
            yield pcm

    def _said(self, text: str) -> str:
        return self._lexicon.applied(text, say=spoken)

    def _came_up_often(self, text: str) -> bool:
        if self._frequency is None or text in self._came_up:
            return False
        self._came_up.add(text)
        if self._personal & {word.lower() for word in _WORD.findall(text)}:
            return False
        return self._frequency.came_up(text)

    async def _premium_pieces(
        self, premium: StreamingSynthesiser, text: str, *, keep: bool, ahead_s: float
    ) -> AsyncIterator[Piece]:
        """The clause as far as the provider delivers it in time; where that is not to its end, the tier is local."""
        if not premium.available:
            self.lower("The premium voice is not available: the local voice speaks on.", TierCause.FAULT)
            return
        rendering = self._ask(premium, text, keep=keep)
        # What was said so far will have been heard by then; the local voice needs a moment before.
        dry_at = self._clock() + ahead_s - _LOCAL_S
        patience_s, count = PATIENCE_S, 0
        try:
            while True:
                wait_s = max(patience_s, dry_at - self._clock())
                # An interruption cancels this wait alone: the clause is paid for, and may have to be said again.
                piece = await rendering.piece(count, within_s=wait_s)
                if piece is None:
                    yield Piece(b"", len(text))
                    return
                count, patience_s = count + 1, STALL_S
                dry_at = max(dry_at, self._clock() - _LOCAL_S) + len(piece.pcm) / 2 / RATE
                yield piece
        except TimeoutError:
            how = f"did not answer within {wait_s:.1f} s" if count == 0 else f"fell silent for {wait_s:.1f} s"
            self.lower(f"The premium voice {how}: the local voice speaks on.", TierCause.SLOW)
        except SpeechError as error:
            self.lower(f"The premium voice failed, so the local voice speaks on: {error}", TierCause.FAULT)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, the call need not end
            self.lower("The premium voice is broken, see the log: the local voice speaks on.", TierCause.FAULT)

    def _ask(self, premium: StreamingSynthesiser, text: str, *, keep: bool) -> "_Rendering":
        if text not in self._asked:
            if not premium.holds(text):
                self._meter.add_chars(premium.component, len(text))
                self._meter.tell(premium.component)
            rendering = self._asked[text] = _Rendering(premium.stream(text, keep=keep))
            rendering.task.add_done_callback(partial(self._answered, text))
        elif keep:
            premium.keep(text)
        return self._asked[text]

    def _answered(self, text: str, task: "asyncio.Task[None]") -> None:
        del self._asked[text]
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, SpeechError):  # which its adapter has told already
            log.error("speech.premium_broken", exc_info=error)


class _Rendering:
    """One clause that was asked for: its pieces as they come, whoever listens."""

    def __init__(self, pieces: AsyncIterator[Piece]) -> None:
        self._pieces: list[Piece] = []
        self._news = asyncio.Event()
        self.task = asyncio.create_task(self._run(pieces))
        self.task.add_done_callback(lambda _: self._news.set())

    async def piece(self, number: int, *, within_s: float) -> Piece | None:
        """The piece of that number, from 0; None after the last. Raises TimeoutError, or what the provider raised."""
        async with asyncio.timeout(within_s):
            while number >= len(self._pieces) and not self.task.done():
                await self._news.wait()
        if number < len(self._pieces):
            return self._pieces[number]
        self.task.result()
        return None

    async def _run(self, pieces: AsyncIterator[Piece]) -> None:
        async for piece in pieces:
            self._pieces.append(piece)
            news, self._news = self._news, asyncio.Event()
            news.set()
