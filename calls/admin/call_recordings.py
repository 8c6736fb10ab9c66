"""The recordings on a call's page: what can be played, what was erased, and the span that is to be redacted."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms

from calls.admin.base import clock, instant
from calls.models import Call
from calls.services import recordings

_LONGEST_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Player:
    """One recording; ``since_ms`` is when it begins after the answer. ``told`` says why it cannot be played."""

    part: int
    since_ms: int
    length: str
    told: str = ""


def players(call: Call) -> list[Player]:
    return [
        Player(
            part=row.part,
            since_ms=max(0, (row.started_at - (call.answered_at or row.started_at)) // timedelta(milliseconds=1)),
            length=clock(row.duration_ms),
            told=_told(row),
        )
        for row in call.recordings.all()
    ]


def _told(row: Any) -> str:
    if row.erased_at is not None:
        return f"The recording was erased on {instant(row.erased_at)} UTC. {row.erased_why}"
    return "" if recordings.is_there(row) else "The recording is no longer on this server."


def _seconds(text: str) -> float:
    """``75``, ``75.5`` or ``1:15`` as seconds; Django's sentence where it is neither."""
    minutes, colon, seconds = text.strip().rpartition(":")
    try:
        found = float(seconds) + (60 * int(minutes) if colon else 0)
    except ValueError:
        raise forms.ValidationError(f"{text!r} is no time of the call: write it as 1:15 or 75.") from None
    if not 0 <= found <= _LONGEST_S:
        raise forms.ValidationError(f"{text!r} is no time of the call: write it as 1:15 or 75.")
    return found


class RedactForm(forms.Form):
    """From when to when, counted from the call's answer, as the transcript shows it."""

    since = forms.CharField(
        label="From", max_length=12, widget=forms.TextInput(attrs={"size": 6, "placeholder": "1:15"})
    )
    until = forms.CharField(
        label="to", max_length=12, widget=forms.TextInput(attrs={"size": 6, "placeholder": "1:22"})
    )

    def clean_since(self) -> float:
        return _seconds(self.cleaned_data["since"])

    def clean_until(self) -> float:
        return _seconds(self.cleaned_data["until"])

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        if "since" in typed and "until" in typed and typed["until"] <= typed["since"]:
            raise forms.ValidationError("The span ends before it begins: write the earlier time first.")
        return typed

    def span_ms(self) -> tuple[int, int]:
        return round(1000 * self.cleaned_data["since"]), round(1000 * self.cleaned_data["until"])
