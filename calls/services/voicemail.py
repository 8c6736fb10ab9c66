"""The message that a call may leave on a voicemail: as the campaign wrote it, where the rules allow it."""

from datetime import datetime

import structlog
from django.conf import settings

from agents.domain.voicemail import names_toll_free, problems
from calls.domain.rules import Kind, VoicemailTerms
from calls.models import Call
from calls.models.call import Direction
from calls.services.facts import place_of
from calls.services.rules import book_at

log = structlog.get_logger(__name__)


def message_of(call: Call, *, now: datetime) -> str:
    """The campaign's words with their placeholders, "" where nothing may be left.

    The call itself was allowed by the gate of written consent, which covers a message by an artificial voice too.
    Where a rule asks for a toll-free number (47 CFR 64.1200(b)(3)), the words must name one, or the number we call
    from be one. Where no rule speaks of the place, nothing is left.
    """
    template = call.campaign.voicemail_message
    if not template or call.direction != Direction.OUTBOUND:
        return ""
    why = problem(template, call, now=now)
    if why:
        log.info("voicemail.not_left", call_id=str(call.pk), reason=why)
    return "" if why else template


def problem(template: str, call: Call, *, now: datetime) -> str:
    """Why ``template`` may not be left at the end of ``call``, as a sentence; "" where it may."""
    wrong = problems(template, company=call.campaign.company_name or settings.COMPANY_NAME)
    if wrong:
        return wrong[0]
    place = place_of(call.lead)
    rules = book_at(now).for_place(Kind.VOICEMAIL, place.country, place.states)
    terms = [rule.terms for rule in rules if isinstance(rule.terms, VoicemailTerms)]
    if not terms:
        return "No rule allows a message on a voicemail at the lead's place."
    if not all(term.allowed for term in terms):
        return "A rule forbids messages on voicemails at the lead's place."
    from_number = call.from_number if "{callback_number}" in template else ""
    if any(term.toll_free for term in terms) and not (names_toll_free(template) or names_toll_free(from_number)):
        return "The message names no toll-free number."
    return ""
