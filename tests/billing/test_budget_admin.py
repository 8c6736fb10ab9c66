"""Budgets, the ledger and what is to be reviewed, as people see them."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.admin import paging
from billing.models import Budget, LedgerEntry, SpendSample
from billing.services import budgets, ledger
from billing.services.budgets import Limits
from calls.models import CallingWindow, Campaign, Lead
from calls.permissions import MANAGERS
from tests.billing import factories as make
from tests.billing.factories import CALL, OTHER

pytestmark = pytest.mark.django_db
LIST, ADD = "/admin/billing/budget/", "/admin/billing/budget/add/"
LEDGER = "/admin/billing/ledgerentry/"
RULES = {"alert_rules-TOTAL_FORMS": "0", "alert_rules-INITIAL_FORMS": "0"}


def text(client: Client, url: str) -> str:
    """The page's words, with one space for all that is between them."""
    response = client.get(url)
    assert response.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def used(**limits: str) -> Budget:
    """A budget of 1 USD, of which 0.1 is spent and 0.25 held, now."""
    budget = make.budget(name="November", **limits)
    now = timezone.now()
    make.hold(CALL, budget, at=now)
    make.hold(OTHER, budget, at=now)
    ledger.charge(CALL, Decimal("0.1"), at=now)
    return budget


def form(**typed: str) -> dict[str, str]:
    limits = dict.fromkeys(("limit", "day_limit", "week_limit", "month_limit", "call_limit"), "")
    return (
        {"name": "November", "scope": "campaign", "source": "", "currency": "USD", "zone": "UTC"}
        | limits
        | RULES
        | typed
    )


def errors(reply: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = reply.context["adminform"].form.errors  # type: ignore[attr-defined]
    return found


def test_an_empty_list_says_what_to_do(admin_client: Client) -> None:
    assert "There is no budget yet, and nothing is dialed without one" in text(admin_client, LIST)
    assert "Nothing was held or charged yet." in text(admin_client, LEDGER)
    assert "There is nothing to review" in text(admin_client, "/admin/billing/review/")


def test_a_budget_is_made_with_limits(admin_client: Client) -> None:
    page = text(admin_client, ADD)
    assert "A call is dialed only where its worst case fits into every limit." in page
    typed = form(name="December", limit="25", day_limit="2.50", call_limit="0.2", zone="America/Denver")
    assert admin_client.post(ADD, typed).status_code == 302
    made = Budget.objects.get()
    assert (made.name, made.zone, made.limit, made.day_limit) == (
        "December",
        "America/Denver",
        Decimal(25),
        Decimal("2.5"),
    )
    assert (made.week_limit, made.month_limit, made.call_limit) == (None, None, Decimal("0.2"))
    assert not made.balances.exists()


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        (
            {"limit": "-1"},
            "limit",
            "A limit cannot be negative: enter 0 to allow nothing, or leave this empty for no limit.",
        ),
        ({"day_limit": "1.1234567"}, "day_limit", "Enter at most 6 places."),
        (
            {"month_limit": "123456789"},
            "month_limit",
            "Enter at most 99,999,999.999999, or leave this empty for no limit.",
        ),
        (
            {"week_limit": "ten"},
            "week_limit",
            "Enter an amount such as 50 or 12.50, or leave this empty for no limit.",
        ),
        (
            {"call_limit": "NaN"},
            "call_limit",
            "Enter an amount such as 50 or 12.50, or leave this empty for no limit.",
        ),
        ({"zone": "Mars/Base"}, "zone", "'Mars/Base' is no time zone: enter an IANA name such as America/Denver."),
        ({"currency": "usd"}, "currency", "Enter a currency by its three letters, such as USD."),
        ({"scope": "source"}, "source", "Choose the source whose leads it pays for."),
        ({"source": "web"}, "source", "Only a budget for leads of one source names one: leave this empty."),
        (
            {"scope": "source", "source": "web"},
            "source",
            "No lead has the source 'web': import leads that have one first.",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    admin_client: Client, typed: dict[str, str], field: str, sentence: str
) -> None:
    reply = admin_client.post(ADD, form(**typed))
    assert errors(reply) == {field: [sentence]}
    assert not Budget.objects.exists()


def lead_from(source: str, budget: Budget) -> Lead:
    campaign, _ = Campaign.objects.get_or_create(name="Sellers", budget=budget)
    number = f"+1303555{Lead.objects.count():04}"
    return Lead.objects.create(campaign=campaign, phone=number, source=source, next_attempt_at=timezone.now())


def test_a_source_is_chosen_from_those_that_leads_have_and_has_one_budget(admin_client: Client) -> None:
    whose = make.budget(name="Sellers")
    for source in ("website", "facebook", "", "website"):
        lead_from(source, whose)
    assert budgets.lead_sources() == ["facebook", "website"]
    assert '<option value="website">website</option>' in admin_client.get(ADD).content.decode()
    typed = form(name="Web", scope="source", source="website", limit="5")
    assert admin_client.post(ADD, typed).status_code == 302
    assert "leads from website" in text(admin_client, LIST)
    assert errors(admin_client.post(ADD, typed | {"name": "Web 2"})) == {
        "source": ["Budget 'Web' pays for the leads of 'website' already: change that one, or retire it first."]
    }
    assert errors(admin_client.post(ADD, typed | {"name": "Web 2", "source": "webiste"})) == {
        "source": ["No lead has the source 'webiste': choose one of facebook, website."]
    }
    assert errors(
        admin_client.post(f"{LIST}{whose.pk}/change/", typed | {"name": "Sellers", "source": "facebook"})
    ) == {"scope": ["1 of the campaigns name this budget: choose another for them first."]}


def test_the_list_shows_what_is_free_today_this_month_and_in_all(admin_client: Client) -> None:
    used(day_limit="0.5")
    make.budget("0", name="Nothing")
    make.budget(None, name="Unlimited", scope="company")
    page = text(admin_client, LIST)
    assert (
        "November its campaigns "
        "0.15 USD free 0.10 spent, 0.25 held of 0.50 "
        "no limit 0.10 spent, 0.25 held "
        "0.65 USD free 0.10 spent, 0.25 held of 1.00 open" in page
    )
    assert "Nothing its campaigns no limit 0.00 spent no limit 0.00 spent 0.00 USD free 0.00 spent of 0.00" in page
    assert "Unlimited every call no limit 0.00 spent no limit 0.00 spent no limit 0.00 spent open" in page
    html = admin_client.get(LIST).content.decode()
    assert '<progress class="purse purse-good" max="100" value="70" title="0.35 of 0.50 USD"></progress>' in html
    assert '<progress class="purse purse-bad" max="100" value="100" title="0.00 of 0.00 USD"></progress>' in html


def test_the_state_of_a_budget(admin_client: Client) -> None:
    budget = used()
    budgets.change_limits(budget.pk, Limits(Decimal(1), day=Decimal("0.35")), at=timezone.now())
    assert " used up 1 budget " in text(admin_client, LIST)
    Budget.objects.update(stopped_at=timezone.now(), stopped_reason="mia stopped it: too dear")
    assert " stopped 1 budget " in text(admin_client, LIST)
    page = text(admin_client, f"{LIST}{budget.pk}/change/")
    assert "Dialing is stopped since" in page
    assert "mia stopped it: too dear" in page


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_queries_do_not_grow_with_budgets_entries_or_days(admin_client: Client) -> None:
    budget = used()
    urls = (LIST, LEDGER, f"{LIST}{budget.pk}/change/")
    few = {}
    for url in urls:
        queries(admin_client, url)
        few[url] = queries(admin_client, url)
    for number in range(1, 20):
        at = timezone.now() - timedelta(days=number)
        make.hold(UUID(int=number), budget, make.budget(), amount="0.01", at=at)
    assert {url: queries(admin_client, url) for url in urls} == few
    assert few[LIST] <= 8
    assert few[urls[2]] <= 20


def change(client: Client, budget: Budget, **typed: str) -> object:
    return client.post(f"{LIST}{budget.pk}/change/", form(**typed))


def test_a_limit_may_go_down_to_what_is_used_and_counts_at_once(admin_client: Client) -> None:
    budget = used()
    yesterday = timezone.now() - timedelta(days=1)
    make.hold(UUID(int=1), budget, amount="0.3", at=yesterday)
    assert change(admin_client, budget, limit="0.65", day_limit="0.35").status_code == 302  # type: ignore[attr-defined]
    budget.refresh_from_db()
    assert (budget.limit, budget.day_limit, budget.name) == (Decimal("0.65"), Decimal("0.35"), "November")
    limits = dict(budget.balances.filter(window__contains=timezone.now()).values_list("period", "limit"))
    assert limits == {"total": Decimal("0.65"), "day": Decimal("0.35"), "week": None, "month": None}
    assert budget.balances.get(period="day", window__contains=yesterday).limit is None


@pytest.mark.parametrize(("field", "when"), [("limit", ""), ("day_limit", " today"), ("month_limit", " this month")])
def test_a_limit_below_what_is_used_is_refused_with_the_figure_to_enter(
    admin_client: Client, field: str, when: str
) -> None:
    budget = used()
    assert errors(change(admin_client, budget, **{field: "0.349999"})) == {
        field: [
            f"0.349999 USD is less than the 0.10 USD spent and 0.25 USD held{when}: "
            "enter at least 0.35 USD, or wait for calls to settle."
        ]
    }
    assert Budget.objects.get().limit == 1


def test_what_was_held_since_the_form_was_checked_counts(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = used()
    monkeypatch.setattr(budgets, "problems_of", lambda *_, **__: {})
    reply = admin_client.post(f"{LIST}{budget.pk}/change/", form(name="December", limit="0.1"), follow=True)
    assert [str(message) for message in reply.context["messages"]] == [
        "Nothing was changed. 0.10 USD is less than the 0.10 USD spent and 0.25 USD held: enter at least 0.35 USD, "
        "or wait for calls to settle."
    ]
    budget.refresh_from_db()
    assert (budget.name, budget.limit) == ("November", Decimal(1))


def test_what_was_booked_keeps_its_meaning(admin_client: Client) -> None:
    budget = used()
    fixed = {"currency": "EUR", "zone": "America/Denver", "scope": "company", "name": "December", "limit": "2"}
    assert change(admin_client, budget, **fixed).status_code == 302  # type: ignore[attr-defined]
    budget.refresh_from_db()
    assert (budget.currency, budget.zone, budget.scope) == ("USD", "UTC", "campaign")
    assert (budget.name, budget.limit) == ("December", Decimal(2))
    unused = make.budget(name="Unused")
    assert change(admin_client, unused, **fixed | {"name": "Unused"}).status_code == 302  # type: ignore[attr-defined]
    unused.refresh_from_db()
    assert (unused.currency, unused.zone, unused.scope) == ("EUR", "America/Denver", "company")


def test_the_page_of_a_budget(admin_client: Client) -> None:
    budget = used(day_limit="0.5")
    url = f"{LIST}{budget.pk}/change/"
    make.hold(UUID(int=1), budget, amount="0.3", at=timezone.now() - timedelta(days=40))
    Campaign.objects.create(name="Sellers", budget=budget, status="running")
    page = text(admin_client, url)
    for words in (
        "Today 0.10 0.25 0.50 0.15 -",
        "This week 0.10 0.25 no limit -",
        "In all 0.10 0.55 1.00 0.35 -",
        "Sellers running",
        "charge 0.10 USD 6f1c2f0e",
        "hold 0.25 USD 6f1c2f0e",
        "0.00 0.30 0.50 0.20",
    ):
        assert words in page
    html = admin_client.get(url).content.decode()
    assert f'<a href="/admin/calls/call/{CALL}/change/">6f1c2f0e</a>' in html


def test_the_page_of_a_budget_without_anything(admin_client: Client) -> None:
    budget = make.budget(name="New")
    page = text(admin_client, f"{LIST}{budget.pk}/change/")
    for sentence in (
        "Today 0.00 0.00 no limit -",
        "No campaign names it yet: choose it on a campaign's page.",
        "Nothing was held or charged yet.",
        "No period in which calls were made is over yet.",
    ):
        assert sentence in page
    assert admin_client.get(f"{LIST}999/change/").status_code == 302


def test_a_budget_that_paid_cannot_be_deleted(admin_client: Client) -> None:
    budget = used()
    assert admin_client.post(f"{LIST}{budget.pk}/delete/", {"post": "yes"}).status_code == 403
    assert f"{LIST}{budget.pk}/delete/" not in admin_client.get(f"{LIST}{budget.pk}/change/").content.decode()
    assert Budget.objects.get() == budget
    unused = make.budget(name="December")
    assert f"{LIST}{unused.pk}/delete/" in admin_client.get(f"{LIST}{unused.pk}/change/").content.decode()


@pytest.mark.parametrize(
    ("currency", "told"),
    [
        ("USD", []),
        (
            "EUR",
            [
                "No carrier's price is in EUR, so no call that this budget concerns is dialed: make a budget in USD, "
                "or enter the rates in EUR."
            ],
        ),
    ],
)
def test_a_budget_in_a_currency_without_prices_is_told(admin_client: Client, currency: str, told: list[str]) -> None:
    reply = admin_client.post(ADD, form(limit="5", currency=currency))
    assert [str(one) for one in get_messages(reply.wsgi_request) if one.level_tag == "warning"] == told
    assert Budget.objects.get().currency == currency


def test_what_a_period_comes_to_is_told_where_enough_was_seen(admin_client: Client) -> None:
    now = timezone.now()
    budget = used(month_limit="100")
    budgets.change_limits(budget.pk, Limits(Decimal(2), month=Decimal(100)), at=now)
    campaign = Campaign.objects.create(name="Sellers", budget=budget, status="running")
    CallingWindow.objects.create(campaign=campaign, opens_at="00:00", closes_at="23:59")
    for quarters in range(20, 0, -1):
        SpendSample.objects.create(
            budget=budget, at=now - timedelta(minutes=15 * quarters), spent=Decimal("0.005") * (20 - quarters)
        )
    page = text(admin_client, f"{LIST}{budget.pk}/change/")
    assert re.search(r"In all 0\.10 0\.25 2\.00 1\.65 used up on \w{3} \d{4}-\d\d-\d\d, \d\d:\d\d", page)
    assert re.search(
        r"This month 0\.10 0\.25 100\.00 99\.65 about \d+\.\d\d at its end \(\d+\.\d\d to \d+\.\d\d\)", page
    )


@pytest.fixture
def manager(client: Client) -> User:
    user = User.objects.create_user("mia", password="correct horse", is_staff=True)
    user.groups.add(Group.objects.get(name=MANAGERS))
    client.force_login(user)
    return user


@pytest.mark.usefixtures("manager")
def test_a_manager_sets_budgets_and_changes_no_other_money(client: Client) -> None:
    budget = used()
    for model in ("budget", "ledgerentry", "rate", "alert", "alertrule", "review"):
        assert client.get(f"/admin/billing/{model}/").status_code == 200
    for model in ("ledgerentry", "rate", "alert", "alertrule", "review"):
        assert client.get(f"/admin/billing/{model}/add/").status_code == 403
    assert "Stop dialing" in text(client, f"{LIST}{budget.pk}/change/")
    assert change(client, budget, limit="9").status_code == 302  # type: ignore[attr-defined]
    assert Budget.objects.get().limit == 9


def test_who_may_only_look_at_money_changes_none(client: Client) -> None:
    budget = used()
    viewer = User.objects.create_user("vera", password="correct horse", is_staff=True)
    viewer.user_permissions.set(
        Permission.objects.filter(content_type__app_label="billing", codename__startswith="view")
    )
    client.force_login(viewer)
    page = text(client, f"{LIST}{budget.pk}/change/")
    assert "In all 0.10 0.25 1.00 0.65" in page
    assert "In all: 1.00 USD A day: no limit A week: no limit A month: no limit One call: no limit" in page
    assert "Dialing: On." in page
    assert "Save" not in page
    assert "Stop dialing" not in page
    assert change(client, budget, limit="9").status_code == 403  # type: ignore[attr-defined]
    assert client.get(ADD).status_code == 403
    assert Budget.objects.get().limit == 1


def test_who_may_see_budgets_alone_sees_no_ledger(client: Client) -> None:
    budget = used()
    user = User.objects.create_user("ben", password="correct horse", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_budget"))
    client.force_login(user)
    page = text(client, f"{LIST}{budget.pk}/change/")
    assert "Booked last" not in page
    assert "What it pays for" not in page
    assert client.get(LEDGER).status_code == 403


def test_the_ledger_is_neither_counted_nor_looked_through_whole(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST", 60)
    budget = make.budget("10")
    now = timezone.now()
    for number in range(1, 71):
        make.hold(UUID(int=number), budget, amount="0.01", at=now - timedelta(minutes=number))
    with CaptureQueriesContext(connection) as captured:
        page = admin_client.get(LEDGER)
    asked = [one["sql"] for one in captured if '"billing_ledgerentry"' in one["sql"]]
    assert [sql.rsplit("LIMIT", 1)[-1].split(")")[0].strip() for sql in asked] == ["60", "50"]
    assert page.context["cl"].result_count == 60
    assert [entry.reference.int for entry in page.context["cl"].result_list] == list(range(1, 51))
    rest = admin_client.get(LEDGER, {"p": "2"}).context["cl"].result_list
    assert [entry.reference.int for entry in rest] == list(range(51, 61))
    assert re.findall(r'class="sortable column-(\w+)', page.content.decode()) == ["when"]


def test_the_ledger_is_read_only_and_found_by_call_kind_and_budget(admin_client: Client) -> None:
    budget = used()
    make.hold(UUID(int=7), make.budget(name="Other"), amount="0.000001")
    entry = LedgerEntry.objects.get(kind="charge")
    for query in ({"kind__exact": "charge"}, {"q": str(CALL), "kind__exact": "charge"}):
        page = admin_client.get(LEDGER, query | {"budget__id__exact": str(budget.pk)})
        assert list(page.context["cl"].result_list) == [entry]
    assert "charge 0.10 USD 6f1c2f0e" in text(admin_client, LEDGER)
    assert "hold 0.000001 USD 00000000" in text(admin_client, LEDGER)
    found = {
        q: admin_client.get(LEDGER, {"q": q}).context["cl"].result_count
        for q in ("6f1c", "6f1c2f0e-9a33", "zz", "6f")
    }
    assert found == {"6f1c": 4, "6f1c2f0e-9a33": 4, "zz": 0, "6f": 0}
    shown = text(admin_client, f"{LEDGER}{entry.pk}/change/")
    assert "Amount: 0.10 USD" in shown
    assert "Details: -" in shown
    assert admin_client.post(f"{LEDGER}{entry.pk}/change/", {"amount": "9"}).status_code == 403
    assert admin_client.post(f"{LEDGER}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get(f"{LEDGER}add/").status_code == 403
    ticked = {"action": "delete_selected", "_selected_action": [str(entry.pk)], "post": "yes"}
    admin_client.post(LEDGER, ticked)
    assert LedgerEntry.objects.get(pk=entry.pk).amount == Decimal("0.1")
