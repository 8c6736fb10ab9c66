"""A budget that is not needed any more is retired: it pays for nothing new, and what it paid for stays."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from billing.admin.alert import SingleRuleForm
from billing.models import AlertRule, Budget, LedgerEntry
from billing.services import auditing, budgets, ledger, retiring
from billing.services.ledger import BudgetStopped
from billing.services.outlook import calling_hours
from billing.services.retiring import CannotRetire
from calls.models import CallingWindow, Campaign, Lead
from tests.billing import factories as make
from tests.billing.factories import AT, CALL, OTHER, ZERO, sums
from tests.billing.test_budget_admin import ADD, LIST, errors, form, text

pytestmark = pytest.mark.django_db
RETIRED = "Budget 'Old' is retired and pays for no new call: choose another, or bring it back."


def source(name: str, **fields: Any) -> Budget:
    return make.budget(name=name, scope="source", source="web", **fields)


def test_a_retired_budget_pays_for_no_new_call_and_settles_those_that_are_live() -> None:
    old, mine = make.budget(name="Old", scope="company"), make.budget()
    assert budgets.concerned(mine.pk, source="") == [old, mine]
    make.hold(CALL, old, mine)
    assert retiring.retire(old.pk, at=AT)
    assert not retiring.retire(old.pk, at=AT)
    assert budgets.concerned(mine.pk, source="") == [mine]
    with pytest.raises(BudgetStopped) as error:
        make.hold(OTHER, old, mine)
    assert (str(error.value), error.value.budget) == (RETIRED, old)
    with pytest.raises(BudgetStopped):
        ledger.check_room([old.pk], Decimal("0.1"), currency="USD", at=AT)
    assert ledger.charge(CALL, Decimal("0.1"), at=AT) == Decimal("0.1")
    assert ledger.correct(CALL, Decimal("0.02"), cause="carrier_price", at=AT) == Decimal("0.02")
    assert sums(old) == (Decimal("0.12"), ZERO)
    assert not LedgerEntry.objects.filter(reference=OTHER).exists()
    assert auditing.audit() == []
    assert retiring.bring_back(old.pk)
    assert not retiring.bring_back(old.pk)
    make.hold(OTHER, old, mine)


def test_the_budget_that_a_campaign_names_is_concerned_also_when_it_is_retired() -> None:
    old = make.budget(name="Old", retired_at=AT)
    assert budgets.concerned(old.pk, source="web") == [old]
    with pytest.raises(BudgetStopped) as error:
        budgets.check_not_stopped([old], at=AT)
    assert str(error.value) == RETIRED


def test_another_takes_the_place_of_a_source_s_budget() -> None:
    old = source("Old")
    with pytest.raises(IntegrityError), transaction.atomic():
        source("New")
    retiring.retire(old.pk, at=AT)
    new = source("New", currency="EUR", zone="Europe/Berlin")
    mine = make.budget()
    assert budgets.concerned(mine.pk, source="web") == [new, mine]
    with pytest.raises(
        CannotRetire, match=r"^Budget 'New' pays for the leads of 'web' now: retire that one first\.$"
    ):
        retiring.bring_back(old.pk)
    retiring.retire(new.pk, at=AT)
    assert retiring.bring_back(old.pk)
    assert budgets.concerned(mine.pk, source="web") == [old, mine]


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (1, "'Campaign 0'"),
        (7, "'Campaign 0', 'Campaign 1', 'Campaign 2', 'Campaign 3', 'Campaign 4' and others"),
    ],
)
def test_a_campaign_that_is_not_finished_keeps_its_budget(count: int, named: str) -> None:
    old = make.budget(name="Old")
    for number in range(count):
        status = ["draft", "running", "paused"][number % 3]
        Campaign.objects.create(name=f"Campaign {number}", budget=old, status=status)
    with pytest.raises(CannotRetire) as error:
        retiring.retire(old.pk, at=AT)
    assert str(error.value) == (f"Budget 'Old' pays for {named}: choose another budget there first, or finish them.")
    old.refresh_from_db()
    assert old.retired_at is None
    Campaign.objects.update(status="finished")
    assert retiring.retire(old.pk, at=AT)


def test_nothing_is_foretold_of_a_retired_budget() -> None:
    old, mine = make.budget(scope="company"), make.budget()
    sellers = Campaign.objects.create(name="Sellers", budget=mine, status="running")
    CallingWindow.objects.create(campaign=sellers)
    assert calling_hours(old) is not None
    retiring.retire(old.pk, at=AT)
    old.refresh_from_db()
    assert calling_hours(old) is None


def said(reply: object) -> list[str]:
    return [str(one) for one in get_messages(reply.wsgi_request)]  # type: ignore[attr-defined]


def test_the_way_out_of_a_source_s_budget_in_the_wrong_currency(admin_client: Client, admin_user: User) -> None:
    mine = make.budget()
    campaign = Campaign.objects.create(name="Sellers", budget=mine)
    Lead.objects.create(campaign=campaign, phone="+13035550001", source="web", next_attempt_at=timezone.now())
    old = source("Old")
    make.hold(CALL, old)
    typed = form(name="New", scope="source", source="web", limit="5", zone="America/Denver")
    assert errors(admin_client.post(ADD, typed)) == {
        "source": ["Budget 'Old' pays for the leads of 'web' already: change that one, or retire it first."]
    }
    page = admin_client.get(f"{LIST}{old.pk}/change/").content.decode()
    assert f'formaction="{LIST}{old.pk}/retirement/retire/"' in page
    reply = admin_client.post(f"{LIST}{old.pk}/retirement/retire/", {"name": "changed"})
    assert said(reply) == ["Old is retired: it pays for no new call."]
    assert said(admin_client.post(f"{LIST}{old.pk}/retirement/retire/"))[-1] == "Old is retired already."
    assert admin_client.post(ADD, typed).status_code == 302
    new = Budget.objects.get(name="New")
    assert budgets.concerned(mine.pk, source="web") == [mine, new]
    refused = admin_client.post(f"{LIST}{old.pk}/retirement/bring-back/")
    assert said(refused)[-1] == "Budget 'New' pays for the leads of 'web' now: retire that one first."
    retiring.retire(new.pk, at=AT)
    assert said(admin_client.post(f"{LIST}{old.pk}/retirement/bring-back/"))[-1] == "Old is in use again."
    assert said(admin_client.post(f"{LIST}{old.pk}/retirement/bring-back/"))[-1] == "Old was not retired."
    old.refresh_from_db()
    assert (old.name, old.retired_at) == ("Old", None)
    told = LogEntry.objects.filter(object_id=str(old.pk)).order_by("pk").values_list("user", "change_message")
    assert list(told) == [(admin_user.pk, "Retired."), (admin_user.pk, "Brought back.")]
    assert admin_client.get(f"{LIST}{old.pk}/retirement/retire/").status_code == 405
    assert admin_client.post(f"{LIST}{old.pk}/retirement/burn/").status_code == 405
    assert admin_client.post(f"{LIST}0/retirement/retire/").status_code == 404


def test_a_retired_budget_can_be_renamed_and_its_limits_changed(admin_client: Client) -> None:
    old = source("Old", retired_at=AT)
    make.hold(CALL, source("New"))
    typed = form(name="Older", scope="source", source="web", limit="2")
    assert admin_client.post(f"{LIST}{old.pk}/change/", typed).status_code == 302
    old.refresh_from_db()
    assert (old.name, old.limit, old.retired_at) == ("Older", Decimal(2), AT)


def test_a_retired_budget_is_out_of_the_list_and_of_choices(admin_client: Client) -> None:
    old, new = make.budget(name="Old", retired_at=AT), make.budget(name="New")
    listed = {
        use: [one.name for one in admin_client.get(LIST, {"use": use} if use else {}).context["cl"].result_list]
        for use in ("", "retired", "all")
    }
    assert listed == {"": ["New"], "retired": ["Old"], "all": ["New", "Old"]}
    assert "retired 1 budget" in text(admin_client, f"{LIST}?use=retired")
    page = text(admin_client, f"{LIST}{old.pk}/change/")
    assert "This budget is retired since 2026-11-03 17:00 UTC: it pays for no new call." in page
    assert "Stop dialing" not in page
    assert "Bring back" in page
    campaign = Campaign.objects.create(name="Sellers", budget=old, status="finished")
    offered = {}
    for url in ("/admin/calls/campaign/add/", f"/admin/calls/campaign/{campaign.pk}/change/"):
        field = admin_client.get(url).context["adminform"].form.fields["budget"]
        offered[url.split("/")[-2]] = set(field.queryset)
    assert offered == {"add": {new}, "change": {old, new}}
    assert set(SingleRuleForm().fields["budget"].queryset) == {new}  # type: ignore[attr-defined]
    rule = AlertRule(budget=old)
    assert set(SingleRuleForm(instance=rule).fields["budget"].queryset) == {old, new}  # type: ignore[attr-defined]


def test_who_may_only_see_budgets_retires_none(client: Client) -> None:
    old = make.budget(name="Old")
    user = User.objects.create_user("ben", password="correct horse", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_budget"))
    client.force_login(user)
    page = text(client, f"{LIST}{old.pk}/change/")
    assert "In use." in page
    assert "retirement/retire" not in client.get(f"{LIST}{old.pk}/change/").content.decode()
    assert client.post(f"{LIST}{old.pk}/retirement/retire/").status_code == 403
    old.refresh_from_db()
    assert old.retired_at is None


def test_a_refusal_is_said_on_the_page(admin_client: Client) -> None:
    old = make.budget(name="Old")
    Campaign.objects.create(name="Sellers", budget=old)
    assert said(admin_client.post(f"{LIST}{old.pk}/retirement/retire/")) == [
        "Budget 'Old' pays for 'Sellers': choose another budget there first, or finish them."
    ]
    assert not LogEntry.objects.exists()
