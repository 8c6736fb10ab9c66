"""One call from the ring to the end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from simulator.domain.call import Call, Status
from simulator.domain.people import Answers, How, Person
from simulator.line import Line
from simulator.party import Party
from simulator.script import Script, Source
from simulator.tape import Tape
from simulator.webhooks import Subscription, Webhooks, now

log = structlog.get_logger(__name__)
_SETUP_S = 0.05
_HUMAN_PAUSE_S = 0.8
_SILENCE_TIMEOUT_S = 5.0
_MACHINE_KNOWN_S = 2.4
_END_SILENCE_S = 2.0
_SIP = {How.BUSY: 486, How.INVALID: 404, How.NO_ANSWER: 487}


@dataclass(frozen=True, slots=True)
class MachineDetection:
    """``message_end``: wait for the machine's greeting to end. ``callback`` "": hold the TwiML for the verdict."""

    message_end: bool
    timeout_s: float = 30.0
    callback: str = ""
    callback_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for one call. ``source`` None: the call is one leg of a ``<Dial>``.

    ``inbound``: the person calls one of the application's numbers, which rings until the TwiML's first sound.
    """

    source: Source | None
    subscription: Subscription | None = None
    timeout_s: float = 60.0
    time_limit_s: float = 14_400.0
    detection: MachineDetection | None = None
    inbound: bool = False


class Phone:
    """Rings one phone and runs the call. ``over`` is set once the call has its final status."""

    def __init__(
        self,
        call: Call,
        plan: Plan,
        person: Person | None,
        *,
        webhooks: Webhooks,
        pick_up: Callable[[Call], Awaitable[Party]],
        script: Callable[[Call, Line], Script],
        tape: Callable[[Call], Tape | None] = lambda _: None,
    ) -> None:
        self.call, self.plan = call, plan
        self.line: Line | None = None
        self.answered, self.over = asyncio.Event(), asyncio.Event()
        self._person, self._webhooks = person, webhooks
        self._pick_up, self._make_script, self._tape = pick_up, script, tape
        self._script: Script | None = None
        self._ending: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def end(self, by: str) -> None:
        """Hang up, or stop ringing. Safe at any time and more than once."""
        if not self._ending.done():
            self._ending.set_result(by)

    def redirect(self, source: Source) -> bool:
        """Go on with other TwiML; False where the call is not in progress."""
        if self._script is None or not self.answered.is_set() or self._ending.done():
            return False
        self._script.jump(source)
        return True

    async def run(self) -> None:
        try:
            if await self._ring():
                await self._talk()
        except Exception:
            log.exception("call.broke", call_sid=self.call.sid)
            final = Status.COMPLETED if self.call.status is Status.IN_PROGRESS else Status.FAILED
            self._move(final, ended_by="carrier")

    def _move(self, to: Status, *, ended_by: str | None = None, at: datetime | None = None) -> None:
        at = at or now()
        if ended_by and self.call.ended_by is None:
            self.call.ended_by = ended_by
        if self.call.move(to, at):
            if to.final:
                self.over.set()
            log.info("call.status", call_sid=self.call.sid, status=to.value)
            self._webhooks.status(self.call, self.plan.subscription, at)

    async def _ring(self) -> bool:
        """Whether somebody, or something, answers."""
        if await self._ended_within(0):
            return False
        self._move(Status.INITIATED)
        if await self._ended_within(_SETUP_S):
            return False
        if self.plan.inbound:
            self._move(Status.RINGING)
            return True
        how = self._person.answers.how if self._person else How.INVALID
        self.call.sip_code = _SIP.get(how, 200)
        if how is How.INVALID or self._person is None:
            self._move(Status.FAILED, ended_by="carrier")
            return False
        self._move(Status.RINGING)
        rings_s = self._person.answers.after_s
        patient = how is not How.NO_ANSWER and rings_s < self.plan.timeout_s
        if await self._ended_within(rings_s if patient else self.plan.timeout_s):
            return False
        if not patient:
            self._move(Status.NO_ANSWER, ended_by="carrier")
        elif how is How.BUSY:
            self._move(Status.BUSY, ended_by="carrier")
        return patient and how is not How.BUSY

    async def _ended_within(self, seconds: float) -> bool:
        """Wait; True, with the call canceled, if it was ended meanwhile."""
        await asyncio.wait({self._ending}, timeout=seconds)
        if self._ending.done():
            self._move(Status.CANCELED, ended_by=self._ending.result())
        return self._ending.done()

    async def _talk(self) -> None:
        party = await self._pick_up(self.call)
        line = self.line = Line(party, self.call, self._tape(self.call))
        self._script = self._make_script(self.call, line)
        if self.plan.inbound:
            self._script.first_sound = self._answered
        else:
            self._answered()
        clock = asyncio.create_task(self._run_line(line))
        verbs = asyncio.create_task(self._run_script(self._script, party))
        detection = asyncio.create_task(self._detect_apart(party))
        try:
            ends: set[asyncio.Future[Any]] = {clock, verbs, self._ending}
            await asyncio.wait(ends, timeout=self.plan.time_limit_s, return_when=asyncio.FIRST_COMPLETED)
            by = "time_limit"
            if clock.done():
                by = "person"
            elif self._ending.done():
                by = self._ending.result()
            elif verbs.done():
                by = "application"
            # The status changes at the hang-up; closing the media socket afterwards may take a moment.
            party.close()
            self.end(by)
            over = Status.COMPLETED if self.answered.is_set() else Status.NO_ANSWER
            self._move(over, ended_by=by, at=now())
        finally:
            for task in (verbs, detection, clock):
                task.cancel()
            results = await asyncio.gather(verbs, detection, clock, return_exceptions=True)
            self.line = self._script = None  # the call is remembered, its sounds are not
            line.close()
        for error in results:
            if isinstance(error, Exception):
                log.error("call.task_failed", call_sid=self.call.sid, error=repr(error))

    def _answered(self) -> None:
        if not self.answered.is_set():
            self._move(Status.IN_PROGRESS)
            self.answered.set()

    async def _run_line(self, line: Line) -> None:
        """Nobody hears or says anything before the call is answered."""
        await self.answered.wait()
        await line.run()

    async def _run_script(self, script: Script, party: Party) -> None:
        if self.plan.source is None:
            await asyncio.Event().wait()  # one leg of a <Dial>: the other leg decides
            return
        if self.plan.detection and not self.plan.detection.callback:
            self.call.answered_by, _ = await self._verdict(party, self.plan.detection)
        await script.run(self.plan.source)

    async def _detect_apart(self, party: Party) -> None:
        detection = self.plan.detection
        if detection is None or not detection.callback:
            return
        self.call.answered_by, duration_ms = await self._verdict(party, detection)
        fields = {
            "CallSid": self.call.sid,
            "AccountSid": self.call.account_sid,
            "AnsweredBy": self.call.answered_by,
            "MachineDetectionDuration": str(duration_ms),
        }
        self._webhooks.tell(self.call, detection.callback, detection.callback_method, fields)

    async def _verdict(self, party: Party, detection: MachineDetection) -> tuple[str, int]:
        """As it is, or as the person's file has it be."""
        answers = self._person.answers if self._person else Answers()
        answered_by, duration_ms = await verdict(party, answers.how, detection)
        return answers.detected or answered_by, duration_ms


async def verdict(party: Party, how: How, detection: MachineDetection) -> tuple[str, int]:
    """The answering machine detection's word and how long it took, in ms; ``unknown`` when the time is up."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        async with asyncio.timeout(detection.timeout_s):
            if how is How.HUMAN:
                answered_by = await _human(party)
            elif how is How.FAX:
                answered_by = await _fax(party)
            else:
                answered_by = await _machine(party, message_end=detection.message_end)
    except TimeoutError:
        answered_by = "unknown"
    return answered_by, round((loop.time() - started) * 1000)


async def _human(party: Party) -> str:
    try:
        async with asyncio.timeout(_SILENCE_TIMEOUT_S):
            await party.greeted.wait()
    except TimeoutError:
        return "unknown"
    await asyncio.sleep(_HUMAN_PAUSE_S)
    return "human"


async def _fax(party: Party) -> str:
    await party.greeted.wait()
    return "fax"


async def _machine(party: Party, *, message_end: bool) -> str:
    if not message_end:
        await asyncio.sleep(_MACHINE_KNOWN_S)
        return "machine_start"
    await party.greeted.wait()
    try:
        async with asyncio.timeout(_END_SILENCE_S):
            await party.beeped.wait()
    except TimeoutError:
        return "machine_end_silence"
    return "machine_end_beep"
