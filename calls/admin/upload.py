"""The upload of leads into a campaign."""

from datetime import datetime
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from calls.admin.base import counted
from calls.admin.fields import csv_file
from calls.models import Campaign, LeadImport
from calls.services.importing import FileRefused, import_leads


class UploadForm(forms.Form):
    file = csv_file()
    list = forms.CharField(
        label="List",
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"list": "lists", "autocomplete": "off", "placeholder": "as the file is named"}),
        help_text="New leads go into it. One that does not exist is made.",
    )


def import_view(admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """The form; after an upload, the import's page with every line's fate. ``admin`` is the campaigns' ModelAdmin."""
    key = unquote(object_id)
    campaign = get_object_or_404(Campaign, pk=int(key) if key.isdecimal() and len(key) < 19 else -1)
    if not request.user.has_perm("calls.add_leadimport"):
        raise PermissionDenied
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_valid():
        done = _take(request, campaign, form, now=timezone.now())
        if done:
            return redirect("admin:calls_leadimport_change", done.pk)
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": f"Import leads into {campaign.name}",
        "campaign": campaign,
        "lists": campaign.lists.all()[:200],
        "form": form,
        "media": admin.media + form.media,
    }
    return TemplateResponse(request, "admin/calls/campaign/import.html", context)


def _take(request: HttpRequest, campaign: Campaign, form: UploadForm, *, now: datetime) -> LeadImport | None:
    upload = form.cleaned_data["file"]
    list_name = form.cleaned_data["list"] or Path(upload.name).stem
    try:
        done = import_leads(campaign.pk, upload.name, upload, now=now, list_name=list_name)
    except FileRefused as error:
        form.add_error("file", str(error))
        return None
    if done.created_at < now:
        messages.warning(request, "This file was imported into this campaign before; nothing was changed.")
    else:
        leads = counted(done.imported, "lead was", "leads were")
        messages.success(request, f"{leads} imported into {campaign.name}.")
    return done
