"""Admin pages of dated rows: set for an instant, ended and withdrawn, never overwritten."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.admin.base import ListAdmin
from billing.domain.dated import when


class InForce(admin.SimpleListFilter):
    """Which rows are listed; those that hold now, unless another is chosen."""

    title = "time"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("coming", "Coming"), ("past", "Past"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        now, *others = super().choices(changelist)
        yield {**now, "display": "Now"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        now = timezone.now()
        match self.value():
            case "coming":
                return queryset.filter(valid_from__gt=now)
            case "past":
                return queryset.filter(valid_until__lte=now)
            case "all":
                return queryset
        return queryset.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now), valid_from__lte=now)


class NewRowForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """A row from an instant on. ``try_it`` does what saving would, and changes nothing."""

    error: type[Exception]
    valid_from = forms.SplitDateTimeField(
        label="From (UTC)", required=False, widget=AdminSplitDateTime, help_text="Empty: from now on."
    )
    valid_until = forms.SplitDateTimeField(
        label="Until (UTC)",
        required=False,
        widget=AdminSplitDateTime,
        help_text="Empty: until further notice.",
    )

    def try_it(self, *, now: datetime) -> None:
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            try:
                self.try_it(now=timezone.now())
            except self.error as error:
                field = getattr(error, "field", "")
                self.add_error(field if field in self.fields else None, str(error))
        return self.cleaned_data

    def _post_clean(self) -> None:
        """Nothing: the service has the rules, and the model's own would ask for every term."""


class EndForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """When a row ends. ``try_end`` does what saving would, and changes nothing."""

    error: type[Exception]

    def try_end(self, until_at: datetime | None, *, now: datetime) -> None:
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        if not self.errors and "valid_until" in self.changed_data:
            try:
                self.try_end(self.cleaned_data["valid_until"], now=timezone.now())
            except self.error as error:
                self.add_error("valid_until", str(error))
        return self.cleaned_data

    def _post_clean(self) -> None:
        """Nothing: the service changes the end, and the row on the page stays what it was."""


class DatedAdmin(ListAdmin):
    """A list of what is in force; adding is setting, deleting is withdrawing what has not begun.

    ``fixed`` are the fields of a row's page that never change; ``says`` puts a row into words.
    """

    actions = None
    error: type[Exception]
    new_form: type[NewRowForm]
    end_form: type[EndForm]
    fixed: tuple[str, ...] = ()
    again_says = ""

    def says(self, row: Any) -> str:
        raise NotImplementedError

    def get_list_display(self, request: HttpRequest) -> Any:
        return [*self.list_display, "again"] if self.has_add_permission(request) else self.list_display

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = self.end_form if change else self.new_form
        return super().get_form(request, obj, change, **{**kwargs, "form": form})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        ended = obj.valid_until and obj.valid_until <= timezone.now()
        return [*self.fixed, "valid_until"] if ended else [*self.fixed]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
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
        except self.error as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except self.error as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(self._url("change", object_id))

    def response_add(self, request: HttpRequest, obj: Model, post_url_continue: str | None = None) -> HttpResponse:
        return self.response_post_save_add(request, obj)

    @admin.display(description="from", ordering="valid_from")
    def since(self, row: Any) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', when(row.valid_from))

    @admin.display(description="holds (UTC)", ordering="valid_from")
    def holds(self, row: Any) -> SafeString:
        until = format_html("<br>until {}", _date_of(row.valid_until)) if row.valid_until else ""
        return format_html('<span class="nowrap">from {}{}</span>', _date_of(row.valid_from), until)

    @admin.display(description="")
    def again(self, row: Any) -> SafeString:
        return format_html('<a class="nowrap" href="{}?key={}">{}</a>', self._url("add"), row.key, self.again_says)

    @admin.display(description="all that it was and will be")
    def history(self, row: Any) -> SafeString:
        rows = self.model._default_manager.filter(key=row.key).order_by("-valid_from")
        return format_html_join(
            "",
            '<div><a href="{}">from {}</a>: {}</div>',
            ((self._url("change", one.pk), when(one.valid_from), self.says(one)) for one in rows),
        )

    def _url(self, page: str, *args: object) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)


def _date_of(at: datetime) -> str:
    """The date alone where the instant is midnight."""
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute) == (0, 0) else f"{at:%Y-%m-%d %H:%M}"
