"""The calling rules in the admin: set for an instant, ended and withdrawn, never overwritten."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.admin.rate import InForce
from billing.domain.card_changes import when
from calls.admin.base import BaseAdmin, instant
from calls.domain.rule_changes import described
from calls.domain.rules import MARKS, Mark, RuleError
from calls.models import Rule
from calls.services import rules

_TYPED = ["key", "kind", "place", "params", "source", "mark"]


class NewRuleForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """A rule from an instant on. How its terms are named depends on its kind: take one of that kind as a model."""

    valid_from = forms.SplitDateTimeField(
        label="From (UTC)", required=False, widget=AdminSplitDateTime, help_text="Empty: from now on."
    )
    valid_until = forms.SplitDateTimeField(
        label="Until (UTC)", required=False, widget=AdminSplitDateTime, help_text="Empty: until further notice."
    )
    params = forms.JSONField(
        label="Terms",
        help_text='Such as {"windows": ["Mon-Fri 09:00-20:00", "Sat 10:00-17:00"], "on_holidays": []}.',
    )

    class Meta:
        model = Rule
        fields = [*_TYPED, "valid_from", "valid_until"]

    def clean_params(self) -> dict[str, Any]:
        params = self.cleaned_data["params"]
        if not isinstance(params, dict):
            raise forms.ValidationError("Write the terms as names with values, in braces.")
        return params

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            try:
                rules.new_rule(**self.rule(now=timezone.now()))
            except RuleError as error:
                field = getattr(error, "field", "")
                self.add_error(field if field in self.fields else None, str(error))
        return self.cleaned_data

    def rule(self, *, now: datetime) -> dict[str, Any]:
        """What the form says, as ``rules.set_rule`` takes it."""
        typed = self.cleaned_data
        values = {name: typed[name] for name in _TYPED if name != "params"}
        values |= {**typed["params"], "effective_from": typed["valid_from"] or now}
        return {"values": values, "until_at": typed["valid_until"], "now": now}

    def _post_clean(self) -> None:
        """Nothing: the service has the rules of rules."""


class EndForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """When a rule ends: the only thing about it that may change."""

    class Meta:
        model = Rule
        fields = ["valid_until"]
        labels = {"valid_until": "Until (UTC)"}

    def clean(self) -> dict[str, Any]:
        if not self.errors and "valid_until" in self.changed_data:
            try:
                rules.new_end(self.instance, self.cleaned_data["valid_until"], now=timezone.now())
            except RuleError as error:
                self.add_error("valid_until", str(error))
        return self.cleaned_data

    def _post_clean(self) -> None:
        """Nothing: the service changes the end, and the row on the page stays what it was."""


@admin.register(Rule)
class RuleAdmin(BaseAdmin):
    """A list of the rules in force; adding is setting one, deleting is withdrawing one that has not begun."""

    list_display = ["key", "says_and_source", "holds"]
    list_filter = [InForce, "kind", "mark"]
    search_fields = ["key", "source"]
    ordering = ["kind", "key", "-valid_from"]
    list_per_page = 150
    actions = None
    empty_sentence = "There are no calling rules, so nothing is dialed: migrate to load the shipped ones."

    def get_list_display(self, request: HttpRequest) -> Any:
        return [*self.list_display, "again"] if self.has_add_permission(request) else self.list_display

    def get_form(self, request: HttpRequest, obj: Rule | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **{**kwargs, "form": EndForm if change else NewRuleForm})

    def get_fieldsets(self, request: HttpRequest, obj: Rule | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": [*_TYPED, "valid_from", "valid_until"]})]
        fields = ["key", "kind", "place", "says", "source", "how_sure", "since", "valid_until", "history"]
        return [(None, {"fields": fields})]

    def get_readonly_fields(self, request: HttpRequest, obj: Rule | None = None) -> list[str]:
        if obj is None:
            return []
        fixed = ["key", "kind", "place", "says", "source", "how_sure", "since", "history"]
        return [*fixed, "valid_until"] if obj.valid_until and obj.valid_until <= timezone.now() else fixed

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the rule says now whose key the link names."""
        rule = rules.in_force(timezone.now()).filter(key=request.GET.get("key", "")).first()
        return {name: getattr(rule, name) for name in _TYPED} if rule else {"key": request.GET.get("key", "")}

    def has_delete_permission(self, request: HttpRequest, obj: Rule | None = None) -> bool:
        begun = obj is not None and obj.valid_from <= timezone.now()
        return not begun and super().has_delete_permission(request, obj)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """What the form's check let through and somebody else then made impossible is said, on a new page."""
        only_save = {"show_save_and_add_another": False, "show_save_and_continue": False}
        try:
            return super().changeform_view(request, object_id, form_url, {**only_save, **(extra_context or {})})
        except RuleError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except RuleError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:calls_rule_change", args=[object_id]))

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        now = timezone.now()
        if change:
            if "valid_until" in form.changed_data:
                rules.change_end(obj.pk, form.cleaned_data["valid_until"], now=now)
            return
        new = rules.set_rule(**form.rule(now=now))
        obj.pk = Rule.objects.values_list("pk", flat=True).get(key=new.rule.key, valid_from=new.rule.valid_from)
        if new.before is not None:
            messages.info(request, f"The rule before it, {described(new.before)}, ends then.")

    def delete_model(self, request: HttpRequest, obj: Rule) -> None:
        rules.withdraw(obj.pk, now=timezone.now())

    @admin.display(description="says")
    def says(self, rule: Rule) -> str:
        return described(rules.as_domain(rule))

    @admin.display(description="how sure")
    def how_sure(self, rule: Rule) -> str:
        return f"{rule.mark}: {MARKS[Mark(rule.mark)]}"

    @admin.display(description="from", ordering="valid_from")
    def since(self, rule: Rule) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', when(rule.valid_from))

    @admin.display(description="says")
    def says_and_source(self, rule: Rule) -> SafeString:
        return format_html("{}<br><small>{}: {}</small>", self.says(rule), rule.mark, rule.source)

    @admin.display(description="holds (UTC)", ordering="valid_from")
    def holds(self, rule: Rule) -> SafeString:
        until = format_html("<br>until {}", instant(rule.valid_until)) if rule.valid_until else ""
        return format_html('<span class="nowrap">from {}{}</span>', f"{rule.valid_from:%Y-%m-%d}", until)

    @admin.display(description="")
    def again(self, rule: Rule) -> SafeString:
        return format_html('<a href="{}?key={}">replace</a>', reverse("admin:calls_rule_add"), rule.key)

    @admin.display(description="all its versions")
    def history(self, rule: Rule) -> SafeString:
        rows = Rule.objects.filter(key=rule.key).order_by("-valid_from")
        return format_html_join(
            "",
            '<div><a href="{}">from {}</a>: {}</div>',
            (
                (reverse("admin:calls_rule_change", args=[row.pk]), when(row.valid_from), self.says(row))
                for row in rows
            ),
        )
