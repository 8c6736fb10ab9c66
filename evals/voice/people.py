"""People of ``evals/people`` on the simulator's phones: their minds think there, and their microphones hear the room.

A person hears the agent's words as they were spoken, once they were spoken to the end: a small recogniser in the
person's place would measure itself. What they say is spoken, and whatever becomes of it on the way is ours.
"""

import asyncio
import contextlib
import copy
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import cycle
from zoneinfo import ZoneInfo

from evals import noise
from evals.mind import PersonsMind, Said, Told
from evals.noise import Noise
from evals.person import ELSEWHERE, PLACES, Person, words
from evals.voice.background import KINDS, Samples, frames, levelled, made, mixed
from simulator import audio
from simulator.domain import people as simulated
from simulator.domain.call import Call
from simulator.domain.mind import Reaction, last_question
from simulator.exchange import Account, Exchange
from simulator.faults import Switches
from simulator.party import Human
from simulator.speech import ModelSpeech, Speech, Voice

_GREETING = "Hello?"
_HOUSE_NUMBER = re.compile(r"^\d+")
_THINKS_S, _STATEMENT_S, _SILENT_S = 0.3, 2.5, 1.5
_TURN_TOLD_S = 1.5
"""How long after the agent's voice has paused its words may come; later it was a pause within its turn."""
_SAYS_AGAIN = 3
"""What is not understood a person says again, more often than where nothing but words can be wrong."""
_TALKERS, _SENTENCES = 6, 8
RECORDED = "recording"
LocalClock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _Thought(Reaction):
    """A reaction with the mind that the person will have once it is carried out."""

    then: PersonsMind | None = None


class SpokenMind:
    """``simulator.domain.mind.Mind`` of a person of ``evals``: asking changes nothing, carrying out does."""

    def __init__(self, mind: PersonsMind, local: LocalClock) -> None:
        self._mind, self._local = mind, local

    @property
    def told(self) -> Told:
        return self._mind.told

    def hear(self, text: str) -> Reaction | None:
        if not text.strip():
            return None  # the agent has paused, and goes on
        after = copy.deepcopy(self._mind)
        said = after.answer(text, local=self._local(), waited_s=0.0)
        if not (said.text or said.key or said.hangs_up):
            return _Thought(after_s=_SILENT_S, then=after)
        return _thought(said, _THINKS_S if last_question(text) else _STATEMENT_S, then=after)

    def quiet(self, silent_s: float) -> Reaction | None:
        said = self._mind.quiet(silent_s, local=self._local())
        return None if said is None else _thought(said, _THINKS_S)

    def interrupt(self, talking_s: float, *, utterance: int) -> Reaction | None:
        said = self._mind.interrupt(talking_s, utterance=utterance, local=self._local())
        return None if said is None else _thought(said, 0.0)

    def commit(self, reaction: Reaction) -> None:
        if isinstance(reaction, _Thought) and reaction.then is not None:
            self._mind = reaction.then


def _thought(said: Said, after_s: float, *, then: PersonsMind | None = None) -> _Thought:
    return _Thought(said.text or "", said.key, said.hangs_up, after_s, then=then)


class _Telephone:
    """``simulator.speech.Speech`` of one call. ``told`` is given each of the agent's turns, on the loop."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._turns: list[str] = []
        self._news = asyncio.Event()

    def told(self, text: str) -> None:
        self._turns.append(text)
        self._news.set()

    async def understand(self, mulaw: bytes) -> str:
        del mulaw
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TURN_TOLD_S):
                await self._news.wait()
        self._news.clear()
        heard, self._turns = " ".join(self._turns), []
        return heard

    async def render(self, text: str, voice: Voice) -> bytes:
        spoken = await self._speech.render(text, voice)
        return audio.to_mulaw(levelled(audio.to_samples(spoken, audio.RATE)), audio.RATE)

    async def warm(self, lines: Iterable[tuple[str, Voice]]) -> None:
        await self._speech.warm(lines)

    def close(self) -> None:
        """The voice is everybody's."""


class _InARoom(Human):
    """A person with ``room`` around them, frames of PCM that go on whether they speak or not; None is a quiet one."""

    def __init__(
        self,
        person: simulated.Person,
        mind: SpokenMind,
        speech: Speech,
        call: Call,
        *,
        noise: tuple[bytes, ...],
        began: int,
        room: Sequence[bytes] | None,
    ) -> None:
        super().__init__(person, mind, speech, call, noise=noise, began=began)
        self._room = cycle(room) if room else None

    def tick(self, heard: bytes | None) -> bytes:
        said = super().tick(heard)
        return said if self._room is None else mixed(said, next(self._room))


def repairing(person: Person) -> Person:
    """The person, who says so where a yes of theirs was heard as a no."""
    refuses = "not_interested" in person.expects.dispositions
    if refuses or person.answers.get("interest") != "yes" or "timing" in person.answers:
        return person
    return person.model_copy(update={"answers": {**person.answers, "timing": "still"}})


@dataclass(frozen=True, slots=True)
class Role:
    """One call of a person, who has the phone whose number ends with ``number``. ``room`` names a kind of noise."""

    person: Person
    seed: int
    number: int
    room: str = ""

    @property
    def noise(self) -> Noise:
        """Fillers and words said twice, as in text; what is misheard is for the line to show."""
        level = noise.level(self.rng())
        return Noise.TALK if level is Noise.LINE else level

    def rng(self) -> random.Random:
        return random.Random(f"{self.person.id}/{self.seed}")  # noqa: S311 - people, not keys

    def living_at(self, place: str) -> Person:
        """The person with a home at ``place`` and a house number of their own, as no two are one household."""
        lead = self.person.lead
        address = _HOUSE_NUMBER.sub(str(self.number), lead.address.split(",")[0])
        return self.person.model_copy(update={"lead": lead.model_copy(update={"place": place, "address": address})})

    def phone(self) -> simulated.Person:
        """Who answers it: one voice, higher or lower and quicker or slower."""
        rng = self.rng()
        return simulated.Person(
            id=f"{self.person.id}_{self.seed}",
            number=f"*{self.number:04}",
            pitch=rng.uniform(0.85, 1.15),
            speed=rng.uniform(0.9, 1.1),
            answers=simulated.Answers(after_s=0.5),
            greeting=_GREETING,
            fallback=(),
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The noise of a run, ``snr_db`` under what people say; ``recording`` takes the place of what is made."""

    snr_db: float
    seed: int = 1
    recording: Samples | None = None

    async def rooms(self, speech: Speech) -> Mapping[str, Sequence[bytes]]:
        """Frames by kind."""
        if self.recording is not None:
            return {RECORDED: frames(self.recording, self.snr_db)}
        rng = random.Random(self.seed)  # noqa: S311 - people, not keys
        talkers = [await self._talker(speech, rng) for _ in range(_TALKERS)]
        return {kind: frames(made(kind, self.seed, talkers=talkers), self.snr_db) for kind in KINDS}

    async def _talker(self, speech: Speech, rng: random.Random) -> Samples:
        texts = [text for wordings in words().sets.values() for text in wordings]
        voice = Voice(pitch=rng.uniform(0.8, 1.25), speed=rng.uniform(0.9, 1.2))
        spoken = [await speech.render(text, voice) for text in rng.sample(texts, _SENTENCES)]
        return audio.to_samples(b"".join(spoken), audio.RATE)


class Company(Exchange):
    """A phone company whose people have minds of ``evals``. Lives on one loop, as the simulator's does."""

    def __init__(self, account: Account, roles: Sequence[Role], around: Surroundings | None) -> None:
        self._voices = ModelSpeech(understands=False)
        people = simulated.People(people=tuple(role.phone() for role in roles))
        super().__init__(account, people, self._voices, switches=Switches())
        self._roles = {role.number: role for role in roles}
        self._around, self._rooms = around, dict[str, Sequence[bytes]]()
        self._minds: dict[str, SpokenMind] = {}
        self._telephones: dict[str, _Telephone] = {}

    async def start(self) -> None:
        if self._around is not None:
            self._rooms = dict(await self._around.rooms(self._voices))
        await super().start()

    def human(self, person: simulated.Person, call: Call, began: int) -> Human:
        role = self._roles[int(call.to[-4:])]
        rng = role.rng()
        noise.level(rng)  # drawn first, as in text, so that the same seed says the same words
        mind = SpokenMind(
            PersonsMind(role.person, rng, role.noise, again=_SAYS_AGAIN), partial(_local, _zone_of(call.to))
        )
        telephone = _Telephone(self._voices)
        self._minds[call.to], self._telephones[call.to] = mind, telephone
        return _InARoom(person, mind, telephone, call, noise=self._noise, began=began, room=self._room(role))

    def agent_said(self, phone: str, text: str) -> None:
        """The agent's turn was heard to its end by whoever has ``phone``."""
        if (telephone := self._telephones.get(phone)) is not None:
            telephone.told(text)

    def told(self, phone: str) -> Told:
        """What whoever has ``phone`` has told; nothing where they never came to it."""
        mind = self._minds.get(phone)
        return Told() if mind is None else mind.told

    def _room(self, role: Role) -> Sequence[bytes] | None:
        """As it is from some moment on."""
        room = self._rooms.get(role.room)
        if room is None:
            return None
        start = role.rng().randrange(len(room))
        return [*room[start:], *room[:start]]


def _zone_of(phone: str) -> ZoneInfo:
    return next(ZoneInfo(one.zone) for one in (*PLACES.values(), *ELSEWHERE.values()) if phone.startswith(one.prefix))


def _local(zone: ZoneInfo) -> datetime:
    return datetime.now(zone).replace(tzinfo=None)
