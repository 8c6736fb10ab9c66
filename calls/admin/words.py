"""On a campaign's page: its names and streets, and how they sound."""

from django import forms
from django.contrib import admin

from calls.models import CampaignWord
from voice.speech.lexicon import why_unsayable


class CampaignWordForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    class Meta:
        model = CampaignWord
        fields = ["written", "spoken"]
        labels = {"written": "Word", "spoken": "Sounds like"}

    def clean_spoken(self) -> str:
        spoken = " ".join(str(self.cleaned_data["spoken"]).split())
        if problem := why_unsayable(spoken):
            raise forms.ValidationError(problem)
        return spoken

    def clean_written(self) -> str:
        return " ".join(str(self.cleaned_data["written"]).split())


class CampaignWordInline(admin.TabularInline):  # type: ignore[type-arg]  # a plain class while it runs
    model = CampaignWord
    form = CampaignWordForm
    extra = 0
    max_num = 500
    verbose_name_plural = "Names and streets: expected when they are heard, and spoken as they sound"
