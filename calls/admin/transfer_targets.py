"""On a campaign's page: to whom its calls may be put through; on a call's: the button that does."""

from django import forms
from django.conf import settings
from django.contrib import admin

from calls.domain import phone
from calls.domain.transfers import State, Transfer, why_not_allowed
from calls.models import Call, TransferTarget


class TransferTargetForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    number = forms.CharField(max_length=40, help_text="+1 303-555-0123")

    class Meta:
        model = TransferTarget
        fields = ["order", "name", "number"]

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    def clean_number(self) -> str:
        typed = str(self.cleaned_data["number"])
        if reason := why_not_allowed(typed, settings.TRANSFER_COUNTRIES):
            raise forms.ValidationError(reason)
        return phone.parse(typed)


class TransferTargetInline(admin.TabularInline):  # type: ignore[type-arg]  # a plain class while it runs
    model = TransferTarget
    form = TransferTargetForm
    extra = 0
    max_num = 20
    verbose_name_plural = "People to put calls through to: asked in their order until one takes the call"


class TransferForm(forms.Form):
    """To whom a call under way goes; nobody chosen: whoever of the campaign's is free."""

    target = forms.CharField(required=False, max_length=80, label="Put through to")

    @classmethod
    def of(cls, call: Call) -> "TransferForm | None":
        """None where the campaign has nobody."""
        names = list(call.campaign.transfer_targets.values_list("name", flat=True))
        if not names:
            return None
        form = cls()
        choices = [("", "whoever is free"), *((name, name) for name in names)]
        form.fields["target"].widget = forms.Select(choices=choices)
        return form


_TOLD = {
    State.ORDERED: "An operator wants this call put through to {to}.",
    State.ASKED: "The agent tells the person that they are put through.",
    State.RINGING: "The phone of {to} rings.",
    State.CONNECTED: "{to} has taken the call.",
    State.FAILED: "Nobody has taken the call.",
    State.CANCELED: "The call was to be put through, and was not.",
}


def told_of(call: Call) -> str:
    """Where putting the call through has come to, as a sentence; "" where nobody wants it."""
    transfer = Transfer.of(call.transfer)
    if transfer is None:
        return ""
    to = transfer.target.name if transfer.attempt else ", ".join(one.name for one in transfer.targets)
    return _TOLD[transfer.state].format(to=to)
