"""On a campaign's page: when leads are called again, and its lists."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from calls.models import LeadList, RetryRule
from calls.services import lists

_MOST_MINUTES = 60 * 24 * 60


class RetryRuleForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    spacing_min = SimpleArrayField(
        forms.IntegerField(min_value=1, max_value=_MOST_MINUTES),
        label="Minutes until the next call",
        help_text="After the first such end, the second, and so on, such as 45,240,1440; the last repeats.",
        error_messages={"item_invalid": "Minute value number %(nth)s is wrong:"},
    )

    class Meta:
        model = RetryRule
        fields = ["outcome", "attempts", "spacing_min", "rotate"]
        help_texts = {
            "attempts": "So many calls to a lead may end so; then it is closed.",
            "rotate": "The next call falls into a part of the day in which the lead was tried least.",
        }


class RetryRuleInline(admin.TabularInline):  # type: ignore[type-arg]  # a plain class while it runs
    model = RetryRule
    form = RetryRuleForm
    extra = 0
    verbose_name_plural = "retry rules: how a lead is called again, where it differs from the default cadence"


class LeadListInline(admin.TabularInline):  # type: ignore[type-arg]  # a plain class while it runs
    """A change of the priority, or switching a list off, takes effect on the next decision."""

    model = LeadList
    extra = 0
    can_delete = False
    fields = ["name", "priority", "active", "leads"]
    readonly_fields = ["leads"]
    verbose_name_plural = "lists: called by priority, 1 first; leads without a list count as priority 5"

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """The lists are counted once for the page."""
        self._standings = lists.standings(obj.pk, now=timezone.now()) if obj else {}
        return super().get_formset(request, obj, **kwargs)

    @admin.display(description="leads")
    def leads(self, one: LeadList) -> SafeString | str:
        standing = self._standings.get(one.pk)
        if standing is None:
            return "-"
        link = format_html(
            '<a href="{}?list={}&campaign__id__exact={}">{} open</a>, {} due, {} in all',
            reverse("admin:calls_lead_changelist"),
            one.pk,
            one.campaign_id,
            standing.open,
            standing.due,
            standing.leads,
        )
        if not standing.nobody:
            return link
        return format_html('{}<br><span class="tone-bad">{}</span>', link, standing.nobody)
