"""Scripts in the admin: a document with its explanation beside it, rehearsed before it is saved."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify

from agents import script_document
from agents.domain import answer_points
from agents.domain.intents import Objection
from agents.domain.script import DEFAULT_SCRIPT, OFFERED, PLANNED, VARIABLES
from agents.domain.script_checks import MAX_WORDS, parts
from agents.script_document import NEXT, ScriptError
from calls.admin import script_texts
from calls.admin.base import BaseAdmin, utc
from calls.models import Campaign, Script
from calls.services import scripts
from calls.services.rehearsing import rehearse
from calls.services.scripts import ScriptConflict, ScriptInUse

_FACTS = {
    "motivation": "why they want to move",
    "timeline": "how soon",
    "price": "what they hope to get",
    "search": "area and budget at once",
    "area": "where they look",
    "budget": "what they want to spend",
    "agent": "whether they have another agent",
    "financing": "mortgage, loan or cash",
}


class ScriptForm(forms.ModelForm):  # type: ignore[type-arg]  # a plain class while it runs
    """Saving happens in ``clean``, so that a version that somebody saved meanwhile is told beside what was typed."""

    file = forms.FileField(label="From a file", required=False, help_text="Replaces the text above.")

    class Meta:
        model = Script
        fields = ["name", "body", "note"]
        labels = {"body": "Script", "note": "What was changed"}
        help_texts = {"body": "", "note": "For the list of versions."}
        widgets = {
            "body": forms.Textarea(attrs={"rows": 40, "spellcheck": "false", "class": "script-body"}),
            "note": forms.TextInput(attrs={"class": "vTextField"}),
        }

    by: Any = None
    saved: Script | None = None

    def clean_name(self) -> str:
        return str(self.cleaned_data["name"]).strip()

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        text = self._text(typed)
        if self.errors or text is None:
            return typed
        name = self.instance.name if self.instance.pk else typed["name"]
        based_on = self.instance.number if self.instance.pk else 0
        try:
            self.saved = scripts.save(
                name, text, based_on=based_on, by=self.by, now=timezone.now(), note=typed.get("note", "")
            )
        except ScriptError as error:
            self.add_error("body", [str(problem) for problem in error.problems])
        except ScriptConflict as conflict:
            self.add_error(None, str(conflict))
        return typed

    def _text(self, typed: dict[str, Any]) -> str | None:
        """The file's content, if one was chosen; None with an error where that is no text."""
        file = typed.get("file")
        if file is None:
            return typed.get("body")
        if file.size > script_document.MAX_BYTES:
            self.add_error("file", "It is longer than 64 KiB, so it is no script.")
            return None
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            self.add_error("file", "It is not UTF-8 text: choose a file that was exported here, or save it as that.")
            return None

    def _post_clean(self) -> None:
        """The row is the service's to make."""


@admin.register(Script)
class ScriptAdmin(BaseAdmin):
    """The list shows the newest versions; older ones are to be read."""

    form = ScriptForm
    list_display = ["name", "number", "spoken_by", "changed", "created_by", "note"]
    search_fields = ["name"]
    list_select_related = ["created_by"]
    ordering = ["name"]
    empty_sentence = (
        "No campaign has a script of its own: all speak by the built-in one. Add one to change its words."
    )
    change_form_template = "admin/calls/script/change_form.html"
    changed = utc("created_at", "changed")
    actions = None

    class Media:
        js = ["calls/script.js"]

    def get_fieldsets(self, request: HttpRequest, obj: Script | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return [(None, {"fields": ["body"]})]
        return [(None, {"fields": ["note" if obj else "name", "body", "file"]})]

    def get_queryset(self, request: HttpRequest) -> Any:
        match = request.resolver_match
        listed = match is not None and match.url_name == "calls_script_changelist"
        return Script.objects.newest().order_by("name") if listed else super().get_queryset(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An older version is to be read; what was typed into its page before there was a newer is not lost."""
        may = super().has_change_permission(request, obj)
        return may and (obj is None or request.method == "POST" or self._is_newest(obj))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        made: Any = super().get_form(request, obj, change, **kwargs)  # a class of this request
        made.by = request.user
        return made

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A copy of the version that ``from`` names, else of the built-in script."""
        copied = request.GET.get("from", "")
        found = Script.objects.filter(pk=int(copied)).first() if copied.isdecimal() and len(copied) < 19 else None
        return {"body": found.body if found else script_document.written(DEFAULT_SCRIPT)}

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Script:
        """The version that the form has saved."""
        saved: Script = form.saved
        return saved

    def save_model(self, request: HttpRequest, obj: Script, form: Any, change: bool) -> None:
        """It is saved already."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing beside it."""

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._saved(request, obj)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self._saved(request, obj)

    def _saved(self, request: HttpRequest, script: Script) -> HttpResponse:
        campaigns = ", ".join(script.campaigns.values_list("name", flat=True))
        whose = f"New calls of {campaigns} speak by it." if campaigns else "Choose it on a campaign's page."
        messages.success(request, f"{script} is saved. {whose}")
        if "_continue" in request.POST:
            return redirect("admin:calls_script_change", script.pk)
        return redirect("admin:calls_script_changelist")

    def delete_model(self, request: HttpRequest, obj: Script) -> None:
        scripts.delete(obj.pk)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except ScriptInUse as refused:
            messages.error(request, str(refused))
            return redirect("admin:calls_script_change", object_id)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("rehearsal/", wrap(self.rehearsal_view), name="calls_script_rehearsal"),
            path("<int:object_id>/texts/", wrap(self.texts_view), name="calls_script_texts"),
            path("<int:object_id>/file/", wrap(self.file_view), name="calls_script_file"),
        ]
        return [*own, *super().get_urls()]

    def rehearsal_view(self, request: HttpRequest) -> HttpResponse:
        """POST of a text: how calls would begin, or what is wrong with it. Saves nothing."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return TemplateResponse(
            request, "admin/calls/script/rehearsal.html", _rehearsed(request.POST.get("body", ""))
        )

    def texts_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        return script_texts.texts_view(self, request, object_id)

    def file_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The document as a file, which can be changed in an editor and chosen here again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        script = get_object_or_404(Script, pk=object_id)
        name = f"{slugify(script.name) or 'script'}-{script.number}.yaml"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(script.body, content_type="application/yaml; charset=utf-8", headers=headers)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        script = context.get("original")
        named = Script.objects.filter(name=script.name) if script else Script.objects.none()
        versions = list(named.select_related("created_by"))
        form = context["adminform"].form
        body = form["body"].value() if "body" in form.fields else script.body  # as typed; an older one is to be read
        context |= {
            "versions": versions,
            "newest": versions[0] if script else None,
            "show_save_and_add_another": False,
            "sides": [(side, [(one.value, _FACTS[one.value]) for one in asked]) for side, asked in PLANNED.items()],
            "offered": sorted({name for steps in OFFERED.values() for name in steps}),
            "variables": VARIABLES.items(),
            "objections": [kind.value for kind in Objection],
            "next": [question.value for question in NEXT],
            "max_words": MAX_WORDS,
            **_rehearsed(body),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def _is_newest(self, script: Script) -> bool:
        return not Script.objects.filter(name=script.name, number__gt=script.number).exists()

    @admin.display(description="spoken by")
    def spoken_by(self, script: Script) -> SafeString | str:
        campaigns = Campaign.objects.filter(script=script).values_list("pk", "name")
        links = ((reverse("admin:calls_campaign_change", args=[pk]), name) for pk, name in campaigns)
        return format_html_join(", ", '<a href="{}">{}</a>', links) or "-"


def _rehearsed(text: str) -> dict[str, Any]:
    """The first turns with a seller and a buyer and the score's parts; the problems where there are some."""
    try:
        script = script_document.read(text)
    except ScriptError as error:
        return {"problems": error.problems}
    now = timezone.now()
    most = parts(script.scoring.weights)
    return {
        "talks": [(who, rehearse(script, side, now=now)) for who, side in (("A seller", "sell"), ("A buyer", "buy"))],
        "weights": most.items(),
        "weights_sum": sum(most.values()),
        "own_points": [
            (side, step.name.replace("_", " "), answer_points.most(step))
            for side in ("sell", "buy")
            for step in script.plan(side)
            if step.points
        ],
        "scoring": script.scoring,
    }
