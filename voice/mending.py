"""A reply that came too early: the person speaks on before they can have understood a word of it.

Such a reply must not stand. As long as it may yet be taken back its acts are held, and the first half of what was
said is kept: it is answered anew, together with the second.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from agents.domain.types import Act, Heard, OptOut, Reply, StopRecording
from agents.ports import Dialogue
from voice.hearing import Turn

log = structlog.get_logger(__name__)

_GOES_ON_S = 1.2  # after our decision; later it is another thought
_REACTION_S = 0.5  # of our voice: whoever begins sooner does not answer it
_SETTLED_S = 0.85  # of our voice: by then it is known who began within the reaction
_AT_ONCE = (OptOut, StopRecording)


@dataclass(slots=True)
class _Held:
    """The ``acts`` of a reply to ``heard``, whose last words were ``turn``.

    ``begun`` is when its first sound is heard, None before.
    """

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

    def hold(self, reply: Reply, heard: Heard, turn: Turn | None) -> None:
        """``reply`` to ``heard`` is about to be said; ``turn`` is the speech it answers, None where that was none.

        It stands at once where it does not wait for anybody: an opt-out, an objection to the recording, words that
        the law wants heard whole, and no words at all.
        """
        self.settle()
        lawful = not reply.interruptible and not reply.ends
        at_once = lawful or not reply.text or any(isinstance(act, _AT_ONCE) for act in reply.acts)
        if turn is None or at_once:
            self._carry_out(reply.acts)
        else:
            self._held = _Held(heard, turn, reply.acts)

    @property
    def stands(self) -> bool:
        """Whether the last reply can no longer be taken back."""
        return self._held is None

    def begun(self, at: float) -> None:
        """The person hears our first sound at ``at``, in seconds on the clock."""
        if self._held is not None and self._held.begun is None:
            self._held.begun = at
            delay_s = at - self._clock() + _SETTLED_S
            self._held.timer = asyncio.get_running_loop().call_later(delay_s, self.said)

    def said(self) -> None:
        """The reply was heard for long enough: it stands, unless somebody speaks who may have begun before."""
        if not self._undecided():
            self.settle()

    def continues(self, began: float | None) -> bool:
        """Whether a voice that ``began`` then, in seconds on the clock, goes on with what was answered too early."""
        held = self._held
        if held is None or began is None or began - held.turn.decided > _GOES_ON_S:
            return False
        return held.begun is None or began - held.begun <= _REACTION_S

    def mended(self, heard: Heard, turn: Turn | None) -> Heard | None:
        """What is to be answered now that ``heard`` was said: with its first half, the reply to which is taken back.

        None where the last reply stands. Words that cannot wait are never hidden behind others.
        """
        held = self._held
        if held is not None and turn is not None and self.continues(turn.started):
            whole = replace(heard, text=f"{held.heard.text} {heard.text}")
            hides = self._dialogue.cannot_wait(heard) and not self._dialogue.cannot_wait(whole)
            if not hides and self._dialogue.take_back():
                self._forget()
                log.info("turn.mended", call_id=self._call_id, heard_of_us=held.begun is not None)
                return whole
        self.settle()
        return None

    def settle(self) -> None:
        """The last reply stands."""
        if (held := self._forget()) is not None:
            self._carry_out(held.acts)

    def _carry_out(self, acts: tuple[Act, ...]) -> None:
        for act in acts:
            self._emit(act)

    def _forget(self) -> _Held | None:
        held, self._held = self._held, None
        if held is not None and held.timer is not None:
            held.timer.cancel()
        return held
