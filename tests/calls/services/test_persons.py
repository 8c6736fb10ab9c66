"""A person's opt-out holds for all their numbers, and for nobody else's."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pkgutil import iter_modules

import pytest
from django.db import IntegrityError, connection, transaction
from structlog.testing import capture_logs

from calls import migrations
from calls.models import Lead, Person, Suppression, SuppressionEntry
from calls.services import persons
from calls.services.campaigns import reopen
from calls.services.following import follow
from calls.services.opting_out import OptOut, lift, suppress, suppress_all
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER

pytestmark = pytest.mark.django_db
NOW = NOON_IN_DENVER
FIRST, SECOND, THIRD = "+13035550001", "+13035550002", "+13035550003"
MAIL = "dana@example.com"


def listed() -> dict[str, str]:
    """Every number on the list with its origin."""
    return dict(Suppression.objects.values_list("phone", "origin"))


def test_leads_with_the_same_address_are_one_person() -> None:
    make.lead(phone=FIRST, email="Dana@Example.com")
    other, mobile = make.lead(phone=SECOND, email=MAIL), make.lead(phone=THIRD, email="DANA@EXAMPLE.COM")
    stranger = make.lead(email="dan@example.com")
    assert suppress(FIRST, source="sms", said="STOP", now=NOW, reference="SM1")
    assert listed() == {FIRST: "", SECOND: FIRST, THIRD: FIRST}
    entries = SuppressionEntry.objects.order_by("phone").values_list("phone", "kind", "source", "said", "reference")
    assert list(entries) == [(phone, "suppressed", "sms", "STOP", "SM1") for phone in (FIRST, SECOND, THIRD)]
    for lead, status in ((other, "closed"), (mobile, "closed"), (stranger, "open")):
        lead.refresh_from_db()
        assert lead.status == status


def test_leads_that_somebody_linked_are_one_person_and_links_join() -> None:
    one, two, three = (make.lead(phone=phone) for phone in (FIRST, SECOND, THIRD))
    persons.link([one.pk, two.pk], by="mia", now=NOW)
    persons.link([two.pk, three.pk], by="mia", now=NOW)
    assert set(Lead.objects.values_list("person", flat=True)) == {Person.objects.latest("pk").pk}
    suppress(THIRD, source="key", said="9", now=NOW)
    assert listed() == {THIRD: "", FIRST: THIRD, SECOND: THIRD}
    assert persons.unlink([one.pk, two.pk]) == 2
    assert len(listed()) == 3


def test_a_phone_that_two_people_share_does_not_make_them_one() -> None:
    make.lead(phone=FIRST, email=MAIL)
    make.lead(phone=SECOND, email=MAIL)
    make.lead(phone=SECOND, email="kim@example.com")
    make.lead(phone=THIRD, email="kim@example.com")
    suppress(FIRST, source="sms", said="STOP", now=NOW)
    assert listed() == {FIRST: "", SECOND: FIRST}


def test_nobody_follows_a_wrong_number() -> None:
    make.lead(phone=FIRST, email=MAIL)
    right = make.lead(phone=SECOND, email=MAIL)
    suppress(FIRST, source="wrong_number", said="no Dana here", now=NOW)
    assert listed() == {FIRST: ""}
    assert follow([right.pk], now=NOW) == set()


@pytest.mark.parametrize(("others", "follows"), [(9, 9), (10, 0)])
def test_an_address_of_many_numbers_is_nobodys_own(others: int, follows: int) -> None:
    campaign = make.campaign()
    for _ in range(others):
        make.lead(campaign, email="office@example.com")
    make.lead(phone=FIRST, email="office@example.com")
    with capture_logs() as logs:
        suppress(FIRST, source="sms", said="STOP", now=NOW)
    assert len(listed()) == 1 + follows
    shared = [(line["event"], line["numbers"]) for line in logs if line["event"] == "opt_out.shared_email"]
    assert shared == ([] if follows else [("opt_out.shared_email", 11)])


def test_leads_without_an_address_have_nothing_in_common() -> None:
    make.lead(phone=FIRST)
    make.lead(phone=SECOND)
    suppress(FIRST, source="sms", said="STOP", now=NOW)
    assert listed() == {FIRST: ""}


def test_a_number_that_asks_itself_has_its_own_evidence() -> None:
    make.lead(phone=FIRST, email=MAIL)
    make.lead(phone=SECOND, email=MAIL)
    added = suppress_all(
        [OptOut(FIRST, "import", "a"), OptOut(SECOND, "import", "b"), OptOut(FIRST, "sms", "c")], now=NOW
    )
    assert added == {FIRST, SECOND}
    assert dict(Suppression.objects.values_list("phone", "said")) == {FIRST: "a", SECOND: "b"}
    assert listed() == {FIRST: "", SECOND: ""}


def test_a_lead_that_comes_later_follows() -> None:
    make.lead(phone=FIRST, email=MAIL)
    suppress(FIRST, source="sms", said="STOP", now=NOW, by="", reference="SM1")
    late = make.lead(phone=SECOND, email="DANA@example.com")
    assert follow([late.pk], now=NOW + timedelta(days=1)) == {SECOND}
    entry = Suppression.objects.get(phone=SECOND)
    assert (entry.origin, entry.source, entry.said, entry.reference) == (FIRST, "sms", "STOP", "SM1")
    assert follow([late.pk], now=NOW + timedelta(days=2)) == set()


def test_what_somebody_took_off_the_list_does_not_follow_but_goes_on_it_when_the_person_asks_again() -> None:
    make.lead(phone=FIRST, email=MAIL)
    second = make.lead(phone=SECOND, email=MAIL)
    suppress(FIRST, source="sms", said="STOP", now=NOW)
    assert lift(SECOND, reason="signed form", by="mia", now=NOW)
    third = make.lead(phone=THIRD, email=MAIL)
    assert follow([second.pk, third.pk], now=NOW) == {THIRD}
    assert listed() == {FIRST: "", THIRD: FIRST}
    suppress(FIRST, source="voice", said="I said stop", now=NOW)
    assert listed() == {FIRST: "", THIRD: FIRST, SECOND: FIRST}
    kinds = SuppressionEntry.objects.filter(phone=SECOND).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["suppressed", "lifted", "suppressed"]


def test_a_lifted_number_stays_closed_until_somebody_reopens_its_leads() -> None:
    lead = make.lead(phone=FIRST)
    suppress(FIRST, source="sms", said="STOP", now=NOW)
    assert reopen([lead.pk], now=NOW) == 0
    assert lift(FIRST, reason="signed form of 4 May " * 30, by="mia", now=NOW)
    assert not lift(FIRST, reason="again", by="mia", now=NOW)
    lead.refresh_from_db()
    assert lead.status == "closed"
    newest = SuppressionEntry.objects.first()
    assert newest is not None
    assert (newest.kind, newest.by, newest.source, newest.at, len(newest.said)) == (
        "lifted",
        "mia",
        "admin",
        NOW,
        300,
    )
    assert reopen([lead.pk], now=NOW) == 1


def test_the_database_keeps_every_entry() -> None:
    suppress(FIRST, source="sms", said="STOP", now=NOW)
    forbidden: list[Callable[[], object]] = [
        lambda: Suppression.objects.all().delete(),
        lambda: Suppression.objects.update(said="nothing"),
        lambda: SuppressionEntry.objects.all().delete(),
        lambda: SuppressionEntry.objects.update(kind="lifted"),
    ]
    for act in forbidden:
        with pytest.raises(IntegrityError, match=r"append-only|never edited"), transaction.atomic():
            act()
    assert (Suppression.objects.get().said, SuppressionEntry.objects.get().kind) == ("STOP", "suppressed")
    lift(FIRST, reason="signed", by="mia", now=NOW)
    suppress(FIRST, source="sms", said="STOP", now=NOW)
    with pytest.raises(IntegrityError, match="goes only by a lift"), transaction.atomic():
        Suppression.objects.all().delete()


def test_entries_of_before_begin_the_history() -> None:
    Suppression.objects.create(phone=FIRST, source="voice", said="stop", created_at=NOW)
    name = next(one.name for one in iter_modules(migrations.__path__) if one.name.endswith("do_not_call_history"))
    with connection.cursor() as cursor:
        history: str = import_module(f"calls.migrations.{name}").HISTORY
        cursor.execute(history)
    entry = SuppressionEntry.objects.get()
    assert (entry.phone, entry.kind, entry.source, entry.said, entry.at) == (
        FIRST,
        "suppressed",
        "voice",
        "stop",
        NOW,
    )
