"""Lists on the pages of leads: the filter, the field, and moving leads to another."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest

from calls.admin.base import counted
from calls.models import Lead, LeadList
from calls.services import lists

_SHOWN = 100
NONE = "none"


def _named(one: LeadList) -> str:
    return f"{one.name} ({one.campaign.name})"


class ListFilter(admin.SimpleListFilter):
    """Of the campaign that is chosen, or of all."""

    title = "list"
    parameter_name = "list"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        offered = LeadList.objects.select_related("campaign").order_by("campaign__name", "priority", "pk")
        campaign = request.GET.get("campaign__id__exact", "")
        if campaign.isdecimal() and len(campaign) < 19:
            offered = offered.filter(campaign=int(campaign))
        return [(str(one.pk), _named(one)) for one in offered[:_SHOWN]] + [(NONE, "in no list")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Lead]) -> QuerySet[Lead]:
        value = self.value() or ""
        if value == NONE:
            return queryset.filter(list=None)
        return queryset.filter(list=int(value)) if value.isdecimal() and len(value) < 19 else queryset


class ListChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # a plain class while it runs
    """Lists by their name and campaign."""

    def label_from_instance(self, obj: Any) -> str:
        return _named(obj)


class MoveForm(ActionForm):
    """Beside the choice of an action: the list for those that ask for one."""

    to_list = ListChoice(
        LeadList.objects.select_related("campaign").order_by("campaign__name", "priority", "pk"),
        label="List:",
        required=False,
        empty_label="(no list)",
    )


def move_to_list(request: HttpRequest, queryset: QuerySet[Lead]) -> None:
    """Leads of another campaign than the list's stay, and it is said."""
    chosen = request.POST.get("to_list", "")  # checked by the form before the action is called
    to = LeadList.objects.select_related("campaign").get(pk=chosen) if chosen else None
    ids = list(queryset.values_list("pk", flat=True))
    count = lists.move(ids, to)
    messages.success(request, f"{counted(count, 'lead is', 'leads are')} in {to.name if to else 'no list'} now.")
    if to is not None and count < len(ids):
        left = counted(len(ids) - count, "lead is of another campaign and stays", "leads are of others and stay")
        messages.warning(request, f"{left} in its list: {to.name} is of {to.campaign.name}.")
