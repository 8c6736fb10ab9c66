"""Machines that answer a phone: a voicemail, a screening service, a menu, a fax; some have a person behind them.

As all parties they are driven by ticks of 20 ms.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from simulator import audio
from simulator.domain.call import Call, Utterance
from simulator.domain.people import Fax, Menu, Person, Screening, Voicemail
from simulator.dtmf import Keypad
from simulator.party import Ear, Mouth, Party, ticks
from simulator.speech import Speech

log = structlog.get_logger(__name__)

_RINGS_S = 1.5
_ASKED_AGAIN_S = 8.0
_PURPOSE = ticks(0.8)  # a shorter utterance tells a screening service nothing
_FAX_HZ = 2100
_FAX_AFTER_S = 0.5

Behind = Callable[[int], Party]
"""The person behind a machine, who comes to the phone at a tick."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What every machine needs: ``sounds`` has each of its texts as mu-law; ``behind`` is None where nobody is."""

    speech: Speech
    call: Call
    sounds: Mapping[str, bytes]
    noise: tuple[bytes, ...]
    behind: Behind | None = None


class Machine:
    """What all of them have: an ear, a mouth, and perhaps somebody behind them, whom ``_connect`` calls."""

    def __init__(self, setup: Setup) -> None:
        self.press: Callable[[str], None] = lambda digit: None
        self.greeted, self.beeped = asyncio.Event(), asyncio.Event()
        self._speech, self._call, self._sounds, self._behind = setup.speech, setup.call, setup.sounds, setup.behind
        self._ear, self._mouth = Ear(), Mouth(setup.noise)
        self._now = 0
        self._gone = False
        self._saying: tuple[str, int] | None = None
        self._rings_until: int | None = None
        self._person: Party | None = None
        self._recognitions: set[asyncio.Task[None]] = set()

    @property
    def gone(self) -> bool:
        return self._gone or (self._person is not None and self._person.gone)

    def close(self) -> None:
        for task in self._recognitions:
            task.cancel()
        if self._person is not None:
            self._person.close()

    def tick(self, heard: bytes | None) -> bytes:
        self._now += 1
        if self._person is not None:
            return self._person.tick(heard)
        ended = self._ear.tick(self._now, heard)
        if ended:
            self._record(*ended)
        if self._saying and not self._mouth.speaking:
            text, started = self._saying
            self._saying = None
            self.greeted.set()
            self._call.said.append(Utterance(text, self._instant(started), self._instant(self._now)))
        if self._rings_until is not None:
            if self._now >= self._rings_until:
                self._pick_up()
        elif not self._mouth.speaking:
            self._go_on(heard, ended[0] if ended else None)
        return self._mouth.tick()

    def _go_on(self, heard: bytes | None, utterance: int | None) -> None:
        """The next step, while nothing is being said. ``utterance``: one has ended, which began at that tick."""
        raise NotImplementedError

    def _say(self, text: str) -> None:
        self._saying = (text, self._now)
        self._mouth.say(self._sounds[text])

    def _connect(self, after_s: float = _RINGS_S) -> None:
        self._rings_until = self._now + ticks(after_s)

    def _pick_up(self) -> None:
        assert self._behind is not None
        self._person = self._behind(self._now)
        self._person.press = self.press

    def _record(self, started: int, ended: int, mulaw: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._understand(started, ended, mulaw))
        self._recognitions.add(task)
        task.add_done_callback(self._recognitions.discard)

    async def _understand(self, started: int, ended: int, mulaw: bytes) -> None:
        text = await self._speech.understand(mulaw)
        self._call.heard.append(Utterance(text, self._instant(started), self._instant(ended)))

    def _instant(self, tick: int) -> datetime:
        return (self._call.answered_at or self._call.created_at) + timedelta(seconds=tick * audio.FRAME_S)


class Mailbox(Machine):
    """A voicemail: greets, beeps, records for a while, hangs up; or the person picks up while it records."""

    def __init__(self, voicemail: Voicemail, setup: Setup) -> None:
        super().__init__(setup)
        self._voicemail = voicemail
        self._beeps = voicemail.beep
        self._records_from: int | None = None
        self._say(voicemail.greeting)

    def _go_on(self, heard: bytes | None, utterance: int | None) -> None:
        box = self._voicemail
        if self._beeps:
            self._beeps = False
            self._mouth.say(audio.SILENCE * ticks(box.pause_s) + audio.beep(box.beep_s, box.beep_hz))
        elif self._records_from is None:
            if box.beep:
                self.beeped.set()
            self._records_from = self._now
        elif box.picks_up_s is not None and self._now >= self._records_from + ticks(box.picks_up_s):
            self._connect(0)
        elif self._now >= self._records_from + ticks(box.listens_s):
            self._gone = True


class Screener(Machine):
    """Asks who calls and why, tells the person, and connects or declines."""

    def __init__(self, screening: Screening, setup: Setup) -> None:
        super().__init__(setup)
        self._screening = screening
        self._to_say = list(screening.prompts)
        self._asked_from: int | None = None
        self._asked_again = False
        self._decides_at: int | None = None
        self._declined = False

    def _go_on(self, heard: bytes | None, utterance: int | None) -> None:
        if self._to_say:
            self._say(self._to_say.pop(0))
        elif self._decides_at is not None:
            self._decide(self._decides_at)
        elif self._asked_from is None:
            self._asked_from = self._now
        elif utterance is not None and self._tells(utterance, self._asked_from):
            self._say(self._screening.holds)
            self._decides_at = self._now + ticks(self._screening.decides_s)
        elif self._ear.started is None and self._now >= self._asked_from + ticks(_ASKED_AGAIN_S):
            self._give_up()

    def _tells(self, utterance: int, asked_from: int) -> bool:
        return utterance >= asked_from - ticks(0.3) and self._ear.last_loud - utterance >= _PURPOSE

    def _give_up(self) -> None:
        self._gone = self._asked_again
        self._asked_again, self._asked_from = True, None
        self._to_say = list(self._screening.prompts[-1:])

    def _decide(self, at: int) -> None:
        if self._declined:
            self._gone = True
        elif self._now >= at and self._screening.accepts:
            self._connect(0)
        elif self._now >= at:
            self._declined = True
            self._say(self._screening.declines)


class Attendant(Machine):
    """A menu; one key connects. Keys are heard as the tones that they are, also while it speaks."""

    def __init__(self, menu: Menu, setup: Setup) -> None:
        super().__init__(setup)
        self._menu, self._keypad = menu, Keypad()
        self._times = 0
        self._waits_until = 0

    def tick(self, heard: bytes | None) -> bytes:
        if self._person is None and (key := self._keypad.tick(heard)) is not None:
            self._call.tones.append((key, self._instant(self._now)))
            log.info("menu.key", call_sid=self._call.sid, key=key)
            self._mouth.hush()
            self._saying = None
            if key == self._menu.connects:
                self._connect()
            else:
                self._say(self._menu.wrong)
        return super().tick(heard)

    def _go_on(self, heard: bytes | None, utterance: int | None) -> None:
        if self._now < self._waits_until:
            return
        if self._times >= self._menu.times:
            self._gone = True
            return
        self._times += 1
        self._say(self._menu.text)
        self._waits_until = self._now + len(self._sounds[self._menu.text]) // audio.FRAME + ticks(self._menu.waits_s)


class FaxMachine(Machine):
    """Answers with its tone, and hangs up when no other fax answers it."""

    def __init__(self, fax: Fax, setup: Setup) -> None:
        super().__init__(setup)
        self._fax = fax
        self._mouth.say(audio.SILENCE * ticks(_FAX_AFTER_S) + audio.beep(fax.tone_s, _FAX_HZ))
        self._over_at: int | None = None

    def _go_on(self, heard: bytes | None, utterance: int | None) -> None:
        self.greeted.set()
        if self._over_at is None:
            self._over_at = self._now + ticks(self._fax.waits_s)
        self._gone = self._now >= self._over_at


def machine_of(person: Person, setup: Setup) -> Machine | None:
    """The machine that answers the phone of ``person``, None where the person does."""
    if person.voicemail is not None:
        return Mailbox(person.voicemail, setup)
    if person.screening is not None:
        return Screener(person.screening, setup)
    if person.menu is not None:
        return Attendant(person.menu, setup)
    return FaxMachine(person.fax, setup) if person.fax is not None else None
