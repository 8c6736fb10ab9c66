"""Whose turn it is: what was heard and not answered yet, what is said to it, and what may stop us."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from agents.domain.types import Act, Heard, HeardKind, Reply
from agents.machines import MESSAGE_PLAYED
from agents.ports import Dialogue
from voice.domain.types import Acted
from voice.hearing import Ears, Turn
from voice.inbox import Inbox, Pending
from voice.judging import Judge, Sense
from voice.media.ports import Media
from voice.mending import Mending
from voice.mouth import Mouth, Wait
from voice.speaker import Speaker, Spoken
from voice.speech.synthesis import clauses
from voice.transcript import Transcript

log = structlog.get_logger(__name__)

_REPLY_S = 15.0
_LAST_WORD_S = 3.0  # how long somebody who speaks over our goodbye is heard
_FLOOR_S = 10.0  # how long we wait for somebody who does not stop speaking
_HEAR_OUT_S = 5.0
_UNCLEAR_S = 2.5  # after words that seemed to be for somebody else we ask
_NOISE_S = 30.0  # of sound without a word count as silence; words come at least every 25
_NOISE_GAP_S = 2.0  # after a longer gap it is another noise
FILLER = "Let me see."


def utc_now() -> datetime:
    return datetime.now(UTC)


def last_statement(parts: list[str]) -> int:
    """How many of ``parts`` have to be heard for the opening's statements: all but its closing questions."""
    return max((n for n, part in enumerate(parts, start=1) if not part.endswith("?")), default=len(parts))


class TurnTaking:
    """Holds the conversation between ears and mouth. ``emit`` gets each act as soon as its reply stands for sure.

    ``disclosed`` is when the opening's statements had been heard, in seconds on the clock; None as long as they were
    not; ``on_disclosed`` is told it. ``closing`` is True from our goodbye on, ``handed_on`` once the person has heard
    that they are put through. ``silence_prompt_s`` without a word are heard as silence. A reply that is not there
    after ``filler_after_ms`` is preceded by a short word; 0 never.
    """

    def __init__(
        self,
        call_id: str,
        dialogue: Dialogue,
        *,
        pipeline: Media,
        ears: Ears,
        speaker: Speaker,
        transcript: Transcript,
        judge: Judge,
        emit: Callable[[Acted], None],
        on_disclosed: Callable[[float], None] = lambda _: None,
        silence_prompt_s: float,
        filler_after_ms: int = 0,
        clock: Callable[[], float],
    ) -> None:
        self._call_id, self._dialogue, self._emit, self._clock = call_id, dialogue, emit, clock
        self._pipeline, self._ears, self._speaker, self._transcript = pipeline, ears, speaker, transcript
        self._judge = judge
        self._mending = Mending(call_id, dialogue, emit=self._act, undecided=self._undecided, clock=clock)
        self._silence_prompt_s, self._filler_after_s = silence_prompt_s, filler_after_ms / 1000
        self._inbox = Inbox(dialogue.cannot_wait)
        self._mouth = Mouth(pipeline, speaker, transcript, begun=self._mending.begun)
        self._question_from = math.inf  # when our first question began to be heard
        self._listening = False
        self._noise_from, self._noise_until = 0.0, -math.inf  # sounds without a word, one after the other
        self._aside_at: float | None = None  # words that may have been meant for somebody else
        self._draft: asyncio.Task[None] | None = None
        self._drafted: Heard | None = None  # what the draft answers
        self._replying: asyncio.Future[Reply] | None = None
        self._waits_s: float | None = None  # without a word until silence counts, where the last reply said so
        self._ours = asyncio.Event()  # cleared while somebody or something else speaks in our place
        self._ours.set()
        self._wanted_back: Callable[[], None] | None = None
        self._on_disclosed = on_disclosed
        self.disclosed: float | None = None
        self.closing = False
        self.handed_on = False

    @property
    def settled(self) -> bool:
        """Whether what the conversation has come to is for good: its last reply can no longer be taken back."""
        return self._mending.stands

    # What the parts tell.

    def voice_heard(self) -> None:
        """The person begins to speak."""
        self._mouth.barge_in.set()
        self._inbox.news.set()
        began = self._ears.began
        if began is not None and began - self._noise_until > _NOISE_GAP_S:
            self._noise_from = began
        if self._mending.continues(began):
            self._mouth.too_early.set()

    def turn_heard(self, turn: Turn | None) -> None:
        """The person has finished; None where it was no word."""
        sense = self._judge.judged(turn) if turn is not None else None
        self._noise_until = self._clock() if turn is None else -math.inf
        if turn is not None and sense is Sense.ASIDE:
            self._transcript.aside(turn)
            self._aside_at = turn.ended
        elif turn is not None and sense is Sense.ANSWER:
            self._mouth.heard(turn)
            self._inbox.put(Pending(Heard(turn.text, utc_now()), turn))
        elif turn is not None and sense not in (Sense.ECHO, Sense.ROOM):
            self._transcript.lead(turn)
        self._inbox.news.set()

    def turn_guessed(self, turn: Turn) -> None:
        """A pause may have ended ``turn``: its answer is prepared, and the first words of it."""
        if self._listening and not self._inbox and self._judge.sense(turn) is Sense.ANSWER:
            before = turn.ended <= self._question_from
            heard = self._drafted = Heard(turn.text, utc_now(), before_question=before)
            self._draft = asyncio.create_task(self._prepare(heard))
            self._draft.add_done_callback(self._prepared)

    def turn_resumed(self) -> None:
        """They spoke on after the pause."""
        if self._draft is not None:
            self._draft.cancel()
            self._draft = None

    def key_heard(self, key: str) -> None:
        self._inbox.put(Pending(Heard(key, utc_now(), HeardKind.KEY), at=self._clock()))
        self._mouth.barge_in.set()

    def machine_heard(self, name: str) -> None:
        self._inbox.put(Pending(Heard(name, utc_now(), HeardKind.MACHINE)))
        self._mouth.barge_in.set()

    # What operators want.

    def ordered(self, heard: Heard) -> None:
        """An order to the conversation, answered as soon as it is its turn."""
        self._inbox.put(Pending(heard))
        self._mouth.barge_in.set()

    def say_next(self, text: str, *, agent: str) -> None:
        """Say ``text`` in the agent's voice, before anything else that is to be said."""
        self._inbox.put_first(Pending(Heard("", utc_now()), reply=Reply(text, agent=agent)))
        self._mouth.barge_in.set()

    def step_aside(self, wanted_back: Callable[[], None] | None = None) -> None:
        """From now on the agent is mute, until ``step_back``. What cannot wait is asked back for by ``wanted_back``;
        without one it is carried out in silence.
        """
        self._wanted_back = wanted_back
        self._ours.clear()
        self._mouth.barge_in.set()
        self._inbox.urgent.set()
        self._inbox.news.set()

    def step_back(self, heard: Heard | None) -> None:
        """The agent goes on, with its answer to ``heard``."""
        self._ours.set()
        if heard is not None:
            self._inbox.put(Pending(heard))
        self._inbox.news.set()

    async def aside(self, text: str) -> None:
        """Say ``text`` while the agent is mute."""
        await self._mouth.say(Reply(text, agent="conversation", fixed=True), [text])

    # The conversation.

    async def farewell(self, text: str) -> None:
        """Break off what is being said, and say ``text``."""
        await self._pipeline.ready()
        await self._pipeline.hush()
        await self._mouth.say(Reply(text, fixed=True), [text])

    async def talk(self) -> None:
        """From the opening until our last word was heard."""
        await self._pipeline.ready()
        reply = self._dialogue.opening(now=utc_now())
        self._transcript.thought(reply.steps)
        self._mending.hold(reply, Heard("", utc_now()), None)
        await self._say(reply, None, opening=True)
        self._question_from = min(self._question_from, self._clock())
        closing = False
        while not closing:
            closing = self.closing
            if closing and not await self._last_word():
                break
            pending = self._mended(self._take() if closing else await self._listen())
            closing = self.closing
            reply, filler = (pending.reply, None) if pending.reply else await self._answer(pending)
            await self._say(reply, Wait(pending.turn, self._clock(), filler) if pending.turn else None)
            if reply.transfers and not self._going_on() and not self._objected():
                self.handed_on = True
                break
        self._mending.settle()

    def _mended(self, pending: Pending) -> Pending:
        """``pending`` with its first half, where we answered that too early; then our goodbye was none either."""
        whole = self._mending.mended(pending.heard, pending.turn)
        if whole is None:
            return pending
        self.closing = False
        return replace(pending, heard=whole)

    def _going_on(self) -> bool:
        """Whether they had not finished what was answered last."""
        return any(one.turn and self._mending.continues(one.turn.started) for one in self._inbox)

    def _objected(self) -> bool:
        """Whether what was said meanwhile stops the person from being put through; what does not is answered by
        whoever takes the call.
        """
        return self._inbox.keep_urgent() or not self._ours.is_set()

    async def _answer(self, pending: Pending) -> tuple[Reply, float | None]:
        """The reply, and when the word that had to come before it began."""
        heard = pending.heard
        # Shielded, so that a call that ends meanwhile leaves the conversation in a state that can be summed up.
        self._replying = asyncio.ensure_future(self._reply(heard))
        async with asyncio.timeout(_REPLY_S):
            filler = await self._fill(heard, self._replying)
            reply = await asyncio.shield(self._replying)
        self._replying = None
        self._transcript.thought(reply.steps)
        self._mending.hold(reply, heard, pending.turn)
        return reply, filler

    async def _reply(self, heard: Heard) -> Reply:
        draft, self._draft = self._draft, None
        if draft is not None and self._drafted is not None:
            if replace(self._drafted, at=heard.at) == heard:
                await asyncio.wait({draft})
            else:
                draft.cancel()  # waiting for the answer to other words would only keep them waiting
        return await self._dialogue.reply(heard, now=utc_now())

    async def _prepare(self, heard: Heard) -> None:
        reply = await self._dialogue.prepare(heard, now=utc_now())
        if parts := clauses(reply.text):
            self._speaker.prepare(parts[0], keep=reply.fixed)

    def _prepared(self, draft: "asyncio.Task[None]") -> None:
        if not draft.cancelled() and (error := draft.exception()) is not None:
            log.warning("turn.not_prepared", call_id=self._call_id, error=repr(error))

    async def _fill(self, heard: Heard, reply: "asyncio.Future[Reply]") -> float | None:
        """Say a short word where ``reply`` is late; never before what follows an opt-out. When it began."""
        if not self._filler_after_s or heard.kind is not HeardKind.SPEECH or self._dialogue.cannot_wait(heard):
            return None
        done, _ = await asyncio.wait({reply}, timeout=self._filler_after_s)
        if done or self._inbox or self._ears.turn_open:
            return None
        return (await self._mouth.say(Reply(FILLER, fixed=True), [FILLER], self._mouth.barge_in)).start

    def _act(self, act: Act) -> None:
        self._emit(Acted(act))

    def _undecided(self) -> bool:
        """Whether somebody speaks, or has spoken, to whom we have not replied yet."""
        return self._ears.turn_open or bool(self._inbox)

    async def _last_word(self) -> bool:
        """Whether something was said over our goodbye: an opt-out counts until the line is closed."""
        try:
            async with asyncio.timeout(_LAST_WORD_S):
                await self._ears.quiet()
        except TimeoutError:
            log.info("call.talks_on", call_id=self._call_id)
        return bool(self._inbox)

    async def _listen(self) -> Pending:
        """What is heard next; nothing for a while is heard as silence, and unclear words as such."""
        self._aside_at = None
        try:
            while not self._inbox or not self._ours.is_set():
                if not self._ours.is_set():
                    await self._stand_aside()
                    continue
                self._listening = True
                self._inbox.news.clear()
                silent = Pending(Heard("", utc_now(), HeardKind.SILENCE))
                if self._ears.turn_open:
                    noise_from = max(self._noise_from, self._speaker.quiet_since)
                    left_s = noise_from + _NOISE_S - self._clock()
                    if left_s <= 0 or not await self._inbox.told_within(left_s):
                        return silent
                    continue
                left_s, unclear = self._patience()
                if left_s <= 0:
                    return Pending(Heard("", utc_now())) if unclear else silent
                await self._inbox.told_within(left_s)
        finally:
            self._listening = False
        return self._take()

    async def _stand_aside(self) -> None:
        """Until the line is ours again. What is said meanwhile is for somebody else, but for what cannot wait."""
        self._mending.settle()
        self._listening = False
        self._inbox.news.clear()
        if not self._inbox.keep_urgent():
            await self._inbox.news.wait()
        elif self._wanted_back is not None:
            self._ours.set()
            self._wanted_back()
        else:
            await self._carry_out(self._take())

    async def _carry_out(self, pending: Pending) -> None:
        """What ``pending`` asks for, without a word."""
        self._done(await self._dialogue.reply(pending.heard, now=utc_now()))

    def _done(self, reply: Reply) -> None:
        """``reply`` counts, though nobody hears it."""
        self._transcript.thought(reply.steps)
        for act in reply.acts:
            self._act(act)

    def _patience(self) -> tuple[float, bool]:
        """For how long we wait on, and whether it is for a clear word after one that was not."""
        since = max(self._speaker.quiet_since, self._ears.last_voice)
        usual_s = self._silence_prompt_s
        left_s = since + (usual_s if self._waits_s is None else self._waits_s) - self._clock()
        if self._aside_at is None:
            return left_s, False
        asking_s = max(since, self._aside_at) + _UNCLEAR_S - self._clock()
        return min(left_s, asking_s), True

    def _take(self) -> Pending:
        """The oldest thing heard, with the speech that followed it directly."""
        taken = self._inbox.take(question_from=self._question_from)
        if taken.heard.kind is HeardKind.KEY:
            self._transcript.key(taken.heard.text, taken.at)
        return taken

    async def _say(self, reply: Reply, wait: Wait | None, *, opening: bool = False) -> None:
        """Speak the reply, and go on after an interruption that was none; a real one leaves it to the next turn."""
        if reply.ends and not self._ours.is_set() and self._wanted_back is None:
            self._dialogue.interrupted(played="")  # whoever took the line while this was made ends the call
            return
        self.closing = self.closing or reply.ends
        self._waits_s = reply.waits_s
        if reply.keys:
            await self._mouth.press(reply)
        parts = clauses(reply.text)
        if not parts:
            return
        self._judge.expects = reply.expects
        firm = reply.ends or not reply.interruptible
        waits = not firm or (reply.ends and self._ears.turn_open and self._mending.continues(self._ears.began))
        if (waits and not await self._goes_on()) or (firm and self._inbox.urgent.is_set() and not reply.ends):
            self._dialogue.interrupted(played="")
            return
        goes_on = self._goes_on if reply.ends or not firm else None
        spoken = await self._mouth.say(reply, parts, self._stopped_by(reply), wait, goes_on)
        if (opening or reply.discloses) and self.disclosed is None and not reply.ends:
            self._disclose(spoken, last_statement(parts))
        if spoken.interrupted:
            self._dialogue.interrupted(played=spoken.text)
            return
        self._mending.said()
        if reply.is_message:
            self.machine_heard(MESSAGE_PLAYED)

    async def _goes_on(self) -> bool:
        """Whether we may speak, once nobody else does: nothing was said that awaits an answer."""
        if self._ours.is_set():
            await self._floor()
        return not self._inbox and self._ours.is_set()

    def _stopped_by(self, reply: Reply) -> asyncio.Event | None:
        """What makes us stop within this reply: any voice, only what cannot wait, or only who had not finished."""
        if reply.ends:
            return self._mouth.too_early
        return self._mouth.barge_in if reply.interruptible else self._inbox.urgent

    async def _floor(self) -> None:
        """Wait while the person speaks, unless they never stop."""
        try:
            async with asyncio.timeout(_FLOOR_S):
                await self._ears.quiet()
        except TimeoutError:
            log.info("call.talked_over", call_id=self._call_id)

    def _disclose(self, spoken: Spoken, needed: int) -> None:
        if 0 < needed <= spoken.whole:
            self._question_from = self.disclosed = spoken.moments[needed - 1]
            self._on_disclosed(self.disclosed)

    async def hear_out(self) -> None:
        """What was said into the end still counts, an opt-out above all, whatever has broken by then."""
        deadline = asyncio.get_running_loop().time() + _HEAR_OUT_S
        for step in (self._last_reply, self._answer_rest, self._ears.finish, self._answer_rest, self._settle):
            try:
                async with asyncio.timeout_at(deadline):
                    await step()
            except Exception:
                log.exception("voice.not_heard_out", call_id=self._call_id)

    async def _last_reply(self) -> None:
        self.turn_resumed()
        if self._replying is not None:
            self._done(await self._replying)

    async def _answer_rest(self) -> None:
        while self._inbox:
            await self._carry_out(self._mended(self._take()))

    async def _settle(self) -> None:
        self._mending.settle()
