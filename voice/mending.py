"""A reply that came too early: the person speaks on before they can have heard it.

Such a reply must not stand. As long as it may yet be taken back its acts are held, and the first half of what was said
is kept: it is answered anew, together with the second.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from agents.domain.types import Act, Heard, OptOut, Reply
from agents.ports import Dialogue
from voice.hearing import Turn

log = structlog.get_logger(__name__)

_GOES_ON_S = 1.2  # after our decision; later it is another thought
_REACTION_S = 0.3  # of our voice: whoever begins sooner does not answer it, they have not understood a word by then
_SETTLED_S = 0.6  # of our voice: by then it is known who began within the reaction


@dataclass(slots=True)
class _Held:
    """The ``acts`` of a reply to ``heard``, the end of which was ``turn``; ``begun`` is when its first sound is heard, None before."""

    heard: Heard
    turn: Turn
    acts: tuple[Act, ...]
    begun: float | None = None
    timer: asyncio.TimerHandle | None = None


class Mending:
    """Keeps the last reply of one call open until it stands. ``emit`` gets its acts then.

    ``undecided`` says whether somebody is speaking, so that it is not known yet whether the reply stands.
    """

    def __init__(
        self,
        call_id: str,
        dialogue: Dialogue,
        *,
        emit: Callable[[Act], None],
        undecided: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._call_id, self._dialogue, self._emit = call_id, dialogue, emit
        self._undecided, self._clock = undecided, clock
        self._held: _Held | None = None

    @property
    def open(self) -> bool:
        """Whether the last reply may yet be taken back."""
        return self._held is not None

    def hold(self, reply: Reply, heard: Heard, turn: Turn) -> None:
        """``reply`` is about to be said. It stands at once where it does not ask for patience: an opt-out, words
        that the law wants heard whole, and no words at all."""
        self.settle()
        self._held = _Held(heard, turn, reply.acts)
        lawful = not reply.interruptible and not reply.ends
        if lawful or not reply.text or any(isinstance(act, OptOut) for act in reply.acts):
            self.settle()

    def begun(self, at: float) -> None:
        """The person hears our first sound at ``at``, in seconds on the clock."""
        if self._held is not None and self._held.begun is None:
            self._held.begun = at
            delay_s = at - self._clock() + _SETTLED_S
            self._held.timer = asyncio.get_running_loop().call_later(delay_s, self._time_passed)

    def continues(self, turn: Turn | None) -> bool:
        """Whether ``turn`` is the second half of what was answered too early."""
        held = self._held
        if held is None or turn is None or turn.started - held.turn.decided > _GOES_ON_S:
            return False
        return held.begun is None or turn.started - held.begun <= _REACTION_S

    def mended(self, heard: Heard, turn: Turn | None) -> Heard:
        """What awaits its answer now that ``heard`` does: with its first half, where the reply to that is taken back.

        Words that cannot wait are never hidden behind others.
        """
        held = self._held
        if held is not None and self.continues(turn):
            whole = replace(held.heard, text=f"{held.heard.text} {heard.text}")
            hides = self._dialogue.cannot_wait(heard) and not self._dialogue.cannot_wait(whole)
            if not hides and self._dialogue.take_back():
                self._forget()
                log.info("turn.mended", call_id=self._call_id, heard_of_us=held.begun is not None)
                return whole
        self.settle()
        return heard

    def settle(self) -> None:
        """The last reply stands."""
        held = self._forget()
        for act in held.acts if held is not None else ():
            self._emit(act)

    def _time_passed(self) -> None:
        if not self._undecided():
            self.settle()

    def _forget(self) -> _Held | None:
        held, self._held = self._held, None
        if held is not None and held.timer is not None:
            held.timer.cancel()
        return held
