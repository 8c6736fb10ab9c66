"""Form fields for days, hours, zones and files, each with a sentence for what is wrong."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from calls.domain.places import STATE_ZONES

WEEKDAYS = list(enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")))
_ZONES = sorted({zone for zones in STATE_ZONES.values() for zone in zones} | {"UTC"})


class WeekdaysField(forms.TypedMultipleChoiceField):
    """Days of the week as checkboxes; 0 is Monday."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.CheckboxSelectMultiple(attrs={"class": "weekdays"})
        super().__init__(coerce=int, choices=WEEKDAYS, widget=widget, **kwargs)


class DatesField(forms.CharField):
    """Days, typed one after the other: ``2026-12-24, 2026-12-31``."""

    widget = forms.TextInput(attrs={"class": "vTextField"})

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(str(day) for day in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """In order, each once. Raises ValidationError that names what is no date."""
        if isinstance(value, list):
            return value
        days = set()
        for typed in re.split(r"[,;\s]+", (value or "").strip(" ,;\n")):
            try:
                days |= {date.fromisoformat(typed)} if typed else set()
            except ValueError:
                sentence = f"{typed!r} is no date: write days as 2026-12-24, 2026-12-31."
                raise ValidationError(sentence, code="no_date") from None
        return sorted(days)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != sorted(initial or []))
        except ValidationError:
            return True


class ZoneInput(forms.TextInput):
    """A zone is typed, or chosen among those of the states."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        options = format_html_join("", '<option value="{}">', ((zone,) for zone in _ZONES))
        field = super().render(name, value, {**(attrs or {}), "list": f"zones-{name}"}, renderer)
        return format_html('{}<datalist id="zones-{}">{}</datalist>', field, name, options)


def time_input(label: str) -> forms.TimeInput:
    return forms.TimeInput(attrs={"type": "time", "aria-label": label}, format="%H:%M")


def date_input() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


def in_words(weekdays: Sequence[int]) -> str:
    """``every day``, ``Mon to Fri`` or ``Mon, Wed``."""
    days = sorted(weekdays)
    if len(days) == len(WEEKDAYS):
        return "every day"
    names = [WEEKDAYS[day][1] for day in days]
    in_a_row = days and days == list(range(days[0], days[-1] + 1))
    return f"{names[0]} to {names[-1]}" if in_a_row and len(days) > 2 else ", ".join(names)


def csv_file() -> forms.FileField:
    """An upload of rows whose first line names the columns, ``phone`` among them."""
    return forms.FileField(
        label="CSV file",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv"}),
        error_messages={"empty": "The file is empty: its first line must name the columns, one of them phone."},
    )


class OfferedRowForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """A row of a formset whose fields offer values."""

    def has_changed(self) -> bool:
        """A new row is meant as it stands, also where nothing of what it offers was changed."""
        return self.instance.pk is None or super().has_changed()
