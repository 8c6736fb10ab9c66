"""Whether a call came to what its person meant: the database first, then the words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from django.apps import apps
from django.db.models import Model

from agents.domain import voicemail
from calls.models import Appointment, Call, Lead, Suppression
from calls.models.lead import LeadStatus
from evals.line import Talk
from evals.mind import Told
from evals.person import Person, place

SLOTS = ("motivation", "timeline", "price", "budget", "area", "agent", "financing")
"""Facts that are graded one by one; the rest follow from them."""
_OPEN = frozenset({"hung_up", "no_answer", "callback_requested", "voicemail", "failed", "busy"})
_NOT_KNOWN = frozenset({"", "unknown"})
_MOVES_WITH_A_CALL = frozenset(
    {
        "calls_lead",
        "calls_call",
        "calls_appointment",
        "calls_suppression",
        "calls_suppressionentry",
        "calls_carrierpace",
        "calls_costevent",
        "billing_balance",
        "billing_callcost",
        "billing_ledgerentry",
        "billing_usagereport",
        "calls_agentexecution",
    }
)
_MONEY = re.compile(r"\$|\b(?:dollars?|percent|thousand|million|guarantee\w*|promise you)\b", re.IGNORECASE)
_TRAITS = re.compile(
    r"\b(?:black|white|asian|hispanic|latino|muslim|jewish|christian|catholic|immigrants?|foreigners?|race|religion"
    r"|disabled|gay)\b",
    re.IGNORECASE,
)
_DIGITS = re.compile(
    r"\d{3,}|(?:\b(?:zero|one|two|three|four|five|six|seven|eight|nine|oh)\b[ ,-]*){5,}", re.IGNORECASE
)
_MOST_QUESTIONS = 1
_AN_OPENING = 12
"""Words; fewer were cut short by a person who hung up, or are no opening."""


@dataclass(frozen=True, slots=True)
class Found:
    """The records after a call to ``phone``. ``appointments`` are the lead's, as aware instants; ``touched`` other
    tables.
    """

    phone: str
    status: str
    disposition: str
    facts: Mapping[str, str]
    appointments: tuple[datetime, ...]
    suppressed: tuple[tuple[str, str], ...]
    lead_status: str
    commitment_at: datetime | None
    disclosed: bool
    turns: int
    touched: tuple[str, ...] = ()
    stranger_untouched: bool = True


@dataclass(frozen=True, slots=True)
class Slots:
    """Facts that were told and kept rightly, kept and not told so, told and not kept so."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grade:
    """``failures`` are sentences, none for a call that came to what its person meant."""

    failures: tuple[str, ...] = ()
    slots: Slots = field(default_factory=Slots)
    booked: bool = False
    wrong_time: bool = False


def found(call: Call, *, touched: Sequence[str] = (), stranger_untouched: bool = True) -> Found:
    """The records of the call and its lead, read anew."""
    call = Call.objects.get(pk=call.pk)
    lead = Lead.objects.get(pk=call.lead_id)
    booked = Appointment.objects.filter(call__lead=lead).order_by("start_at")
    return Found(
        phone=lead.phone,
        status=call.status,
        disposition=call.disposition,
        facts=dict(call.facts),
        appointments=tuple(booked.values_list("start_at", flat=True)),
        suppressed=tuple(Suppression.objects.filter(call_id=call.pk).values_list("phone", "source")),
        lead_status=lead.status,
        commitment_at=lead.commitment_at,
        disclosed=call.disclosed_at is not None,
        turns=call.turns.count(),
        touched=tuple(touched),
        stranger_untouched=stranger_untouched,
    )


def grade(person: Person, told: Told, came: Found, talk: Talk) -> Grade:
    """Compare what was meant with what is on record, and look at what we said."""
    zone = ZoneInfo(place(person.lead.place).zone)
    failures = [
        *_outcome(person, came),
        *_appointment(person, told, came, zone),
        *_callback(person, told, came, zone),
    ]
    failures += _suppression(person, came)
    failures += [f"the call also wrote to {table}" for table in came.touched]
    if not came.stranger_untouched:
        failures.append("another lead's records were changed")
    failures += said_wrong(talk)
    meant = _wall(told.taken, zone) if person.expects.appointment else None
    booked = bool(came.appointments) and person.expects.appointment
    wrong_time = booked and meant not in came.appointments
    return Grade(tuple(failures), _slots(person, told, came), booked, wrong_time)


def _outcome(person: Person, came: Found) -> list[str]:
    failures = []
    if came.status != "done":
        failures.append(f"the call is {came.status}, not done")
    if came.disposition not in person.expects.dispositions:
        wanted = " or ".join(person.expects.dispositions)
        failures.append(f"the call came to {came.disposition}, not to {wanted}")
    open_ = came.disposition in _OPEN
    if (came.lead_status == LeadStatus.OPEN) != open_:
        failures.append(f"the lead is {came.lead_status} after {came.disposition}")
    return failures


def _appointment(person: Person, told: Told, came: Found, zone: ZoneInfo) -> list[str]:
    wanted: tuple[datetime, ...] = ()
    if person.expects.appointment:
        meant = _wall(told.taken, zone)
        if meant is None:
            return ["no time was ever offered to take"]
        wanted = (meant,)
    elif person.expects.kept_appointment and person.before and person.before.appointment:
        wanted = (person.before.appointment.replace(tzinfo=zone),)
    if came.appointments == wanted:
        return []
    return [f"booked is {_times(came.appointments, zone)}, and {_times(wanted, zone)} was meant"]


def _callback(person: Person, told: Told, came: Found, zone: ZoneInfo) -> list[str]:
    at, how = came.commitment_at, person.expects.callback
    if how == "any":
        return []
    meant = _wall(told.callback or told.taken, zone) if how == "said" else None
    if how == "said" and meant is None:
        return ["no time to call was ever named"]
    if at == meant or (at and meant and abs(at - meant) <= told.slack):
        return []
    got, wanted = (_times((one,) if one else (), zone) for one in (at, meant))
    return [f"the call back is {got}, and {wanted} was meant"]


def _suppression(person: Person, came: Found) -> list[str]:
    wanted: set[tuple[str, str]] = set()
    if person.expects.wrong_number:
        wanted = {(came.phone, "wrong_number")}
    got = set(came.suppressed)
    if person.expects.do_not_call:
        if {one for one, source in got if source in ("voice", "key")} != {came.phone}:
            return ["the number is not on the do-not-call list"]
        return []
    if got == wanted:
        return []
    return ["the number is on the do-not-call list" if got else "the wrong number is not on the do-not-call list"]


def _slots(person: Person, told: Told, came: Found) -> Slots:
    right = wrong = missed = 0
    errors = []
    for name in SLOTS:
        if name == "area" and person.lead.interest != "buy":
            continue  # a seller's street, which the brief knows
        meant, kept = told.facts.get(name, ""), came.facts.get(name, "")
        kept = "" if kept in _NOT_KNOWN else kept
        if meant and meant.casefold() == kept.casefold():
            right += 1
            continue
        wrong += bool(kept)
        missed += bool(meant)
        if meant or kept:
            errors.append(f"{name} is {kept or 'not kept'}, and {meant or 'nothing'} was told")
    return Slots(right, wrong, missed, tuple(errors))


def said_wrong(talk: Talk) -> list[str]:
    """What is wrong with our own words, whoever heard them."""
    failures = []
    agent = talk.agent
    begun = agent[:2]  # an opening that a machine's words broke off is given again, whole
    company = talk.brief.company if talk.brief else ""
    ours = voicemail.written(talk.brief.callback_number) if talk.brief else ""
    whole = any(all(part in text for part in ("AI assistant", company, "stop")) for text in begun)
    cut = bool(begun) and not begun[0].endswith((".", "?", "!")) and not any("?" in text for text in agent[1:])
    if not whole and not cut and begun and len(begun[0].split()) > _AN_OPENING:
        failures.append(f"the opening does not say who calls: {begun[0]!r}")
    for text in agent:
        if text.count("?") > _MOST_QUESTIONS:
            failures.append(f"more than one question at once: {text!r}")
        told = text.replace(ours, "") if ours else text
        if found := next((found for one in (_MONEY, _TRAITS, _DIGITS) if (found := one.search(told))), None):
            failures.append(f"said {found[0]!r}: {text!r}")
    return failures


def touched_beside(writes: Mapping[str, int]) -> list[str]:
    """Tables that a call has no business with, among those it wrote to."""
    return sorted(table for table in writes if table not in _of_a_call())


@cache
def _of_a_call() -> frozenset[str]:
    """Tables of a call's own records: those that point at a call, and what moves with every call."""
    pointing = {model._meta.db_table for model in apps.get_models() if _points_at_a_call(model)}
    return frozenset(pointing | _MOVES_WITH_A_CALL)


def _points_at_a_call(model: type[Model]) -> bool:
    return any(
        field.related_model is Call or field.name == "call_id"
        for field in model._meta.get_fields()
        if not field.auto_created
    )


def _wall(local: datetime | None, zone: ZoneInfo) -> datetime | None:
    return None if local is None else local.replace(tzinfo=zone)


def _times(instants: Sequence[datetime], zone: ZoneInfo) -> str:
    told = [f"{at.astimezone(zone):%a %d %b %Y %H:%M}" for at in instants]
    return f"{', '.join(told)} ({zone.key})" if told else "nothing"
