"""The calling rules in the admin: set for an instant, ended and withdrawn, never overwritten."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.dated import DatedAdmin, EndForm, InForce, NewRowForm
from calls.domain.rule_changes import described
from calls.domain.rules import MARKS, Mark, RuleError
from calls.models import Rule
from calls.services import rules

_TYPED = ["key", "kind", "place", "params", "source", "mark"]


class NewRuleForm(NewRowForm):
    """A rule from an instant on. How its terms are named depends on its kind: take one of that kind as a model."""

    error = RuleError
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

    def try_it(self, *, now: datetime) -> None:
        rules.new_rule(**self.rule(now=now))

    def rule(self, *, now: datetime) -> dict[str, Any]:
        """What the form says, as ``rules.set_rule`` takes it."""
        typed = self.cleaned_data
        values = {name: typed[name] for name in _TYPED if name != "params"}
        values |= {**typed["params"], "effective_from": typed["valid_from"] or now}
        return {"values": values, "until_at": typed["valid_until"], "now": now}


class RuleEndForm(EndForm):
    """When a rule ends: the only thing about it that may change."""

    error = RuleError

    class Meta:
        model = Rule
        fields = ["valid_until"]
        labels = {"valid_until": "Until (UTC)"}

    def try_end(self, until_at: datetime | None, *, now: datetime) -> None:
        rules.new_end(self.instance, until_at, now=now)


@admin.register(Rule)
class RuleAdmin(DatedAdmin):
    """A list of the rules in force; adding is setting one, deleting is withdrawing one that has not begun."""

    list_display = ["key", "says_and_source", "holds"]
    list_filter = [InForce, "kind", "mark"]
    search_fields = ["key", "source"]
    ordering = ["kind", "key", "-valid_from"]
    list_per_page = 150
    empty_sentence = "There are no calling rules, so nothing is dialed: migrate to load the shipped ones."
    error, new_form, end_form = RuleError, NewRuleForm, RuleEndForm
    fixed = ("key", "kind", "place", "says", "source", "how_sure", "since", "history")
    again_says = "replace"

    def get_fieldsets(self, request: HttpRequest, obj: Rule | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": [*_TYPED, "valid_from", "valid_until"]})]
        fields = ["key", "kind", "place", "says", "source", "how_sure", "since", "valid_until", "history"]
        return [(None, {"fields": fields})]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What the rule says now whose key the link names."""
        rule = rules.in_force(timezone.now()).filter(key=request.GET.get("key", "")).first()
        return {name: getattr(rule, name) for name in _TYPED} if rule else {"key": request.GET.get("key", "")}

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

    @admin.display(description="says")
    def says_and_source(self, rule: Rule) -> SafeString:
        return format_html("{}<br><small>{}: {}</small>", self.says(rule), rule.mark, rule.source)
