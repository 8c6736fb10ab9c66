"""The common parts of a script as a form: which questions in which order, every text, the points and their sum."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import yaml
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from agents.domain.answer_points import answers
from agents.domain.script import OFFERED, PLANNED, Kind, standard
from agents.domain.script_checks import Problem
from agents.script_document import ScriptError
from calls.models import Script
from calls.services import scripts
from calls.services.scripts import ScriptConflict

_STEP = re.compile(r"questions\.(sell|buy)\[(\d+)\]")
_SIDES = ("sell", "buy")
_PARTS = ("place", "wordings", "required", "most", "points")
_ENDS = [("slot", "an appointment"), ("callback", "a call back")]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _texts(values: list[str], label: str) -> forms.CharField:
    area = forms.Textarea(attrs={"rows": max(2, len(values)), "cols": 70})
    return forms.CharField(initial="\n".join(values), label=label, widget=area)


class PointsField(forms.CharField):
    """Points by answer, one a line: "yes 10"."""

    def __init__(self, kind: Kind, *, side: str, **kwargs: Any) -> None:
        known = answers(kind)
        attrs = {"rows": 2, "cols": 16, "placeholder": f"{known[0]} 10", "title": ", ".join(known), "data-own": side}
        super().__init__(required=False, widget=forms.Textarea(attrs=attrs), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{name} {points}" for name, points in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        """Answers to points. Which answers there are is the document's to check."""
        found: dict[str, int] = {}
        for line in _lines(value or ""):
            name, _, points = line.replace(":", " ").strip().rpartition(" ")
            if not (name and points.isascii() and points.isdecimal()):
                raise forms.ValidationError(f"{line!r} is no answer with its points: write such as {self._example}.")
            if name.strip() in found:
                raise forms.ValidationError(f"{name.strip()!r} is there twice: keep one.")
            found[name.strip()] = int(points)
        return found

    @property
    def _example(self) -> str:
        return str(self.widget.attrs["placeholder"])


class TextsForm(forms.Form):
    """The fields are named by their places in the document, a question by its name in place of its number."""

    note = forms.CharField(label="What was changed", max_length=200, required=False)

    def __init__(self, script: Script, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._script, self._document = script, yaml.safe_load(script.body)
        self.by: Any = None
        self.saved: Script | None = None
        self.fields |= dict(self._made())

    def _made(self) -> Iterator[tuple[str, forms.Field]]:
        for side in _SIDES:
            yield from self._plan_fields(side)
        for name, texts in self._document["beside"].items():
            yield f"beside.{name}", _texts(texts, name)
        for kind, handling in self._document["objections"].items():
            for number, one in enumerate(handling["tries"]):
                yield f"objections.{kind}.tries.{number}.say", _texts([one["say"]], _leads_to(one))
            yield f"objections.{kind}.exit", _texts([handling["exit"]], "then, and ends")
        for name, text in self._document["lines"].items():
            yield f"lines.{name}", _texts([text], name)
        for name, points in self._document["score"]["weights"].items():
            attrs = {"data-part": name.split("_")[0]}
            yield f"score.weights.{name}", _number(points, 0, 100, attrs, name)
        for name in ("hot_from", "warm_from", "qualified_from"):
            yield f"score.{name}", _number(self._document["score"][name], 1, 100, {}, name)

    def _plan_fields(self, side: str) -> Iterator[tuple[str, forms.Field]]:
        first, *_, last = self._document["questions"][side]
        yield f"questions.{side}.interest.wordings", _texts(first["wordings"], "interest")
        for place, (name, step) in enumerate(self._steps(side).items(), start=1):
            on = step in self._document["questions"][side]
            path = f"questions.{side}.{name}"
            yield f"{path}.place", forms.IntegerField(initial=place if on else None, required=False, min_value=1)
            yield f"{path}.wordings", _texts(step["wordings"], name)
            yield f"{path}.required", forms.BooleanField(initial=step["required"], required=False)
            yield f"{path}.most", _number(step["most"], 1, 3, {}, "most")
            if "kind" in step:
                kind = Kind(step["kind"])
                yield f"{path}.points", PointsField(kind, side=side, initial=step.get("points", {}), label="points")
        yield f"questions.{side}.end", forms.ChoiceField(choices=_ENDS, initial=last["ask"], label="Then comes")

    def _steps(self, side: str) -> dict[str, dict[str, Any]]:
        """The questions between the first and the last, then those that are off."""
        _, *steps, _ = self._document["questions"][side]
        there = {step["ask"]: step for step in steps}
        more = [standard(question, side) for question in PLANNED[side]] + [*OFFERED[side].values()]
        for step in more:
            data = {"ask": step.name, "wordings": list(step.wordings), "required": False, "most": step.most}
            there.setdefault(step.name, data | ({"kind": step.kind.value} if step.kind else {}))
        return there

    def document(self) -> dict[str, Any]:
        """The script's document with what was typed."""
        document: dict[str, Any] = deepcopy(self._document)
        typed = self.cleaned_data
        for side in _SIDES:
            document["questions"][side] = [*self._planned(side)]
        for name in document["beside"]:
            document["beside"][name] = _lines(typed[f"beside.{name}"])
        for kind, handling in document["objections"].items():
            for number, one in enumerate(handling["tries"]):
                one["say"] = typed[f"objections.{kind}.tries.{number}.say"]
            handling["exit"] = typed[f"objections.{kind}.exit"]
        for name in document["lines"]:
            document["lines"][name] = typed[f"lines.{name}"]
        document["score"] |= {name: typed[f"score.{name}"] for name in ("hot_from", "warm_from", "qualified_from")}
        document["score"]["weights"] = {name: typed[f"score.weights.{name}"] for name in document["score"]["weights"]}
        return document

    def _planned(self, side: str) -> Iterator[dict[str, Any]]:
        typed, before = self.cleaned_data, self._document["questions"][side]
        yield {"ask": "interest", "wordings": _lines(typed[f"questions.{side}.interest.wordings"])}
        steps = self._steps(side)
        on = [name for name in steps if typed[f"questions.{side}.{name}.place"]]
        for name in sorted(on, key=lambda one: typed[f"questions.{side}.{one}.place"]):
            path = f"questions.{side}.{name}"
            wordings = _lines(typed[f"{path}.wordings"])
            said = {"required": typed[f"{path}.required"], "most": typed[f"{path}.most"], "wordings": wordings}
            given = {"points": typed[f"{path}.points"]} if f"{path}.points" in typed else {}
            yield steps[name] | said | given
        end = typed[f"questions.{side}.end"]
        yield before[-1] if before[-1]["ask"] == end else {"ask": end}

    def clean(self) -> dict[str, Any]:
        """Saves, so that what is wrong is told beside what was typed."""
        typed: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return typed
        document = self.document()
        text, script = yaml.safe_dump(document, sort_keys=False), self._script
        try:
            self.saved = scripts.save(
                script.name, text, based_on=script.number, by=self.by, now=timezone.now(), note=typed["note"]
            )
        except ScriptConflict as conflict:
            self.add_error(None, str(conflict))
        except ScriptError as error:
            for problem in error.problems:
                field = self._field_of(problem, document)
                self.add_error(field, problem.says if field else str(problem))
        return typed

    def _field_of(self, problem: Problem, document: dict[str, Any]) -> str | None:
        """The field of the place, None where it is of several."""
        path = problem.path
        if step := _STEP.match(path):
            side, place = step[1], int(step[2])
            path = f"questions.{side}.{document['questions'][side][place]['ask']}{path[step.end() :]}"
        path = re.sub(r"\[(\d+)\]", r".\1", path)
        return next((name for name in (path, path.rpartition(".")[0]) if name in self.fields), None)

    def sides(self) -> list[tuple[str, Any, list[tuple[str, list[Any]]], Any]]:
        """For the page: side, first question, the others with their fields, the end."""
        found = []
        for side in _SIDES:
            path = f"questions.{side}"
            rows = [
                (name, [self[f"{path}.{name}.{part}"] for part in _PARTS if f"{path}.{name}.{part}" in self.fields])
                for name in self._steps(side)
            ]
            found.append((side, self[f"{path}.interest.wordings"], rows, self[f"{path}.end"]))
        return found

    def playbook(self) -> list[tuple[str, list[Any]]]:
        """For the page: each objection with its fields."""
        kinds = self._document["objections"]
        return [
            (kind, [self[name] for name in self.fields if name.startswith(f"objections.{kind}.")]) for kind in kinds
        ]

    def others(self) -> list[Any]:
        """For the page: what is said beside the plan."""
        return [self[name] for name in self.fields if name.startswith(("beside.", "lines."))]

    def points(self) -> list[Any]:
        """For the page."""
        return [self[name] for name in self.fields if name.startswith("score.weights.")]

    def thresholds(self) -> list[Any]:
        """For the page."""
        return [self[f"score.{name}"] for name in ("hot_from", "warm_from", "qualified_from")]


def _number(value: int, least: int, most: int, attrs: dict[str, str], label: str) -> forms.IntegerField:
    widget = forms.NumberInput(attrs=attrs)
    return forms.IntegerField(initial=value, min_value=least, max_value=most, widget=widget, label=label)


def _leads_to(attempt: dict[str, Any]) -> str:
    """What follows a try, in a few words."""
    if then := attempt.get("then"):
        return f"then asks {then}"
    if days := attempt.get("callback_days"):
        return f"a yes: a call in {days} days"
    return f"a yes: {attempt['on_yes']}" if attempt.get("on_yes") else "a yes: on with the questions"


def texts_view(admin: Any, request: HttpRequest, object_id: int) -> HttpResponse:
    """``admin`` is the scripts' ModelAdmin."""
    script = get_object_or_404(Script, pk=object_id)
    if not admin.has_change_permission(request, script):
        raise PermissionDenied
    form = TextsForm(script, request.POST) if request.method == "POST" else TextsForm(script)
    form.by = request.user
    if request.method == "POST" and form.is_valid() and form.saved is not None:
        messages.success(request, f"{form.saved} is saved.")
        admin.log_change(request, form.saved, "Texts and points.")
        return redirect("admin:calls_script_change", form.saved.pk)
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": f"Texts and points of {script.name}",
        "script": script,
        "form": form,
        "media": admin.media + form.media,
    }
    return TemplateResponse(request, "admin/calls/script/texts.html", context)
