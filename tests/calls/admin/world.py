"""Campaigns with a past, for the pages to show. Made by the ORM: what the services do is tested elsewhere."""

import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from agents.domain.types import ModelUse, Step
from billing.models import Budget
from calls.models import (
    Appointment,
    Call,
    CallEvent,
    CallingWindow,
    Campaign,
    Consent,
    Decision,
    Lead,
    Recording,
    Suppression,
    Turn,
)
from calls.services import recordings, tracing
from voice.domain.types import Worked
from voice.recordings.sealed import Header, SealedFile

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
_NAMES = ("Maria Lopez", "James Carter", "Olivia Brooks", "Frank Miller", "Denise Harper", "Peter Novak")
_ENDINGS = ("appointment", "no_answer", "not_interested", "voicemail", "callback_requested", "do_not_call", "busy")
_TALK = (
    ("agent", "Hi Maria, this is Ava, an AI assistant for Summit Realty, on a recorded line.", 0, 6200, False, None),
    ("lead", "Oh. Um, yes, I did fill in that form.", 7000, 9400, False, None),
    ("agent", "Great. Are you still thinking of selling 12 Maple Street?", 10250, 13400, False, 850),
    ("lead", "Maybe in the spring, it depends on", 14000, 16000, False, None),
    ("agent", "I see, and what would the move", 17900, 19000, True, 1900),
    ("lead", "Wait, let me finish. It depends on my daughter's school.", 18700, 22400, False, None),
    ("agent", "Of course. Would Thursday at ten suit you for a short visit?", 23100, 26800, False, 700),
)


def campaign(name: str = "Autumn sellers", *, limit: Decimal = Decimal(50), **fields: object) -> Campaign:
    budget = Budget.objects.create(name=f"{name} budget", limit=limit)
    made = Campaign.objects.create(name=name, budget=budget, **fields)
    CallingWindow.objects.create(campaign=made)
    return made


def leads(of: Campaign, count: int) -> list[Lead]:
    made = Lead.objects.bulk_create(
        Lead(
            campaign=of,
            phone=f"+1303555{number:04}",
            name=f"{_NAMES[number % len(_NAMES)]} {number}",
            interest=("sell", "buy")[number % 2],
            source="website",
            next_attempt_at=NOW + timedelta(minutes=number),
        )
        for number in range(count)
    )
    Consent.objects.bulk_create(
        Consent(lead=lead, kind="written", source="Home value form", given_at=NOW - timedelta(days=30))
        for lead in made
    )
    return made


def calls(of: list[Lead], *, attempt: int = 1) -> list[Call]:
    """A finished call to each lead, the first one with everything that a call can have."""
    made = Call.objects.bulk_create(_call(lead, place, attempt) for place, lead in enumerate(of))
    if made:
        talk(made[0])
    return made


def _call(lead: Lead, place: int, attempt: int) -> Call:
    ending = _ENDINGS[place % len(_ENDINGS)]
    talked = ending not in ("no_answer", "busy")
    at = NOW - timedelta(minutes=10 * place)
    return Call(
        pk=UUID(int=place + 1000 * attempt),
        lead=lead,
        campaign=lead.campaign,
        attempt=attempt,
        to_number=lead.phone,
        from_number="+12125550199",
        status="done",
        status_at=at,
        queued_at=at,
        answered_at=at + timedelta(seconds=12) if talked else None,
        ended_at=at + timedelta(seconds=75),
        billed_s=63 if talked else None,
        disposition=ending,
        ended_by="agent" if talked else "carrier",
        summary=f"{lead.name}: {ending.replace('_', ' ')}." if talked else "",
        score=place % 100 if talked else 0,
        cost=Decimal("0.0412") if talked else Decimal("0.0065"),
    )


def talk(call: Call) -> None:
    """What was said on the call, why it was made, and what came of it."""
    call.summary = "Maria thinks of selling 12 Maple Street in the spring and agreed to a visit on Thursday at ten."
    call.facts = {"motivation": "daughter's school", "timeline": "spring", "has_agent": "no"}
    call.disclosed_at = call.answered_at
    call.answered_by = "human"
    call.save()
    for seq, (speaker, text, start, end, cut, wait) in enumerate(_TALK, start=1):
        timings = {"vad_stop_ms": 210, "transcript_ms": 480, "first_audio_ms": wait} if wait else {}
        Turn.objects.create(
            call=call,
            seq=seq,
            speaker=speaker,
            text=text,
            start_ms=start,
            end_ms=end,
            interrupted=cut,
            agent="Qualification" if speaker == "agent" else "",
            timings=timings,
        )
    for second, (kind, status) in enumerate(
        [("call.dialing", "dialing"), ("call.live", "live"), ("call.finished", "done")]
    ):
        fields = {"disposition": "appointment"} if status == "done" else {}
        CallEvent.objects.create(
            call=call, at=call.queued_at + timedelta(seconds=second), kind=kind, status=status, fields=fields
        )
    Decision.objects.create(
        lead=call.lead,
        call_id=call.pk,
        at=call.queued_at,
        result="dial",
        rules_version="2026-11",
        verdicts=[
            {"gate": "do not call", "passed": True, "reason": "", "saw": {}},
            {"gate": "consent", "passed": True, "reason": "", "saw": {"kind": "written"}},
            {"gate": "place", "passed": True, "reason": "", "saw": {"zones": ["America/Denver"], "states": ["CO"]}},
            {"gate": "hours", "passed": True, "reason": "", "saw": {"America/Denver": "Fri 08:00"}},
        ],
    )
    start_at = NOW + timedelta(days=6) + (NOW - call.queued_at)
    Appointment.objects.create(call=call, campaign=call.campaign, start_at=start_at)


def pcm(seconds: int) -> bytes:
    """A tone on the left, another on the right."""
    return b"".join(struct.pack("<hh", 4000 if n // 20 % 2 else -4000, 900) for n in range(8000 * seconds))


def recording(call: Call, folder: Path, *, seconds: int = 3, part: int = 1, since_s: float = 2.0) -> Path:
    """A sealed recording of the call in the store at ``folder``, which begins ``since_s`` after its answer."""
    started_at = (call.answered_at or call.queued_at) + timedelta(seconds=since_s)
    name = f"2026/{call.pk}-{part}.rec"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = recordings.keys()
    with path.open("w+b") as file:
        sealed = SealedFile(file, Header.new(keys, started_at=started_at), keys)
        sealed.write(pcm(seconds))
        size = sealed.close()
    Recording.objects.create(
        call=call,
        part=part,
        name=name,
        started_at=started_at,
        duration_ms=1000 * seconds,
        bytes=size,
        stored_at=started_at + timedelta(minutes=5),
    )
    return path


def suppression(phone: str = "+13035559999") -> Suppression:
    return Suppression.objects.create(phone=phone, source="voice", said="Please stop calling me.", created_at=NOW)


def reply_of(at: datetime, *, agent: str = "qualification", use: ModelUse | None = None) -> tuple[Step, ...]:
    """The steps of one reply that began ``at``, with a model's if ``use`` says so."""
    steps = [
        Step("understand", at, 300, "yes"),
        Step("supervise", at + timedelta(microseconds=350), 20, agent),
        Step(agent, at + timedelta(microseconds=400), 100, ""),
        Step("answer", at + timedelta(microseconds=600), 150, "ask timeline"),
    ]
    if use is not None:
        steps.insert(1, Step("model", at, 640_000, "timeline", use))
    return tuple(steps)


def worked(call: Call, *, replies: int = 2, use: ModelUse | None = None, agent: str = "qualification") -> None:
    """``replies`` of the agent on ``call``, summed up."""
    for number in range(replies):
        steps = reply_of(NOW + timedelta(seconds=5 * number), use=use, agent=agent)
        tracing.keep(call, Worked(2 * number + 1, 1, 1 + number * len(steps), steps))
    tracing.conclude(call)
