"""May a call be recorded, and what does an objection ask for: the strictest of the places concerned."""

from typing import Any

import pytest

from calls.domain.rules import RecordingNeeds
from calls.domain.status import CallStatus
from calls.models import Call
from calls.models.campaign import Records
from calls.services import recording_consent
from calls.services.briefing import brief_of, plan_of
from calls.services.moving import note
from calls.services.recording_consent import needs_at, strictest
from calls.services.rules import book_at, set_rule
from tests.calls import factories as make

NOW = make.NOON_IN_DENVER
pytestmark = pytest.mark.django_db
DENVER, MIAMI, NEW_YORK, TOLL_FREE = "+13035550142", "+13055550142", "+12125550199", "+18005550142"


def call(phone: str = DENVER, ours: str = NEW_YORK, **lead: Any) -> Call:
    made = make.lead(phone=phone, **lead)
    return make.call(made, CallStatus.DONE, from_number=ours, to_number=phone)


def terms(of: Call) -> tuple[bool, bool]:
    found = recording_consent.terms_of(of, now=NOW)
    return found.records, found.erases_on_objection


def test_the_strictest_of_both_ends() -> None:
    assert terms(call()) == (True, False)
    assert terms(call(MIAMI)) == (True, True)
    assert terms(call(ours=MIAMI)) == (True, True)
    assert terms(call("+13035550143", state="CA")) == (True, True)  # the number's state, and the address's
    assert terms(call(TOLL_FREE)) == (True, True)


def test_a_place_that_is_not_known_asks_for_everybody() -> None:
    book = book_at(NOW)
    assert needs_at(book, "", ()) is RecordingNeeds.NO_OBJECTION
    assert needs_at(book, "US", ()) is RecordingNeeds.NO_OBJECTION
    assert needs_at(book, "CA", ()) is RecordingNeeds.NO_OBJECTION
    assert needs_at(book, "US", ("CO",)) is RecordingNeeds.ANNOUNCE
    assert strictest(*RecordingNeeds) is RecordingNeeds.OFF


def test_an_operator_may_switch_it_off_for_a_place() -> None:
    rule = {
        "key": "own.recording",
        "kind": "recording",
        "place": "US-CO",
        "effective_from": NOW,
        "mark": "O",
        "source": "our counsel",
        "note": "nothing is recorded here",
        "needs": "off",
    }
    set_rule(rule, now=NOW)
    assert terms(call())[0] is False


def test_a_campaign_that_never_records_does_not_say_that_it_does() -> None:
    of = call()
    assert brief_of(of, (), now=NOW).recorded is True
    assert plan_of(of, now=NOW).records is True
    of.campaign.records = Records.NEVER
    assert brief_of(of, (), now=NOW).recorded is False
    assert plan_of(of, now=NOW).records is False


def test_an_objection_holds_for_every_line_of_the_call() -> None:
    of = call(MIAMI)
    note(of.pk, recording_consent.STOPPED, at=NOW)
    assert terms(of)[0] is False
    assert terms(call("+13055550143")) == (True, True)
