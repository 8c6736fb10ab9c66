"""Whether a call may be recorded, and what an objection asks for: the strictest of the places concerned."""

from dataclasses import dataclass
from datetime import datetime

from calls.domain import phone
from calls.domain.places import STATE_ZONES
from calls.domain.rules import Kind, RecordingConsent, RecordingNeeds, RuleBook
from calls.models import Call, CallEvent
from calls.models.campaign import Records
from calls.services.facts import place_of
from calls.services.rules import book_at

_STRICTNESS = list(RecordingNeeds)
STOPPED = "recording.stopped"


@dataclass(frozen=True, slots=True)
class RecordingTerms:
    """``records``: once it was announced. ``erases_on_objection``: all of it, else the person's side."""

    records: bool
    erases_on_objection: bool = True


def terms_of(call: Call, *, now: datetime) -> RecordingTerms:
    """Of the lead's places, the number's and the address's, and of our own number's. An objection on an earlier line
    of the call holds."""
    if call.campaign.records != Records.ANNOUNCED:
        return RecordingTerms(records=False)
    if CallEvent.objects.filter(call=call, kind=STOPPED).exists():
        return RecordingTerms(records=False)
    book, theirs = book_at(now), place_of(call.lead)
    our_state = phone.state_of(call.from_number)
    ours = (phone.country_of(call.from_number), (our_state,) if our_state else ())
    needs = strictest(needs_at(book, theirs.country, theirs.states), needs_at(book, *ours))
    return RecordingTerms(needs is not RecordingNeeds.OFF, needs is not RecordingNeeds.ANNOUNCE)


def needs_at(book: RuleBook, country: str, states: tuple[str, ...]) -> RecordingNeeds:
    """What the rules ask for there; all parties' consent where the place is not known, or no rule speaks of it."""
    known = tuple(state for state in states if state in STATE_ZONES)
    found = [
        rule.terms.needs
        for rule in book.for_place(Kind.RECORDING, country, known)
        if isinstance(rule.terms, RecordingConsent)
    ]
    if not found or (country in ("US", "") and not known):
        found.append(RecordingNeeds.NO_OBJECTION)
    return strictest(*found)


def strictest(*needs: RecordingNeeds) -> RecordingNeeds:
    return max(needs, key=_STRICTNESS.index)
