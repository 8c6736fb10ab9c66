"""The phone company: takes calls, rings phones, remembers everything."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from simulator import audio
from simulator.domain import errors
from simulator.domain.call import Call, Status
from simulator.domain.mind import CannedMind, Mind, RuleMind
from simulator.domain.people import E164, Answers, How, People, Person
from simulator.domain.twiml import Dial
from simulator.faults import Dice, MediaFaults, Switches
from simulator.line import Bridge, Line, Quiet
from simulator.machines import Setup, machine_of
from simulator.numbers import Message, Number
from simulator.party import Human, Party
from simulator.phone import Phone, Plan
from simulator.script import Fetch, Script, Source
from simulator.speech import Speech, Voice
from simulator.tape import Tape
from simulator.webhooks import Webhooks, now

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the carrier serves. ``cps`` is how many calls a second it takes.

    ``caller_ids`` are numbers of other companies that it has verified; where there are any, a call shows one of them
    or a number of the account's, else any.
    """

    sid: str
    auth_token: str
    cps: float = 1.0
    caller_ids: frozenset[str] = frozenset()


class CallRate:
    """A token bucket of one second: ``cps`` calls at once, refilled at ``cps`` a second."""

    def __init__(self, cps: float) -> None:
        self._cps, self._room, self._at = cps, max(1.0, cps), 0.0

    def take(self, at: float) -> bool:
        """Whether there is room for a call at ``at``, in seconds of a monotonic clock; if so it is taken."""
        self._room = min(max(1.0, self._cps), self._room + (at - self._at) * self._cps)
        self._at = at
        if self._room < 1.0:
            return False
        self._room -= 1.0
        return True


class Exchange:
    """One carrier with its calls. Made and used on one event loop. ``tapes`` is where calls are recorded, if any."""

    def __init__(
        self,
        account: Account,
        people: People,
        speech: Speech,
        *,
        switches: Switches,
        load_mode: bool = False,
        tapes: Path | None = None,
    ) -> None:
        self.account, self.people, self.dice, self.switches = account, people, Dice(switches.seed), switches
        self.warm = asyncio.Event()
        self._speech, self._load_mode, self._tapes = speech, load_mode, tapes
        self._rate = CallRate(account.cps)
        self._webhooks = Webhooks(account.auth_token, switches=switches.callbacks, dice=self.dice)
        self._media_faults = MediaFaults(switches.media, self.dice)
        self._noise = audio.comfort_noise()
        self._phones: dict[str, Phone] = {}
        self._running: set[asyncio.Task[None]] = set()
        self.numbers: dict[str, Number] = {}
        self.messages: list[Message] = []

    async def start(self) -> None:
        """Load the models and render what the people will say, so that the first call is as quick as the last."""
        speaking = (person for person in self.people.people if not self._canned(person))
        lines = list(dict.fromkeys((line, _voice(person)) for person in speaking for line in person.lines()))
        if self._load_mode:
            lines += [(line, Voice()) for line in CannedMind.LINES]
        await self._speech.warm(lines)
        self.warm.set()
        log.info("simulator.warm", lines=len(lines))

    async def close(self) -> None:
        """Hang every call up and tell it."""
        for phone in self._phones.values():
            phone.end("carrier")
        if self._running:
            await asyncio.wait(self._running, timeout=3)
        await self._webhooks.close()
        self._speech.close()

    def create(self, to: str, from_: str, plan: Plan) -> Call:
        """Take a call and ring. Raises the 429 above the CPS, and 21210 for a number that is not the account's."""
        if self.dice.strikes(self.switches.rest.too_many_requests) or not self._rate.take(time.monotonic()):
            log.info("call.too_many", **_told_to(plan), pii={"to": to, "from": from_})
            raise errors.too_many_requests()
        if self.account.caller_ids and from_ not in self.account.caller_ids and from_ not in self.numbers:
            raise errors.unverified_from(from_)
        return self._ring(to, from_, plan).call

    def call_in(self, from_: str, number: Number) -> Call | None:
        """Somebody calls a number of the application's, which answers with its voice URL; None for nobody we know."""
        if self.people.find(from_) is None or number.voice is None:
            return None
        return self._ring(number.phone_number, from_, Plan(source=number.voice, inbound=True)).call

    async def write_in(self, from_: str, number: Number, body: str) -> Message:
        """Somebody writes to a number of the application's: its SMS URL is asked, and the fallback after it."""
        message = Message(f"SM{secrets.token_hex(16)}", from_, number.phone_number, body, now())
        self.messages.append(message)
        for _ in range(2 if self.dice.strikes(self.switches.callbacks.doubled) else 1):
            await message.deliver(number, self.account.sid, self._webhooks)
        return message

    def calls(self) -> Iterable[Call]:
        """Every call, the newest first."""
        return (phone.call for phone in reversed(self._phones.values()))

    def get(self, sid: str) -> Call | None:
        return self._phones[sid].call if sid in self._phones else None

    def hang_up(self, sid: str, *, only_unanswered: bool = False) -> None:
        phone = self._phones[sid]
        if not (only_unanswered and phone.call.status is Status.IN_PROGRESS):
            phone.end("application")

    def redirect(self, sid: str, source: Source) -> None:
        """Raises the error 21220 where the call is not in progress."""
        if not self._phones[sid].redirect(source):
            raise errors.not_in_progress()

    async def settled(self, sid: str) -> None:
        """Wait until the call has its final status."""
        await self._phones[sid].over.wait()

    async def bridge(self, call: Call, line: Line, dial: Dial) -> Mapping[str, str]:
        if not E164.fullmatch(dial.number):
            return {"DialCallStatus": "failed"}
        plan = Plan(source=None, timeout_s=dial.timeout_s)
        phone = self._ring(dial.number, dial.caller_id or call.from_, plan, parent=call)
        bridged = False
        try:
            await _first(phone.answered.wait, phone.over.wait)
            if await self._let_through(phone, dial):
                assert phone.line is not None
                bridged = True
                line.far, phone.line.far = Bridge.pair()
                await asyncio.wait_for(phone.over.wait(), dial.time_limit_s)
        except TimeoutError:
            log.info("dial.time_limit", call_sid=call.sid)
        finally:
            line.far = Quiet()
            phone.end("application")
        await phone.over.wait()
        return {
            "DialBridged": str(bridged).lower(),
            "DialCallSid": phone.call.sid,
            "DialCallStatus": phone.call.status.value,
            "DialCallDuration": str(phone.call.duration_s),
        }

    async def _let_through(self, phone: Phone, dial: Dial) -> bool:
        """Whether the called party is put together with the caller: what they hear first may hang up on them."""
        if phone.line is None or not dial.whisper:
            return phone.line is not None
        script = self._script(phone.call, phone.line)
        whisper = asyncio.create_task(script.run(Fetch(dial.whisper, dial.whisper_method)))
        over = asyncio.create_task(phone.over.wait())
        try:
            await asyncio.wait({whisper, over}, return_when=asyncio.FIRST_COMPLETED)
            return whisper.done() and not script.hung_up and not over.done()
        finally:
            for task in (whisper, over):
                task.cancel()
            await asyncio.wait({whisper, over})

    def _ring(self, to: str, from_: str, plan: Plan, *, parent: Call | None = None) -> Phone:
        person = self.people.find(from_ if plan.inbound else to)
        if person is None and self._load_mode:
            person = Person(id="anybody", number=to, greeting="Hello?", answers=Answers(after_s=0.2))
        call = Call(
            sid=f"CA{secrets.token_hex(16)}",
            account_sid=self.account.sid,
            to=to,
            from_=from_,
            created_at=now(),
            direction=_direction(plan, parent),
            parent_sid=parent.sid if parent else None,
            person_id=person.id if person else None,
        )
        if person is not None:
            call.price_times, call.price_unit = person.charge.times, person.charge.currency
        phone = Phone(
            call,
            plan,
            person,
            webhooks=self._webhooks,
            pick_up=self._party_of(person),
            script=self._script,
            tape=self._tape,
        )
        self._phones[call.sid] = phone
        task = asyncio.get_running_loop().create_task(phone.run())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        log.info("call.created", call_sid=call.sid, **_told_to(plan), pii={"to": to, "from": from_})
        return phone

    def _canned(self, person: Person) -> bool:
        """Whether the person only has canned lines to say."""
        return self._load_mode and not person.rules and person.answers.how is How.HUMAN

    def _script(self, call: Call, line: Line) -> Script:
        return Script(
            call,
            line,
            webhooks=self._webhooks,
            speech=self._speech,
            dialer=self,
            faults=self._media_faults,
            auth_token=self.account.auth_token,
        )

    def _tape(self, call: Call) -> Tape | None:
        return Tape(self._tapes / f"{call.sid}.wav") if self._tapes else None

    def human(self, person: Person, call: Call, began: int) -> Human:
        """Who comes to the phone at the tick ``began``; for a carrier whose people are of another kind."""
        mind: Mind = CannedMind() if self._canned(person) else RuleMind(person)
        return Human(person, mind, self._speech, call, noise=self._noise, began=began)

    def _party_of(self, person: Person | None) -> Callable[[Call], Awaitable[Party]]:
        async def pick_up(call: Call) -> Party:
            assert person is not None

            def behind(began: int) -> Human:
                return self.human(person, call, began)

            sounds = {line: await self._speech.render(line, _voice(person)) for line in person.of_machine()}
            return machine_of(person, Setup(self._speech, call, sounds, self._noise, behind)) or behind(0)

        return pick_up


def _told_to(plan: Plan) -> dict[str, str]:
    """For the log: where the application said it wants to hear of the call, which tells its own id of it."""
    return {"status_callback": plan.subscription.url} if plan.subscription else {}


def _direction(plan: Plan, parent: Call | None) -> str:
    if plan.inbound:
        return "inbound"
    return "outbound-dial" if parent else "outbound-api"


def _voice(person: Person) -> Voice:
    return Voice(person.voice, person.pitch, person.speed)


async def _first(*waits: Callable[[], Awaitable[object]]) -> None:
    """Until the first of them is done; the others are left."""
    tasks = [asyncio.ensure_future(wait()) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
