"""Programs that tell of the same person at once, on a real PostgreSQL: one lead, one inquiry, one call."""

from collections import Counter

import pytest

from calls.domain.lead_fields import LeadFields
from calls.models import Campaign, Inquiry, Lead, LeadList
from calls.services import doorbell
from calls.services.intake import Asked, Refused, take
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.race.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = "+13035550142"


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    ids: list[int] = []
    monkeypatch.setattr(doorbell, "dispatch", ids.append)
    return ids


def asked(campaign: Campaign, **fields: str) -> Asked:
    phone = fields.pop("phone", PHONE)
    return Asked(lead=LeadFields(phone=phone), campaign=campaign, by="CRM", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("external_id", ["form-1", ""])
def test_eight_tell_of_one_inquiry(external_id: str, rung: list[int]) -> None:
    campaign = make.campaign()
    fates = at_once(8, lambda _: take(asked(campaign, external_id=external_id), now=NOON_IN_DENVER).fate.value)
    assert Counter(fates) == {"created": 1, "known": 7}
    assert (Lead.objects.count(), Inquiry.objects.count(), rung) == (1, 1, [campaign.pk])


def test_eight_inquiries_of_one_person_are_one_lead(rung: list[int]) -> None:
    campaign = make.campaign()
    fates = at_once(8, lambda n: take(asked(campaign, external_id=f"form-{n}"), now=NOON_IN_DENVER).fate.value)
    assert Counter(fates) == {"created": 1, "updated": 7}
    lead = Lead.objects.get()
    assert (lead.attempts, lead.next_attempt_at, lead.inquiries.count()) == (0, NOON_IN_DENVER, 8)


def test_one_id_for_eight_numbers_takes_one() -> None:
    campaign = make.campaign()

    def tell(number: int) -> str:
        try:
            return take(
                asked(campaign, external_id="form-1", phone=f"+130355501{number:02d}"), now=NOON_IN_DENVER
            ).fate.value
        except Refused as refused:
            return refused.field

    assert Counter(at_once(8, tell)) == {"created": 1, "external_id": 7}
    assert (Lead.objects.count(), Inquiry.objects.count()) == (1, 1)


def test_a_list_is_made_once() -> None:
    campaign = make.campaign()
    at_once(8, lambda n: take(asked(campaign, list_name="Web", phone=f"+130355501{n:02d}"), now=NOON_IN_DENVER))
    assert LeadList.objects.get().leads.count() == 8
