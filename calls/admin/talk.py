"""The page on which a manager talks with a campaign's agent, and what its script asks of the web."""

import json
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from calls.models import Campaign
from calls.services import talking
from calls.services.talking import Person, TalkRefused
from voice.browser import ice
from voice.browser.invitations import MOST_S

_MOST_SDP = 60_000
_MOST_CANDIDATE = 1000
_USUAL_ZONE = "America/New_York"


class TalkForm(forms.Form):
    """Whom the agent is to take the caller for."""

    name = forms.CharField(label="Your name", max_length=80, required=False)
    address = forms.CharField(label="Property", max_length=200, required=False)
    interest = forms.ChoiceField(
        label="Wants to", choices=[("sell", "sell"), ("buy", "buy"), ("", "(not known)")], required=False
    )
    zone = forms.CharField(widget=forms.HiddenInput, max_length=60, required=False)

    def clean_zone(self) -> str:
        """The browser's own; the usual one where it is none."""
        zone: str = self.cleaned_data["zone"]
        return zone if zone in available_timezones() else _USUAL_ZONE

    def person(self) -> Person:
        typed = self.cleaned_data
        return Person(typed["name"], typed["address"], typed["interest"], typed["zone"])


def talk_view(admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """GET. ``admin`` is the campaigns' ModelAdmin."""
    campaign = _campaign(admin, request, object_id)
    form = TalkForm(
        initial={
            "name": request.user.get_full_name() or "Maria Lopez",  # type: ignore[union-attr]  # signed in
            "address": "12 Maple Street, Denver",
            "interest": "sell",
        }
    )
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": "Talk to this agent",
        "campaign": campaign,
        "form": form,
        "agent": campaign.agent_name or settings.AGENT_NAME,
        "minutes": max(1, round(min(campaign.max_call_s, MOST_S, settings.VOICE.max_call_s) / 60)),
        "ice_servers": [ice.parse(one).for_page() for one in settings.VOICE.ice_servers],
        "offer_url": reverse("admin:calls_campaign_talk_offer", args=[campaign.pk]),
    }
    return TemplateResponse(request, "admin/calls/campaign/talk.html", context)


def offer_view(admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """POST with the browser's offer, or PATCH with further candidates. A refusal is ``{"error": sentence}``."""
    campaign = _campaign(admin, request, object_id)
    if request.method not in ("POST", "PATCH"):
        return HttpResponseNotAllowed(["POST", "PATCH"])
    try:
        told = json.loads(request.body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return JsonResponse({"error": "That is no JSON object."}, status=400)
    try:
        if request.method == "PATCH":
            talking.find_way(str(told.get("talk", "")), _candidates(told.get("candidates")))
            return JsonResponse({})
        form, sdp = TalkForm(told), told.get("sdp")
        if not form.is_valid() or not isinstance(sdp, str) or not 0 < len(sdp) <= _MOST_SDP:
            return JsonResponse({"error": _wrong(form)}, status=400)
        return JsonResponse(talking.begin(campaign, form.person(), sdp, now=timezone.now()))
    except TalkRefused as refused:
        return JsonResponse({"error": str(refused)}, status=409)


def _wrong(form: TalkForm) -> str:
    problems = [f"{form.fields[name].label}: {text}" for name, texts in form.errors.items() for text in texts]
    return " ".join(problems) or "The browser's offer is missing."


def _candidates(told: object) -> list[dict[str, Any]]:
    """Those that are well formed, as the worker wants them."""
    found = told if isinstance(told, list) else []
    return [
        {
            "candidate": one["candidate"],
            "sdp_mid": str(one.get("sdpMid") or "0"),
            "sdp_mline_index": one.get("sdpMLineIndex") or 0,
        }
        for one in found
        if isinstance(one, dict)
        and isinstance(one.get("candidate"), str)
        and len(one["candidate"]) <= _MOST_CANDIDATE
        and isinstance(one.get("sdpMLineIndex") or 0, int)
    ]


def _campaign(admin: Any, request: HttpRequest, object_id: str) -> Campaign:
    key = unquote(object_id)
    campaign = get_object_or_404(Campaign, pk=int(key) if key.isdecimal() and len(key) < 19 else -1)
    if not admin.has_change_permission(request, campaign):
        raise PermissionDenied
    return campaign
