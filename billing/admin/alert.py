"""Alert rules and alerts in the admin."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.base import MoneyAdmin
from billing.domain.alerting import disorder_of, fault_of
from billing.domain.money import shown
from billing.models import Alert, AlertRule, Budget, Level
from billing.services.alert_rules import RuleBook, rule_of
from billing.services.alerts import acknowledge

_TONES = {Level.INFO: "busy", Level.WARNING: "warn", Level.CRITICAL: "bad", Level.EMERGENCY: "bad"}
_THRESHOLD_HELP = (
    "Share and price difference: a part, 0.75 is 75 %. Burn rate: calling hours that would be left when the limit is "
    "reached; 0 tells of any. Costs: an amount in the budget's currency."
)


def check_order(rules: Iterable[AlertRule], changed: AlertRule | None = None) -> str:
    """Why rules that hold together do not rise with their levels, as a sentence; empty when they do.

    ``changed`` limits the question to its kind.
    """
    by_kind: dict[str, list[AlertRule]] = {}
    for rule in rules:
        by_kind.setdefault(rule.kind, []).append(rule)
    kinds = by_kind if changed is None else {changed.kind: by_kind.get(changed.kind, [])}
    return next((fault for rows in kinds.values() if (fault := disorder_of(map(rule_of, rows)))), "")


def in_its_unit(kind: str, number: Decimal, currency: str) -> str:
    """A value or a threshold of a rule for reading; ``currency`` is "" where a rule holds for every budget."""
    match kind:
        case AlertRule.Kind.SHARE | AlertRule.Kind.PRICE_DIFFERENCE:
            return f"{(number * 100).normalize():f} %"
        case AlertRule.Kind.BURN_RATE:
            hours = f"calling hour{'' if number == 1 else 's'} left"
            return f"{number.normalize():f} {hours}" if number else "any"
    return shown(number, currency).rstrip()


class AlertRuleForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """One rule for itself; whether it fits to the others is checked where they are known."""

    class Meta:
        model = AlertRule
        fields = ["kind", "level", "threshold", "enabled"]
        help_texts = {"threshold": _THRESHOLD_HELP}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        rule = AlertRule(**{name: cleaned.get(name) for name in ("kind", "level", "threshold")})
        if rule.kind and rule.level and rule.threshold is not None and (fault := fault_of(rule_of(rule))):
            self.add_error("level" if fault.startswith("EMERGENCY") else "threshold", fault)
        return cleaned


class SingleRuleForm(AlertRuleForm):
    """A rule on a page of its own, which has to fit to those that are there."""

    class Meta(AlertRuleForm.Meta):
        fields = ["budget", *AlertRuleForm.Meta.fields]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        budget = self.fields.get("budget")
        if isinstance(budget, forms.ModelChoiceField):
            budget.queryset = Budget.objects.filter(Q(retired_at__isnull=True) | Q(pk=self.instance.budget_id))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors and cleaned["enabled"]:
            budget: Budget | None = cleaned["budget"]
            changed = AlertRule(pk=self.instance.pk, **cleaned)
            others = [
                rule
                for rule in RuleBook().rows_for(budget.pk if budget else None)
                if rule.pk != changed.pk and (rule.kind, rule.level) != (changed.kind, changed.level)
            ]
            if fault := check_order([*others, changed], changed):
                self.add_error("threshold", fault)
        return cleaned


class AlertRuleFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    """A budget's rules, checked together with the general ones that they do not replace."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = [form for form in self.forms if form.cleaned_data.get("kind") and not form.cleaned_data.get("DELETE")]
        own = [
            AlertRule(**{name: form.cleaned_data[name] for name in ("kind", "level", "threshold", "enabled")})
            for form in kept
        ]
        replaced = {(rule.kind, rule.level) for rule in own}
        general = [rule for rule in RuleBook().rows_for(None) if (rule.kind, rule.level) not in replaced]
        if fault := check_order([*general, *(rule for rule in own if rule.enabled)]):
            raise forms.ValidationError(fault)


class AlertRuleInline(admin.TabularInline):  # type: ignore[type-arg]
    """A budget's own rules on its page: each takes the place of the general one of its kind and level."""

    model = AlertRule
    form = AlertRuleForm
    formset = AlertRuleFormSet
    extra = 0
    verbose_name = "alert rule of its own"
    verbose_name_plural = "alert rules of its own, in place of the general ones of the same kind and level"


@admin.register(AlertRule)
class AlertRuleAdmin(MoneyAdmin):
    empty_sentence = "There is no rule, so nothing is told and nothing is stopped: add a share, such as 0.75."
    form = SingleRuleForm
    list_display = ["kind", "level", "shown_threshold", "for_budget", "enabled"]
    list_filter = ["kind", "level", "enabled", "budget"]
    list_select_related = ["budget"]
    ordering = [F("budget__name").asc(nulls_first=True), "kind", "threshold"]

    @admin.display(description="threshold", ordering="threshold")
    def shown_threshold(self, rule: AlertRule) -> str:
        return in_its_unit(rule.kind, rule.threshold, rule.budget.currency if rule.budget else "")

    @admin.display(description="budget", ordering="budget__name")
    def for_budget(self, rule: AlertRule) -> str:
        return rule.budget.name if rule.budget else "every budget"


class IsOpen(admin.SimpleListFilter):
    title = "state"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unseen", "Open, not acknowledged"), ("yes", "Open"), ("no", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        match self.value():
            case "unseen":
                return queryset.filter(ended_at=None, acknowledged_at=None)
            case "yes":
                return queryset.filter(ended_at=None)
            case "no":
                return queryset.exclude(ended_at=None)
        return queryset


@admin.register(Alert)
class AlertAdmin(MoneyAdmin):
    """What was told, open ones first: to be read and acknowledged."""

    empty_sentence = "Nothing was told yet. What is told, and when, is in the alert rules."
    list_display = ["when", "what", "standing"]
    list_filter = [IsOpen, "level", "kind", "budget"]
    list_select_related = ["budget"]
    date_hierarchy = "at"
    ordering = [F("ended_at").desc(nulls_first=True), "-at", "-pk"]
    actions = ["acknowledge_selected"]
    fields = [
        "level_badge",
        "text",
        "of_budget",
        "kind",
        "reached",
        "told_from",
        "told",
        "state",
        "mail",
        "acknowledged",
    ]

    @admin.display(description="level")
    def level_badge(self, alert: Alert) -> SafeString:
        return format_html(
            '<span class="badge badge-{}">{}</span>', _TONES[Level(alert.level)], alert.get_level_display()
        )

    @admin.display(description="told at (UTC)", ordering="at")
    def when(self, alert: Alert) -> SafeString:
        return format_html("{}<br>{}", self.told(alert), self.level_badge(alert))

    @admin.display(description="state", ordering="ended_at")
    def standing(self, alert: Alert) -> SafeString:
        seen = f"seen by {self.acknowledged(alert)}" if alert.acknowledged_at else "not acknowledged"
        return format_html("{}<br><small>{}</small>", self.state(alert), seen)

    @admin.display(description="alert", ordering="budget__name")
    def what(self, alert: Alert) -> SafeString:
        mail = "" if self.mail(alert) == "-" else f"Mail: {self.mail(alert)}"
        of_budget = self.of_budget(alert) if alert.budget else ""
        return format_html("{}<br><small>{} {}</small>", alert.text, of_budget, mail)

    @admin.display(description="budget")
    def of_budget(self, alert: Alert) -> SafeString:
        if alert.budget is None:
            return format_html("{}", "-")
        url = reverse("admin:billing_budget_change", args=[alert.budget_id])
        return format_html('<a href="{}">{}</a>', url, alert.budget.name)

    @admin.display(description="value")
    def reached(self, alert: Alert) -> str:
        if alert.budget is None:
            return f"{alert.value:.0f} call{'' if alert.value == 1 else 's'} waiting"
        return in_its_unit(alert.kind, alert.value, alert.budget.currency)

    @admin.display(description="threshold")
    def told_from(self, alert: Alert) -> str:
        return in_its_unit(alert.kind, alert.threshold, alert.budget.currency) if alert.budget else "-"

    @admin.display(description="told at (UTC)")
    def told(self, alert: Alert) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', f"{alert.at:%Y-%m-%d %H:%M}")

    @admin.display(description="state")
    def state(self, alert: Alert) -> SafeString:
        if alert.ended_at is None:
            return format_html('<span class="badge badge-warn">{}</span>', "open")
        return format_html('<span class="nowrap">over since {}</span>', f"{alert.ended_at:%Y-%m-%d %H:%M}")

    @admin.display(description="mail")
    def mail(self, alert: Alert) -> str:
        if alert.mailed_at:
            return f"sent {alert.mailed_at:%Y-%m-%d %H:%M}"
        if alert.mail_error:
            again = f"; again at {alert.mail_due_at:%H:%M}" if alert.mail_due_at else ""
            return f"{alert.mail_error}{again}"
        return "waiting" if alert.mail_due_at else "-"

    @admin.display(description="acknowledged")
    def acknowledged(self, alert: Alert) -> str:
        if alert.acknowledged_at is None:
            return "-"
        return f"{alert.acknowledged_by}, {alert.acknowledged_at:%Y-%m-%d %H:%M}"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Without the whole text as a second title."""
        return super().changeform_view(request, object_id, form_url, {"subtitle": None, **(extra_context or {})})

    @admin.action(description="Acknowledge selected alerts", permissions=["acknowledge"])
    def acknowledge_selected(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        self._acknowledge(request, list(queryset))

    def _acknowledge(self, request: HttpRequest, alerts: list[Alert]) -> None:
        unseen = [alert for alert in alerts if alert.acknowledged_at is None]
        count = acknowledge((one.pk for one in unseen), by=request.user.get_username(), at=timezone.now())
        for alert in unseen:
            self.log_change(request, alert, "Acknowledged.")
        already = " It was acknowledged before." if not count and len(alerts) == 1 else ""
        messages.success(request, already.strip() or f"{count} alert{'' if count == 1 else 's'} acknowledged.")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.acknowledge_view)
        return [path("<int:pk>/acknowledge/", view, name="billing_alert_acknowledge"), *super().get_urls()]

    def acknowledge_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST from the button of the alert's page."""
        if not self.has_acknowledge_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._acknowledge(request, [get_object_or_404(Alert, pk=pk)])
        return redirect("admin:billing_alert_change", pk)

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.change_alert")

    def has_view_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return request.user.has_perm("billing.view_alert") or self.has_acknowledge_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Alert | None = None) -> bool:
        return False
