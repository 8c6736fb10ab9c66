"""The rate card in the admin: prices are set for an instant, ended and withdrawn, never overwritten."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.domain.card import RateError
from billing.domain.card_changes import when
from billing.domain.rates import KINDS, UNITS, Kind, described
from billing.models import Rate
from billing.services import card

_CURRENCIES = (
    "{0} was in {1} before. A call is paid in one currency: calls that need other rates in {1} are not dialed until "
    "those are in {2} too."
)
_TERMS = ["kind", "unit", "per", "increment", "minimum", "currency", "in_carrier_price"]


class InForce(admin.SimpleListFilter):
    """Which prices are listed; those that hold now, unless another is chosen."""

    title = "time"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("coming", "Coming"), ("past", "Past"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        now, *others = super().choices(changelist)
        yield {**now, "display": "Now"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rate]) -> QuerySet[Rate]:
        now = timezone.now()
        match self.value():
            case "coming":
                return queryset.filter(valid_from__gt=now)
            case "past":
                return queryset.filter(valid_until__lte=now)
            case "all":
                return queryset
        return queryset.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now), valid_from__lte=now)


class OfKind(admin.SimpleListFilter):
    """By who is paid, in words."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.value, KINDS[kind]) for kind in Kind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rate]) -> QuerySet[Rate]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class NewPriceForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """A price from an instant on. Terms that are left empty stay those of the key's present price."""

    valid_from = forms.SplitDateTimeField(
        label="From (UTC)", required=False, widget=AdminSplitDateTime, help_text="Empty: from now on."
    )
    valid_until = forms.SplitDateTimeField(
        label="Until (UTC)",
        required=False,
        widget=AdminSplitDateTime,
        help_text="Empty: until further notice.",
    )

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

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            try:
                card.new_price(**self.price(now=timezone.now()))
            except RateError as error:
                field = getattr(error, "field", "")
                self.add_error(field if field in self.fields else None, str(error))
        return self.cleaned_data

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

    def _post_clean(self) -> None:
        """Nothing: the service has the rules, and the model's own would ask for every term."""


class EndForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """When a price ends, and where it was read: the only things about it that may change."""

    class Meta:
        model = Rate
        fields = ["valid_until", "source"]
        labels = {"valid_until": "Until (UTC)"}

    def clean(self) -> dict[str, Any]:
        if not self.errors and "valid_until" in self.changed_data:
            try:
                card.new_end(self.instance, self.cleaned_data["valid_until"], now=timezone.now())
            except RateError as error:
                self.add_error("valid_until", str(error))
        return self.cleaned_data

    def _post_clean(self) -> None:
        """Nothing: the service changes the end, and the row on the page stays what it was."""


@admin.register(Rate)
class RateAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list of prices in force; adding is setting a price, deleting is withdrawing one that has not begun."""

    list_display = ["key_and_kind", "price_and_source", "holds"]
    list_filter = [InForce, OfKind]
    search_fields = ["key", "source"]
    ordering = ["key", "-valid_from"]
    list_per_page = 100
    show_full_result_count = False
    actions = None
    change_list_template = "admin/calls/change_list.html"
    empty_sentence = "The rate card is empty, so nothing is dialed: add prices, or migrate to load the shipped ones."

    class Media:
        css = {"all": ["calls/admin.css"]}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        extra = {"empty_sentence": self.empty_sentence, **(extra_context or {})}
        return super().changelist_view(request, extra)

    def get_list_display(self, request: HttpRequest) -> Any:
        return [*self.list_display, "again"] if self.has_add_permission(request) else self.list_display

    def get_form(self, request: HttpRequest, obj: Rate | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **{**kwargs, "form": EndForm if change else NewPriceForm})

    def get_fieldsets(self, request: HttpRequest, obj: Rate | None = None) -> Any:
        if obj is not None:
            fields = ["key", "kind_in_words", "says", "in_carrier_price", "since", "valid_until", "source", "history"]
            return [(None, {"fields": fields})]
        said = "Leave empty what stays as it is. A new key needs at least its kind and its unit."
        return [
            (None, {"fields": ["key", "price", "valid_from", "valid_until", "source"]}),
            ("What the price is for", {"fields": _TERMS, "description": said}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Rate | None = None) -> list[str]:
        if obj is None:
            return []
        fixed = ["key", "kind_in_words", "says", "in_carrier_price", "since", "history"]
        return [*fixed, "valid_until"] if obj.valid_until and obj.valid_until <= timezone.now() else fixed

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The terms of the present price of the key that the link names; else none, not the model's defaults."""
        initial: dict[str, Any] = dict.fromkeys(_TERMS, "")
        key = request.GET.get("key", "")
        if (rate := card.card_at(timezone.now()).get(key)) is None:
            return {**initial, "key": key}
        terms = {name: getattr(rate, name) for name in _TERMS}
        return {**terms, "key": key, "in_carrier_price": "yes" if rate.in_carrier_price else "no"}

    def has_delete_permission(self, request: HttpRequest, obj: Rate | None = None) -> bool:
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
        except RateError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except RateError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:billing_rate_change", args=[object_id]))

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

    def response_add(self, request: HttpRequest, obj: Rate, post_url_continue: str | None = None) -> HttpResponse:
        return self.response_post_save_add(request, obj)

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

    @admin.display(description="from", ordering="valid_from")
    def since(self, rate: Rate) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', when(rate.valid_from))

    @admin.display(description="price")
    def price_and_source(self, rate: Rate) -> SafeString:
        return format_html("{}<br><small>{}</small>", described(rate.as_domain()), rate.source)

    @admin.display(description="holds (UTC)", ordering="valid_from")
    def holds(self, rate: Rate) -> SafeString:
        until = format_html("<br>until {}", _date_of(rate.valid_until)) if rate.valid_until else ""
        return format_html('<span class="nowrap">from {}{}</span>', _date_of(rate.valid_from), until)

    @admin.display(description="")
    def again(self, rate: Rate) -> SafeString:
        return format_html(
            '<a class="nowrap" href="{}?key={}">new price</a>', reverse("admin:billing_rate_add"), rate.key
        )

    @admin.display(description="all its prices")
    def history(self, rate: Rate) -> SafeString:
        rows = Rate.objects.filter(key=rate.key).order_by("-valid_from")
        return format_html_join(
            "",
            '<div><a href="{}">from {}</a>: {}</div>',
            (
                (
                    reverse("admin:billing_rate_change", args=[row.pk]),
                    when(row.valid_from),
                    described(row.as_domain()),
                )
                for row in rows
            ),
        )


def _said(new: card.NewPrice) -> str:
    rate, before = new.rate, new.before
    said = f"The price of {rate.key} is {described(rate)}, from {when(rate.valid_from)}"
    said += f" until {when(rate.valid_until)}." if rate.valid_until else "."
    return f"{said} The price before it, {described(before)}, ends then." if before else said


def _date_of(at: datetime) -> str:
    """The date, with the time of day only where it is not midnight."""
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute) == (0, 0) else f"{at:%Y-%m-%d %H:%M}"
