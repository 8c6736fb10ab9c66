"""The kill switch in the admin: a button on every page for those with the right, and the record of its use."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from calls.admin.base import ReadOnlyAdmin, counted, utc
from calls.models import Halt
from calls.services import halting


class HaltForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        help_text="Everybody sees it, such as: the voice says the wrong company.",
        error_messages={"required": "Say why, so that others know when dialing may go on."},
    )
    hang_up = forms.BooleanField(
        required=False,
        label="Hang up calls that ring or are live",
        help_text="People who are talking now are cut off. Without it these calls go on to their end.",
    )


@admin.register(Halt)
class HaltAdmin(ReadOnlyAdmin):
    list_display = ["stopped", "by", "reason", "released", "released_by"]
    list_select_related = ["by", "released_by"]
    fields = ["stopped", "by", "reason", "released", "released_by"]
    stopped = utc("at", "stopped")
    released = utc("released_at", "released")
    empty_sentence = "Dialing was never stopped."

    def get_urls(self) -> list[URLPattern]:
        own = path("switch/", self.admin_site.admin_view(self.switch_view), name="calls_halt_switch")
        return [own, *super().get_urls()]

    def switch_view(self, request: HttpRequest) -> HttpResponse:
        """GET asks; POST stops all dialing, or with ``release`` lets it go on."""
        if not request.user.has_perm("calls.flip_halt"):
            raise PermissionDenied
        user: Any = request.user
        asked = request.POST.keys() & {"release", "end_calls"}
        form = HaltForm(request.POST if request.method == "POST" and not asked else None)
        if "release" in asked:
            if halting.release(by=user, now=timezone.now()):
                messages.success(request, "Dialing goes on: leads that are due are called from now on.")
            return redirect("admin:index")
        if "end_calls" in asked:
            count = halting.hang_up_all(now=timezone.now())
            messages.success(request, f"{counted(count, 'call is', 'calls are')} being hung up.")
            return redirect("admin:index")
        if form.is_valid():
            if not halting.halt(by=user, now=timezone.now(), **form.cleaned_data):
                messages.warning(request, "Dialing was stopped already; the first reason stays.")
            return redirect("admin:index")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Stop all dialing",
            "halt": Halt.objects.open().select_related("by").first(),
            "form": form,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/calls/halt/switch.html", context)
