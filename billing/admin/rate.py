"""The rate card in the admin: prices are set for an instant, ended and withdrawn, never overwritten."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.dated import DatedAdmin, EndForm, InForce, NewRowForm
from billing.domain.card import RateError
from billing.domain.dated import when
from billing.domain.rates import KINDS, UNITS, Kind, described
from billing.models import Rate
from billing.services import card

_CURRENCIES = (
    "{0} was in {1} before. A call is paid in one currency: calls that need other rates in {1} are not dialed until "
    "those are in {2} too."
)
_TERMS = ["kind", "unit", "per", "increment", "minimum", "currency", "in_carrier_price"]


class OfKind(admin.SimpleListFilter):
    """By who is paid, in words."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.value, KINDS[kind]) for kind in Kind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rate]) -> QuerySet[Rate]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class NewPriceForm(NewRowForm):
    """A price from an instant on. Terms that are left empty stay those of the key's present price."""

    error = RateError
    in_carrier_price = forms.TypedChoiceField(
        choices=[("", "---------"), ("yes", "Yes"), ("no", "No")],
        coerce=lambda word: word == "yes",
        empty_value=None,
        required=False,
        help_text="The price that the carrier reports for a call contains this.",
    )

    class Meta:
        model = Rate
        fields = ["key", "price", "valid_from", "valid_until", "source", *_TERMS]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in _TERMS:
            self.fields[name].required = False
        for name, words in (("kind", KINDS), ("unit", UNITS)):
            choices = [("", "---------"), *((one.value, word) for one, word in words.items())]
            self.fields[name] = forms.ChoiceField(choices=choices, required=False)

    def try_it(self, *, now: datetime) -> None:
        card.new_price(**self.price(now=now))

    def price(self, *, now: datetime) -> dict[str, Any]:
        """What the form says, as ``card.set_price`` takes it."""
        typed = self.cleaned_data
        return {
            **{name: typed[name] for name in _TERMS if typed[name] not in ("", None)},
            "key": typed["key"],
            "price": typed["price"],
            "from_at": typed["valid_from"] or now,
            "until_at": typed["valid_until"],
            "source": typed["source"],
            "now": now,
        }


class PriceEndForm(EndForm):
    """When a price ends, and where it was read: the only things about it that may change."""

    error = RateError

    class Meta:
        model = Rate
        fields = ["valid_until", "source"]
        labels = {"valid_until": "Until (UTC)"}

    def try_end(self, until_at: datetime | None, *, now: datetime) -> None:
        card.new_end(self.instance, until_at, now=now)


@admin.register(Rate)
class RateAdmin(DatedAdmin):
    """A list of prices in force; adding is setting a price, deleting is withdrawing one that has not begun."""

    list_display = ["key_and_kind", "price_and_source", "holds"]
    list_filter = [InForce, OfKind]
    search_fields = ["key", "source"]
    ordering = ["key", "-valid_from"]
    list_per_page = 100
    empty_sentence = "The rate card is empty, so nothing is dialed: add prices, or migrate to load the shipped ones."
    error, new_form, end_form = RateError, NewPriceForm, PriceEndForm
    fixed = ("key", "kind_in_words", "says", "in_carrier_price", "since", "history")
    again_says = "new price"

    def get_fieldsets(self, request: HttpRequest, obj: Rate | None = None) -> Any:
        if obj is not None:
            fields = ["key", "kind_in_words", "says", "in_carrier_price", "since", "valid_until", "source", "history"]
            return [(None, {"fields": fields})]
        said = "Leave empty what stays as it is. A new key needs at least its kind and its unit."
        return [
            (None, {"fields": ["key", "price", "valid_from", "valid_until", "source"]}),
            ("What the price is for", {"fields": _TERMS, "description": said}),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The terms of the present price of the key that the link names; else none, not the model's defaults."""
        initial: dict[str, Any] = dict.fromkeys(_TERMS, "")
        key = request.GET.get("key", "")
        if (rate := card.card_at(timezone.now()).get(key)) is None:
            return {**initial, "key": key}
        terms = {name: getattr(rate, name) for name in _TERMS}
        return {**terms, "key": key, "in_carrier_price": "yes" if rate.in_carrier_price else "no"}

    def save_model(self, request: HttpRequest, obj: Rate, form: Any, change: bool) -> None:
        now = timezone.now()
        if not change:
            new = card.set_price(**form.price(now=now))
            row = Rate.objects.get(key=new.rate.key, valid_from=new.rate.valid_from)
            obj.pk, obj.key = row.pk, row.key
            messages.success(request, _said(new))
            if new.before and new.before.currency != new.rate.currency:
                messages.warning(request, _CURRENCIES.format(new.rate.key, new.before.currency, new.rate.currency))
            return
        if "valid_until" in form.changed_data:
            card.change_end(obj.pk, form.cleaned_data["valid_until"], now=now)
        Rate.objects.filter(pk=obj.pk).update(source=form.cleaned_data["source"])

    def delete_model(self, request: HttpRequest, obj: Rate) -> None:
        before = card.withdraw(obj.pk, now=timezone.now())
        if before is not None:
            messages.info(request, f"The price before it, {described(before)}, goes on in its place.")

    @admin.display(description="key", ordering="key")
    def key_and_kind(self, rate: Rate) -> SafeString:
        return format_html("{}<br><small>{}</small>", rate.key, KINDS[Kind(rate.kind)])

    @admin.display(description="kind", ordering="kind")
    def kind_in_words(self, rate: Rate) -> str:
        return KINDS[Kind(rate.kind)]

    @admin.display(description="price")
    def says(self, rate: Rate) -> str:
        return described(rate.as_domain())

    @admin.display(description="price")
    def price_and_source(self, rate: Rate) -> SafeString:
        return format_html("{}<br><small>{}</small>", described(rate.as_domain()), rate.source)


def _said(new: card.NewPrice) -> str:
    rate, before = new.rate, new.before
    said = f"The price of {rate.key} is {described(rate)}, from {when(rate.valid_from)}"
    said += f" until {when(rate.valid_until)}." if rate.valid_until else "."
    return f"{said} The price before it, {described(before)}, ends then." if before else said
