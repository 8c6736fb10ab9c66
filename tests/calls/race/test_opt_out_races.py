"""An opt-out against everybody who might ring the number, on a real PostgreSQL: never a ring after its commit."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from twilio.request_validator import RequestValidator

from agents.domain.types import Disposition
from billing.services.auditing import audit
from calls.domain.status import CallStatus
from calls.models import Call, CallEvent, Lead, Suppression, SuppressionEntry
from calls.services import doorbell, ending, opting_out
from calls.services.dispatching import dispatch
from calls.services.following import follow
from calls.services.opting_out import lift, suppress
from calls.services.placing import place
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.fakes import FakeDialer, FakePlane, ended
from tests.calls.race.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lines")]
NOW = NOON_IN_DENVER
PHONE = "+13035559999"


@pytest.fixture(autouse=True)
def hung_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What workers were asked to hang up; rings go nowhere."""
    ids: list[str] = []
    monkeypatch.setattr(doorbell, "ring", lambda *_: True)
    monkeypatch.setattr(doorbell, "hang_up", ids.append)
    return ids


def text_stop(number: int) -> int:
    form = {"MessageSid": f"SM{number:032x}", "From": PHONE, "To": "+12125550199", "Body": "STOP"}
    path = "/webhooks/twilio/messages"
    validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
    signature = validator.compute_signature(f"{settings.PUBLIC_URL}{path}", form)
    return Client().post(path, form, headers={"X-Twilio-Signature": signature}).status_code


def in_thread(act: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("round", range(4))
def test_stop_by_text_against_dispatchers_and_workers(round: int, hung_up: list[str]) -> None:
    leads = [make.lead(phone=PHONE) for _ in range(3)]
    make.call(leads[0])
    after_opt_out: list[str] = []

    def asked_to_ring() -> None:
        if Suppression.objects.exists():
            after_opt_out.append(dialer.answer)  # type: ignore[arg-type]
        connection.close()

    dialer = FakeDialer(before=asked_to_ring)
    plane = FakePlane(ended(Disposition.NO_ANSWER, ended_at=NOW + timedelta(seconds=60)))

    def act(number: int) -> object:
        match (number + round) % 4:
            case 0:
                return dispatch(now=NOW)
            case 1:
                return text_stop(number)
            case _:
                waiting = Call.objects.filter(status="queued").values_list("pk", flat=True)
                made = [place(pk, plane=plane, dialer=dialer, owner="w", clock=lambda: NOW) for pk in waiting]
                return made

    at_once(12, act)
    # A request to ring that was under way at the commit is the one thing that can still be; it was hung up.
    assert len(after_opt_out) <= len(dialer.hung_up) + len(hung_up)
    intended = CallEvent.objects.filter(kind="call.dialing").count()
    assert len(dialer.dialed) == intended <= 1
    before = len(dialer.dialed)
    dispatch(now=NOW)
    for call in Call.objects.unfinished():
        place(call.pk, plane=plane, dialer=dialer, owner="late", clock=lambda: NOW)
    assert len(dialer.dialed) == before
    assert not Call.objects.unfinished().exists()
    assert set(Lead.objects.values_list("status", flat=True)) == {"closed"}
    assert Suppression.objects.count() == SuppressionEntry.objects.count() == 1
    assert audit() == []


def test_an_opt_out_that_is_committed_between_the_gates_and_the_intent_cancels() -> None:
    """The gates were open; then the opt-out commits; then the worker writes its intent."""
    call, dialer = make.call(make.lead(phone=PHONE)), FakeDialer()

    def opt_out() -> None:
        in_thread(lambda: suppress(PHONE, source="sms", said="STOP", now=NOW)).join(20)

    plane = FakePlane(on_open=opt_out)
    assert not place(call.pk, plane=plane, dialer=dialer, owner="w", clock=lambda: NOW)
    call.refresh_from_db()
    assert (call.status, dialer.dialed, plane.lines[0].closed) == ("canceled", [], 1)


def test_a_call_that_the_opt_out_could_not_see_waits_for_its_commit_and_is_canceled() -> None:
    """The opt-out has looked for calls already and waits for its commit; a call is queued, claimed and let pass the
    gates meanwhile, which cannot see the opt-out either. The intent waits for it, and gives up.
    """
    lead, dialer = make.lead(phone=PHONE), FakeDialer()
    looked, go_on = threading.Event(), threading.Event()

    def opt_out() -> None:
        with transaction.atomic():
            suppress(PHONE, source="sms", said="STOP", now=NOW)
            looked.set()
            assert go_on.wait(20)

    opting = in_thread(opt_out)
    assert looked.wait(20)
    call = make.call(lead)  # after the look
    plane = FakePlane(on_open=lambda: threading.Timer(0.3, go_on.set).start())
    assert not place(call.pk, plane=plane, dialer=dialer, owner="w", clock=lambda: NOW)
    opting.join(20)
    assert dialer.dialed == []
    call.refresh_from_db()
    assert call.status == "canceled"
    assert [event.kind for event in call.events.order_by("pk")][-1] == "call.canceled_opt_out"
    assert audit() == []


def test_an_opt_out_waits_for_an_intent_and_then_hangs_the_ringing_call_up(hung_up: list[str]) -> None:
    call = make.call(make.lead(phone=PHONE))

    def opt_out() -> None:
        in_thread(lambda: suppress(PHONE, source="sms", said="STOP", now=NOW)).join(20)
        connection.close()

    dialer = FakeDialer(before=opt_out)
    plane = FakePlane(ended(Disposition.NO_ANSWER, ended_at=NOW + timedelta(seconds=3)))
    assert place(call.pk, plane=plane, dialer=dialer, owner="w", clock=lambda: NOW)
    assert (len(dialer.dialed), dialer.hung_up, hung_up) == (1, [dialer.answer, dialer.answer], [])
    call.refresh_from_db()
    call.lead.refresh_from_db()
    assert (call.status, call.disposition, call.lead.status) == ("done", "no_answer", "closed")


@pytest.mark.parametrize(
    ("live_too", "ended_calls"), [(False, ["CAringing"]), (True, ["CAlive", "CAmoving", "CAringing"])]
)
def test_what_rings_is_hung_up_after_the_commit_and_what_talks_where_it_is_wanted(
    live_too: bool, ended_calls: list[str], hung_up: list[str], settings: Any
) -> None:
    settings.OPT_OUT_ENDS_LIVE_CALLS = live_too
    make.call(make.lead(phone=PHONE, email="dana@example.com"), CallStatus.DIALING, carrier_call_id="CAringing")
    make.call(make.lead(phone="+13035559998", email="dana@example.com"), CallStatus.LIVE, carrier_call_id="CAlive")
    make.call(make.lead(), CallStatus.DIALING, carrier_call_id="CAother")
    moving = make.lead(phone="+13035559996", email="dana@example.com")
    make.call(moving, CallStatus.UNKNOWN, carrier_call_id="CAmoving", answered_at=NOW)
    asked = make.call(make.lead(phone="+13035559997", email="dana@example.com"), CallStatus.UNKNOWN)
    with transaction.atomic():
        suppress(PHONE, source="sms", said="STOP", now=NOW)
        assert hung_up == []
    assert sorted(hung_up) == ended_calls
    Call.objects.filter(pk=asked.pk).update(carrier_call_id="CAtold")  # the carrier's id came late
    ending.hang_up_again()
    assert "CAtold" in hung_up


def test_the_call_on_which_a_person_asks_ends_by_itself(hung_up: list[str], settings: Any) -> None:
    settings.OPT_OUT_ENDS_LIVE_CALLS = True
    call = make.call(make.lead(phone=PHONE), CallStatus.LIVE, carrier_call_id="CAlive")
    assert opting_out.record_opt_out(call, "stop calling me", now=NOW)
    assert hung_up == []


def test_the_same_webhook_from_twelve_threads_is_one_entry() -> None:
    make.lead(phone=PHONE)
    assert at_once(12, lambda _: text_stop(1)) == [200] * 12
    assert Suppression.objects.count() == SuppressionEntry.objects.count() == 1


def test_one_persons_numbers_opted_out_at_once_do_not_wait_for_each_other() -> None:
    phones = [f"+1303555990{number}" for number in range(6)]
    leads = [make.lead(phone=phone, email="Dana@Example.com") for phone in phones]
    calls = [make.call(lead) for lead in leads]
    at_once(6, lambda n: suppress(phones[n], source="sms", said="STOP", now=NOW))
    assert Suppression.objects.count() == SuppressionEntry.objects.count() == 6
    assert [Call.objects.get(pk=call.pk).status for call in calls] == ["canceled"] * 6
    assert audit() == []


def test_leads_that_come_while_their_person_opts_out_follow() -> None:
    make.lead(phone=PHONE, email="dana@example.com")
    looked, go_on = threading.Event(), threading.Event()

    def opt_out() -> None:
        with transaction.atomic():
            suppress(PHONE, source="sms", said="STOP", now=NOW)
            looked.set()
            assert go_on.wait(20)

    opting = in_thread(opt_out)
    assert looked.wait(20)
    late = make.lead(phone="+13035559998", email="dana@example.com")
    threading.Timer(0.2, go_on.set).start()
    assert follow([late.pk], now=NOW) == {"+13035559998"}
    opting.join(20)
    late.refresh_from_db()
    assert late.status == "closed"


def test_lifting_and_opting_out_at_once_keep_a_history_that_fits() -> None:
    suppress(PHONE, source="voice", said="stop", now=NOW)

    def act(number: int) -> bool:
        if number % 2:
            return lift(PHONE, reason="signed form", by="mia", now=NOW)
        return suppress(PHONE, source="sms", said="STOP", now=NOW)

    at_once(10, act)
    kinds = list(SuppressionEntry.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["suppressed", "lifted"] * (len(kinds) // 2) + ["suppressed"] * (len(kinds) % 2)
    assert Suppression.objects.exists() == (kinds[-1] == "suppressed")
