"""Our lines and the people's phones in one place, and calls from the one to the other, each graded by its records."""

import asyncio
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from django.conf import settings
from django.db import connections, transaction
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agents.dialogue import start
from agents.domain.types import Brief
from calls.models import Call, Lead
from calls.services.gates import rules_of
from calls.services.placing import place
from calls.services.rules import book_at
from evals import spoken
from evals.grading import Grade, Slots, found, grade
from evals.house import House, NotCalled, build, call_for, writes
from evals.line import Talk, Turn
from evals.noise import Noise
from evals.person import ELSEWHERE, PLACES, Person
from evals.running import Run
from evals.voice.people import Company, Role, Surroundings
from reautomation.demo.place import place_for
from simulator.domain.call import Call as CarriersCall
from simulator.exchange import Account
from simulator.rest import create_app
from simulator.serving import listen
from voice.adapters.twilio import TwilioDialer
from voice.domain.headroom import Limits
from voice.domain.types import PLAIN_TALK, LineEvent, Signal, Speaker, StreamTarget, TalkPlan, TurnTaken
from voice.plane import VoicePlane
from voice.ports import Line, Plane, Spending

_READY_S = 180.0
_CPS = 1000.0
_HANGS_UP = "<Response><Hangup/></Response>"


@dataclass(frozen=True, slots=True)
class Spoken:
    """One thing that was said in a call. ``who``: "agent", "lead" for what they said, "heard" for what we heard."""

    at_s: float
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class VoiceRun:
    """A call by voice. ``answer_ms`` are the waits from the end of their voice to our first sound, on the wire."""

    run: Run
    room: str
    talk: tuple[Spoken, ...] = ()
    answer_ms: tuple[int, ...] = ()

    def text(self, who: str) -> str:
        """All that was said by ``who``, in order."""
        return " ".join(one.text for one in self.talk if one.who == who)


class PhoneCompany:
    """The simulated carrier on a thread and a loop of its own; ``with`` starts and stops it."""

    def __init__(self, roles: Sequence[Role], around: Surroundings | None) -> None:
        self.sid, self.token = f"AC{secrets.token_hex(16)}", secrets.token_hex(16)
        self._roles, self._around = roles, around
        self._listener = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._company: Company | None = None
        self._server: uvicorn.Server | None = None
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="phone-company")

    def __enter__(self) -> "PhoneCompany":
        self._thread.start()
        try:
            self._ready.result(_READY_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join()

    @property
    def company(self) -> Company:
        assert self._company is not None
        return self._company

    def agent_said(self, phone: str, text: str) -> None:
        """From any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.company.agent_said, phone, text)

    def call_to(self, phone: str) -> CarriersCall | None:
        """The last call to ``phone``, as the carrier has it."""
        return next((call for call in self.company.calls() if call.to == phone), None)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._company = Company(Account(self.sid, self.token, _CPS), self._roles, self._around)
        app = create_app(self._company)
        app.routes.extend([Route("/webhooks/twilio/calls/{rest:path}", _answer, methods=["POST"])])
        config = uvicorn.Config(app, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        warm = asyncio.create_task(self._company.warm.wait())
        await asyncio.wait({serving, warm}, return_when=asyncio.FIRST_COMPLETED)
        warm.cancel()
        self._ready.set_result(None)
        await serving


async def _answer(request: Request) -> Response:
    """In the web's place: nothing is to be told, and a call whose line has closed is over."""
    if request.url.path.endswith("/resume"):
        return Response(_HANGS_UP, media_type="text/xml")
    return Response(status_code=204)


class _Overheard:
    """``voice.ports.Line`` whose turns are told to ``said`` before anybody else."""

    def __init__(self, line: Line, said: Callable[[str], None]) -> None:
        self.stream: StreamTarget = line.stream
        self._line, self._said = line, said

    def events(self) -> Iterator[LineEvent]:
        for event in self._line.events():
            if isinstance(event, TurnTaken) and event.turn.speaker is Speaker.AGENT:
                self._said(event.turn.text)
            yield event

    def signal(self, signal: Signal) -> None:
        self._line.signal(signal)

    def close(self) -> None:
        self._line.close()


@dataclass(frozen=True, slots=True)
class _OverheardPlane:
    """``voice.ports.Plane`` for one call."""

    plane: Plane
    said: Callable[[str], None]
    briefs: list[Brief]

    def healthy(self) -> bool:
        return self.plane.healthy()

    def open_line(
        self,
        brief: Brief,
        *,
        ring_timeout_s: int,
        max_length_s: int,
        spending: Spending,
        plan: TalkPlan = PLAIN_TALK,
    ) -> Line:
        self.briefs.append(brief)
        line = self.plane.open_line(
            brief, ring_timeout_s=ring_timeout_s, max_length_s=max_length_s, spending=spending, plan=plan
        )
        return _Overheard(line, self.said)


class Studio:
    """Makes the calls. ``at_once`` of them may go on at a time, each on a thread of the caller's."""

    def __init__(self, plane: VoicePlane, phones: PhoneCompany) -> None:
        self._plane, self._phones = plane, phones
        self._dialer = TwilioDialer(
            account_sid=phones.sid, auth_token=phones.token, api_base_url=phones.url, callback_base_url=phones.url
        )
        self.set_up = Counter[str]()
        self._lock = threading.Lock()

    def call(self, role: Role) -> VoiceRun:
        """Call the person, and grade what is on record then. Commits; blocks for as long as the call lasts."""
        try:
            return self._call(role)
        finally:
            connections.close_all()

    def _call(self, role: Role) -> VoiceRun:
        try:
            person, call, stranger = self._prepared(role, now=_now())
        except NotCalled as why:
            return VoiceRun(_failed(role, str(why)), role.room)
        before, briefs = _row(stranger), list[Brief]()
        plane = _OverheardPlane(self._plane, lambda text: self._phones.agent_said(call.to_number, text), briefs)
        place(call.pk, plane=plane, dialer=self._dialer, owner="evals", clock=_now)
        came = found(call, stranger_untouched=_row(stranger) == before)
        turns = list(call.turns.order_by("seq"))
        talk = Talk(briefs[0] if briefs else None, [Turn(turn.speaker, turn.text) for turn in turns])
        told = self._phones.company.told(call.to_number)
        try:
            graded = grade(person, told, came, talk)
        except spoken.Misspoken as wrong:
            graded = Grade((str(wrong),), Slots())
        run = Run(
            person.id,
            person.kind,
            role.seed,
            role.noise,
            came.disposition,
            graded.failures,
            graded.slots,
            tuple(talk.turns),
            booked=graded.booked,
            wrong_time=graded.wrong_time,
            opted_out=any(source in ("voice", "key") for _, source in came.suppressed),
            wanted_out=person.expects.do_not_call,
        )
        theirs = self._phones.call_to(call.to_number)
        return VoiceRun(run, role.room, _in_order(turns, theirs), tuple(theirs.answer_ms) if theirs else ())

    def _prepared(self, role: Role, *, now: datetime) -> tuple[Person, Call, Lead]:
        """The person as they live today, their call, and somebody else's lead, in a house of their own.

        What setting up wrote is counted, so that the rest is the calls'.
        """
        wrote: dict[str, int] = {}
        try:
            with transaction.atomic():
                house = build(f"Voice {role.number}")
                person = role.living_at(_home(house, now))
                try:
                    call = call_for(house, person, now=now, number=role.number)
                finally:
                    wrote = writes()
        finally:
            with self._lock:
                self.set_up.update(wrote)
        return person, call, house.stranger


@contextmanager
def studio(roles: Sequence[Role], around: Surroundings | None, *, lines: int) -> Iterator[Studio]:
    """A voice worker's lines and the carrier with everybody of ``roles``."""
    with (
        TemporaryDirectory(prefix="evals-voice-") as folder,
        PhoneCompany(roles, around) as phones,
    ):
        config = replace(
            settings.VOICE,
            lines=lines,
            media_host="127.0.0.1",
            media_port=0,
            media_url="",
            redis_url="",
            recordings_dir=Path(folder),
            headroom=Limits(),
            elevenlabs_api_key="",
        )
        plane = VoicePlane(config, start, auth_token=phones.token)
        plane.start()
        try:
            yield Studio(plane, phones)
        finally:
            plane.stop()


def _home(house: House, now: datetime) -> str:
    """A place whose people may be called at this hour: none of the gates is switched off."""
    prefix = place_for(now, rules_of(house.campaign), book_at(now)).prefix
    return next(name for name, one in (*PLACES.items(), *ELSEWHERE.items()) if one.prefix == prefix)


def _in_order(turns: Sequence[Any], theirs: CarriersCall | None) -> tuple[Spoken, ...]:
    """What was said on both sides and what we heard, by the time at which it began."""
    lines = [
        Spoken(turn.start_ms / 1000, "agent" if turn.speaker == Speaker.AGENT else "heard", turn.text)
        for turn in turns
    ]
    if theirs is not None and theirs.answered_at is not None:
        answered_at = theirs.answered_at
        lines += [Spoken((one.start_at - answered_at).total_seconds(), "lead", one.text) for one in theirs.said]
    return tuple(sorted(lines, key=lambda one: one.at_s))


def _failed(role: Role, why: str) -> Run:
    return Run(role.person.id, role.person.kind, role.seed, Noise.CLEAN, failures=(why,))


def _row(lead: Lead) -> object:
    return Lead.objects.filter(pk=lead.pk).values().get()


def _now() -> datetime:
    return datetime.now(UTC)
