"""Services that meet at the same rows wait for each other, and never in a circle."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic, sleep

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F
from django.test import Client
from django.urls import reverse

from agents.domain.types import Act, Disposition, OptOut
from billing.services.auditing import audit
from calls.domain.status import CallStatus
from calls.models import Call, Lead, Suppression
from calls.services import acts, campaigns, doorbell, finishing, listening
from calls.services.opting_out import OptOut as Wanted
from calls.services.opting_out import hold_off, suppress_all
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER as NOW
from tests.calls.fakes import report
from tests.calls.race.threads import at_once
from voice.domain.types import Acted

pytestmark = pytest.mark.django_db(transaction=True)
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture(autouse=True)
def hung_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What workers were asked to hang up."""
    ids: list[str] = []
    monkeypatch.setattr(doorbell, "hang_up", ids.append)
    return ids


def somebody_waits() -> None:
    """Return as soon as another connection waits for a lock."""
    until = monotonic() + 10
    with connection.cursor() as cursor:
        while monotonic() < until:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(_WAITING)
            if cursor.fetchone()[0]:
                return
            sleep(0.01)
    raise AssertionError("Nobody waited.")


def against_a_finish(call: Call, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """``act`` begins when the call's end has locked call and lead, and that goes on for the money once it waits."""
    settle, at_the_money = finishing._settle, threading.Event()

    def settle_late(*args: object, **kwargs: object) -> None:
        at_the_money.set()
        somebody_waits()
        settle(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(finishing, "_settle", settle_late)
    over = report(Disposition.HUNG_UP, answered_at=NOW, ended_at=NOW + timedelta(seconds=30))

    def one_of_two(number: int) -> object:
        if number == 0:
            return finishing.finish(call.pk, over, now=NOW)
        assert at_the_money.wait(10)
        return act()

    at_once(2, one_of_two)


def test_a_pause_that_hangs_up_against_a_call_that_ends(hung_up: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = make.campaign()
    ending = make.call(make.lead(campaign), CallStatus.LIVE, carrier_call_id="CA1")
    ringing = make.call(make.lead(campaign), CallStatus.DIALING, carrier_call_id="CA2")
    waiting = make.call(make.lead(campaign))
    against_a_finish(ending, lambda: campaigns.pause(campaign.pk, now=NOW, hang_up=True), monkeypatch)
    statuses = dict(Call.objects.values_list("pk", "status"))
    assert statuses == {ending.pk: "done", ringing.pk: "dialing", waiting.pk: "canceled"}
    assert hung_up == ["CA2"]
    assert audit() == []


def test_an_imported_list_against_a_call_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = make.campaign()
    ending = make.call(make.lead(campaign), CallStatus.LIVE, carrier_call_id="CA1")
    waiting = make.call(make.lead(campaign))
    wanted = [Wanted(call.to_number, "import", "the former list") for call in (ending, waiting)]
    against_a_finish(ending, lambda: suppress_all(wanted, now=NOW), monkeypatch)
    assert dict(Call.objects.values_list("pk", "status")) == {ending.pk: "done", waiting.pk: "canceled"}
    assert set(Lead.objects.values_list("status", flat=True)) == {"closed"}
    assert audit() == []


def test_an_opt_out_said_into_a_call_against_a_pause_that_hangs_up(
    hung_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause locks the call that talks, then the one that waits; so does the opt-out, of a person with both."""
    campaign = make.campaign()
    talks = make.call(make.lead(campaign, email="dana@example.com"), CallStatus.LIVE, carrier_call_id="CA1")
    waits = make.call(make.lead(campaign, email="dana@example.com"))
    keep, canceled = acts.keep, threading.Event()

    def keep_late(call: Call, act: Act, *, now: datetime) -> None:
        canceled.set()
        somebody_waits()
        keep(call, act, now=now)

    monkeypatch.setattr(acts, "keep", keep_late)
    said = Acted(OptOut("stop calling me"), {"turns": 3})

    def one_of_two(number: int) -> None:
        if number:
            assert canceled.wait(10)
            campaigns.pause(campaign.pk, now=NOW, hang_up=True)
        else:
            listening._write_down(talks, said, now=NOW)

    at_once(2, one_of_two)
    assert dict(Call.objects.values_list("pk", "status")) == {talks.pk: "live", waits.pk: "canceled"}
    assert (hung_up, Suppression.objects.count(), audit()) == (["CA1"], 2, [])


def test_an_address_that_is_edited_against_an_intent_to_ring() -> None:
    lead = make.lead(email="dana@example.com")
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    page = reverse("admin:calls_lead_change", args=[lead.pk])
    form = client.get(page).context["adminform"].form
    typed = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    due = f"{lead.next_attempt_at:%Y-%m-%d %H:%M:%S}".split()
    typed |= {"next_attempt_at_0": due[0], "next_attempt_at_1": due[1]}
    typed |= {f"initial-{name}": value for name, value in typed.items() if name.startswith("next_attempt_at_")}
    typed |= {"consents-TOTAL_FORMS": 0, "consents-INITIAL_FORMS": 0, "email": "reed@example.com"}
    held = threading.Event()

    def one_of_two(number: int) -> int:
        if number:
            assert held.wait(10)
            return client.post(page, typed).status_code
        with transaction.atomic():  # as the worker does it
            hold_off()
            held.set()
            somebody_waits()
            return Lead.objects.filter(pk=lead.pk).update(attempts=F("attempts") + 1)

    assert at_once(2, one_of_two) == [1, 302]
    lead.refresh_from_db()
    assert (lead.email, lead.attempts) == ("reed@example.com", 1)
