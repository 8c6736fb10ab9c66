"""Rules are edited with sentences that help, alerts read and acknowledged, dialing stopped and resumed."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from billing.admin.alert import AlertRuleInline
from billing.models import Alert, AlertRule, Budget
from billing.services import stops
from tests.billing.money import LATER, NOW, budget, only, spend, watch

pytestmark = pytest.mark.django_db
RULES, ALERTS, BUDGETS = "/admin/billing/alertrule/", "/admin/billing/alert/", "/admin/billing/budget/"


def rule(threshold: str, kind: str = "share", level: str = "warning", of: Budget | None = None) -> dict[str, object]:
    return {"budget": of.pk if of else "", "kind": kind, "level": level, "threshold": threshold, "enabled": "on"}


def errors(reply: Any) -> dict[str, list[str]]:
    return dict(reply.context["adminform"].form.errors)


def said(reply: Any) -> list[str]:
    return [str(message) for message in get_messages(reply.wsgi_request)]


def staff(client: Client, *permissions: str) -> User:
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return user


def test_the_rules_are_listed_and_one_is_added(admin_client: Client) -> None:
    page = admin_client.get(RULES).content.decode()
    assert "every budget" in page
    assert "9 alert rules" in page
    november = budget(limit="10")
    assert admin_client.post(f"{RULES}add/", rule("0.8", of=november)).status_code == 302
    assert november.alert_rules.get().threshold == Decimal("0.8")
    assert "November" in admin_client.get(RULES).content.decode()


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        (rule("75"), "threshold", "A share is a number up to 1: enter 0.75 for 75 %."),
        (rule("1", "burn_rate", "emergency"), "level", "EMERGENCY stops dialing, and this kind does not say"),
        (
            rule("0.95"),
            "threshold",
            "CRITICAL at 0.9 would be told before or with WARNING at 0.95: enter a threshold above that.",
        ),
        (rule("-1"), "threshold", "Enter a number from 0 to 1, such as 0.75 for 75 %."),
        (rule("x"), "threshold", "Enter a number."),
    ],
)
def test_a_rule_that_cannot_be_is_refused(
    admin_client: Client, typed: dict[str, object], field: str, sentence: str
) -> None:
    before = list(AlertRule.objects.values_list("pk", "threshold"))
    reply = admin_client.post(f"{RULES}{AlertRule.objects.get(kind='share', level='warning').pk}/change/", typed)
    assert list(errors(reply)) == [field]
    assert errors(reply)[field][0].startswith(sentence)
    assert list(AlertRule.objects.values_list("pk", "threshold")) == before


def test_a_second_rule_of_a_kind_and_level_is_refused(admin_client: Client) -> None:
    reply = admin_client.post(f"{RULES}add/", rule("0.8"))
    assert "already exists" in str(errors(reply)["__all__"])


def test_a_rule_that_is_off_may_be_anything_in_order(admin_client: Client) -> None:
    mine = AlertRule.objects.get(kind="share", level="warning")
    off = {name: value for name, value in rule("0.95").items() if name != "enabled"}
    assert admin_client.post(f"{RULES}{mine.pk}/change/", off).status_code == 302
    mine.refresh_from_db()
    assert (mine.threshold, mine.enabled) == (Decimal("0.95"), False)


def inline(*rows: dict[str, object]) -> dict[str, object]:
    form: dict[str, object] = {"alert_rules-TOTAL_FORMS": len(rows), "alert_rules-INITIAL_FORMS": 0}
    for number, row in enumerate(rows):
        form |= {f"alert_rules-{number}-{name}": value for name, value in row.items()}
    return form


def formset(of: Budget, *rows: dict[str, object]) -> Any:
    made: Any = AlertRuleInline(Budget, admin_site()).get_formset(_superuser_request())
    return made(inline(*rows), instance=of, prefix="alert_rules")


def admin_site() -> Any:
    from django.contrib import admin

    return admin.site


def _superuser_request() -> Any:
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    return request


def test_a_budgets_own_rules_are_checked_with_the_general_ones() -> None:
    november = budget(limit="10")
    fine = formset(november, rule("0.6"), rule("0.8", level="critical"))
    assert fine.is_valid(), fine.errors
    fine.save()
    assert list(november.alert_rules.values_list("level", "threshold")) == [
        ("warning", Decimal("0.6")),
        ("critical", Decimal("0.8")),
    ]
    above = formset(november, rule("0.92"))
    assert not above.is_valid()
    assert above.non_form_errors() == [
        "CRITICAL at 0.9 would be told before or with WARNING at 0.92: enter a threshold above that."
    ]
    both = formset(november, rule("0.92"), rule("0.95", level="critical"))
    assert both.is_valid()
    percent = formset(november, rule("80"))
    assert not percent.is_valid()
    assert percent.errors == [{"threshold": ["A share is a number up to 1: enter 0.8 for 80 %."]}]


def test_alerts_are_listed_open_ones_first_and_acknowledged(admin_client: Client, admin_user: User) -> None:
    only(("share", "warning", "0.75"), ("share", "emergency", "0.98"))
    over, still = budget("Over", limit="10"), budget("Still", limit="10")
    spend("8", over)
    watch()
    over.balances.filter(period="total").update(limit=100)
    spend("9.9", still)
    watch(NOW + LATER)
    page: Any = admin_client.get(ALERTS)
    rows = [(alert.budget.name, alert.level) for alert in page.context["cl"].result_list]
    assert rows == [("Still", "emergency"), ("Over", "warning")]
    text = page.content.decode()
    assert '<span class="badge badge-bad">EMERGENCY</span>' in text
    assert f'<a href="{BUDGETS}{still.pk}/change/">Still</a>' in text
    assert "over since 2026-11-10 19:00" in text
    loud = Alert.objects.get(budget=still)
    reply = admin_client.post(ALERTS, {"action": "acknowledge_selected", "_selected_action": [loud.pk]})
    assert said(reply) == ["1 alert acknowledged."]
    loud.refresh_from_db()
    assert loud.acknowledged_by == admin_user.get_username()
    assert (
        f"{admin_user.get_username()}, {loud.acknowledged_at:%Y-%m-%d %H:%M}"
        in admin_client.get(ALERTS).content.decode()
    )
    assert LogEntry.objects.filter(object_id=str(loud.pk), change_message="Acknowledged.").count() == 1
    assert said(admin_client.post(f"{ALERTS}{loud.pk}/acknowledge/")) == ["It was acknowledged before."]


@pytest.mark.parametrize(("chosen", "found"), [("", 3), ("unseen", 1), ("yes", 2), ("no", 1)])
def test_alerts_are_filtered_by_their_state(admin_client: Client, chosen: str, found: int) -> None:
    only(("share", "warning", "0.75"))
    for number in range(3):
        spend("8", budget(f"Budget {number}", limit="10"))
    watch()
    first, second, _ = Alert.objects.order_by("pk")
    Alert.objects.filter(pk=first.pk).update(ended_at=NOW)
    Alert.objects.filter(pk=second.pk).update(acknowledged_at=NOW, acknowledged_by="mia")
    page: Any = admin_client.get(ALERTS, {"open": chosen} if chosen else {})
    assert len(page.context["cl"].result_list) == found


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, "-"),
        ({"mail_due_at": NOW}, "waiting"),
        ({"mailed_at": NOW}, "sent 2026-11-10 19:00"),
        ({"mail_error": "OSError: away", "mail_due_at": NOW}, "OSError: away; again at 19:00"),
        ({"mail_error": "Gave up after 7 attempts."}, "Gave up after 7 attempts."),
    ],
)
def test_an_alert_says_what_became_of_its_mail(admin_client: Client, fields: dict[str, Any], shown: str) -> None:
    only(("share", "warning", "0.75"))
    spend("8", budget(limit="10"))
    watch()
    Alert.objects.update(**fields)
    page = admin_client.get(f"{ALERTS}{Alert.objects.get().pk}/change/").content.decode()
    assert '<div class="readonly">80 %</div>' in page
    assert '<div class="readonly">75 %</div>' in page
    assert f'<div class="readonly">{shown}</div>' in page
    assert ">Acknowledge</button>" in page


def test_alerts_are_read_only(admin_client: Client) -> None:
    only(("share", "warning", "0.75"))
    spend("8", budget(limit="10"))
    watch()
    alert = Alert.objects.get()
    assert admin_client.get(f"{ALERTS}add/").status_code == 403
    assert admin_client.post(f"{ALERTS}{alert.pk}/change/", {"text": "x"}).status_code == 403
    assert admin_client.post(f"{ALERTS}{alert.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get(f"{ALERTS}{alert.pk}/acknowledge/").status_code == 405
    assert Alert.objects.get().acknowledged_at is None


def test_who_may_only_look_cannot_acknowledge(client: Client) -> None:
    only(("share", "warning", "0.75"))
    spend("8", budget(limit="10"))
    watch()
    alert = Alert.objects.get()
    staff(client, "view_alert")
    assert ">Acknowledge</button>" not in client.get(f"{ALERTS}{alert.pk}/change/").content.decode()
    assert client.post(f"{ALERTS}{alert.pk}/acknowledge/").status_code == 403


def test_a_banner_is_on_every_page_until_it_is_acknowledged(admin_client: Client) -> None:
    only(("share", "warning", "0.75"), ("share", "critical", "0.9"))
    november = budget(limit="10")
    spend("8", november)
    watch()
    assert "money-alerts" not in admin_client.get("/admin/").content.decode()
    spend("1", november)
    watch(NOW + LATER)
    alert = Alert.objects.get(level="critical")
    for page in ("/admin/", RULES, ALERTS):
        text = admin_client.get(page).content.decode()
        assert "<strong>CRITICAL</strong> 90.0 % of what budget &#x27;November&#x27; may spend in all" in text
        assert f'<a href="{ALERTS}{alert.pk}/change/">See the alert</a>' in text
    assert "money-alerts" not in admin_client.get(f"{RULES}add/?_popup=1").content.decode()
    admin_client.post(f"{ALERTS}{alert.pk}/acknowledge/")
    assert "money-alerts" not in admin_client.get("/admin/").content.decode()


def test_the_banner_is_gone_when_the_alert_is_over(admin_client: Client) -> None:
    only(("share", "critical", "0.9"))
    november = budget(limit="10")
    spend("9", november)
    watch()
    november.balances.filter(period="total").update(limit=100)
    watch(NOW + LATER)
    assert "money-alerts" not in admin_client.get("/admin/").content.decode()


def test_the_banner_is_for_those_who_may_see_alerts(client: Client) -> None:
    only(("share", "critical", "0.9"))
    spend("9", budget(limit="10"))
    watch()
    assert "money-alerts" not in client.get("/admin/login/").content.decode()
    user = staff(client)
    assert "money-alerts" not in client.get("/admin/").content.decode()
    user.user_permissions.set(Permission.objects.filter(codename="view_alert"))
    assert "money-alerts" in client.get("/admin/").content.decode()


def test_dialing_is_stopped_with_a_reason_and_resumed(admin_client: Client, admin_user: User) -> None:
    november = budget(limit="10")
    page = f"{BUDGETS}{november.pk}/change/"
    where = f"{BUDGETS}{november.pk}/dialing/"
    assert "Stop dialing" in admin_client.get(page).content.decode()
    reply = admin_client.post(f"{where}stop/", {"stop_reason": " the list  is wrong ", "name": "changed"})
    assert said(reply) == ["Dialing on November is stopped; calls that are live go on. Resume it here."]
    november.refresh_from_db()
    name = admin_user.get_username()
    assert (november.name, november.stopped_reason) == ("November", f"{name} stopped it: the list is wrong")
    assert november.stopped_until is None
    assert said(admin_client.post(f"{where}stop/"))[-1] == "Dialing on November is stopped already."
    text = admin_client.get(page).content.decode()
    assert "until it is resumed" in text
    assert "Resume dialing" in text
    assert said(admin_client.post(f"{where}resume/"))[-1] == "Dialing on November goes on."
    assert said(admin_client.post(f"{where}resume/"))[-1] == "Dialing on November was not stopped."
    november.refresh_from_db()
    assert november.stopped_at is None
    entries = LogEntry.objects.order_by("pk").values_list("user__username", "change_message")
    assert list(entries) == [
        (name, f"Dialing stopped: {name} stopped it: the list is wrong"),
        (name, "Dialing resumed."),
    ]
    assert admin_client.get(f"{where}stop/").status_code == 405
    assert admin_client.post(f"{where}burn/").status_code == 405
    assert admin_client.post(f"{BUDGETS}0/dialing/stop/").status_code == 404


def test_a_stop_for_a_period_says_until_when(admin_client: Client) -> None:
    november = budget(limit="10")
    until = timezone.now() + timedelta(hours=5)
    stops.stop(november, "98.5 % is spent.", None, timezone.now(), until=until)
    text = admin_client.get(f"{BUDGETS}{november.pk}/change/").content.decode()
    assert f"until {until:%Y-%m-%d %H:%M} UTC" in text
    assert "98.5 % is spent." in text


def test_who_may_not_change_a_budget_stops_nothing(client: Client) -> None:
    november = budget(limit="10")
    staff(client, "view_budget")
    page = client.get(f"{BUDGETS}{november.pk}/change/").content.decode()
    assert "Stop dialing" not in page
    assert "as far as its limits allow" in page
    assert client.post(f"{BUDGETS}{november.pk}/dialing/stop/").status_code == 403
    november.refresh_from_db()
    assert november.stopped_at is None


def test_thresholds_are_in_the_unit_of_their_kind() -> None:
    euros = Budget.objects.create(name="Euro", limit=Decimal(5), currency="EUR")
    for kind, level, threshold, of in (
        ("share", "warning", "0.755", None),
        ("share", "emergency", "1", None),
        ("burn_rate", "info", "0", None),
        ("burn_rate", "warning", "1", None),
        ("burn_rate", "critical", "4", None),
        ("call_cost", "warning", "0.25", None),
        ("appointment_cost", "warning", "50", euros),
        ("price_difference", "warning", "0.1", None),
    ):
        at = {"threshold": Decimal(threshold)}
        AlertRule.objects.update_or_create(kind=kind, level=level, budget=of, defaults=at)
    rules = {(one.kind, one.level, one.budget): one for one in AlertRule.objects.all()}
    shown = admin.site.get_model_admin(AlertRule).shown_threshold  # type: ignore[attr-defined]
    assert shown(rules["share", "warning", None]) == "75.5 %"
    assert shown(rules["share", "emergency", None]) == "100 %"
    assert shown(rules["burn_rate", "info", None]) == "any"
    assert shown(rules["burn_rate", "warning", None]) == "1 calling hour left"
    assert shown(rules["burn_rate", "critical", None]) == "4 calling hours left"
    assert shown(rules["call_cost", "warning", None]) == "0.25"
    assert shown(rules["appointment_cost", "warning", euros]) == "50.00 EUR"
    assert shown(rules["price_difference", "warning", None]) == "10 %"
