"""On a call's page: what is known of the call; in the list: which calls failed a check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents.after.types import Analysis, Check, CheckName, FactTold, Mood, ObjectionEnd, Verdict
from calls.admin.base import badge, counted
from calls.models import Call, CallAnalysis, Turn
from calls.services import analysing
from calls.services.adding import Added

PERMISSION = "calls.view_callanalysis"
_AMOUNTS = frozenset({"budget", "price", "owed", "payoff"})
_ENDS = {
    ObjectionEnd.WENT_ON: "the talk went on",
    ObjectionEnd.OPEN: "left open",
    ObjectionEnd.ENDED_CALL: "it ended the call",
}
_TONES = {Mood.POSITIVE: "good", Mood.NEGATIVE: "bad"}
_VERDICTS = {Verdict.PASS: "passed", Verdict.FAIL: "failed", Verdict.NOT_APPLICABLE: "does not apply"}
_WORDS: Mapping[CheckName, str] = {
    CheckName.DISCLOSURE: "Disclosure said and heard whole",
    CheckName.OPT_OUT: "Opt-out honoured at once",
    CheckName.NO_PROMISE: "No promise",
    CheckName.NO_PRICE: "No price or forecast",
    CheckName.NO_ADVICE: "No legal or lending advice",
    CheckName.ONE_QUESTION: "One question at a time",
    CheckName.TALK_RATIO: "Share of the talk",
    CheckName.WORDS_PER_TURN: "Words per turn",
    CheckName.INTERRUPTIONS: "Did not interrupt",
    CheckName.MONOLOGUE: "No long monologue",
    CheckName.SILENCE: "Little silence",
    CheckName.QUESTIONS_ANSWERED: "Questions answered",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the block: ``told`` about ``name``, with the turns that show it."""

    name: str
    told: str
    turns: tuple[int, ...] = ()
    quote: str = ""
    mark: SafeString | str = ""


def block(call: Call, turns: Sequence[Turn], user: Any) -> dict[str, object] | None:
    """What the page shows of the analysis; None for a user who may not see it, {} where there is none."""
    if not user.has_perm(PERMISSION):
        return None
    found = analysing.shown(call, turns)
    if found is None:
        return {}
    analysis = found.analysis
    return {
        "summary": analysis.summary,
        "steps": [(badge(step.kind.value), step.told) for step in analysis.steps],
        "mood": _mood(analysis),
        "facts": [_fact(fact) for fact in analysis.facts],
        "reasons": analysis.reasons,
        "score": f"{analysis.score} of 100, {analysis.rating}",
        "objections": [
            Row(
                one.kind.replace("_", " "),
                f"answered {counted(one.tries, 'time', 'times')}, {_ENDS[one.ended]}",
                one.turns,
            )
            for one in analysis.objections
        ],
        "checks": [_check(check) for check in analysis.checks],
        "failed": len(analysis.failed),
        "version": analysis.version,
        "made_at": found.made_at,
        "earlier": found.earlier,
        "added": None if found.added is None else _added(found.added),
        "asks": found.asks,
    }


def shown_fact(name: str, value: str) -> tuple[str, str]:
    """A fact for reading: amounts as dollars, the timeline in months, words without underscores."""
    number = int(value) if str(value).isascii() and str(value).isdecimal() else None
    if number is None:
        shown = str(value).replace("_", " ")
    elif name in _AMOUNTS:
        shown = f"${number:,}"
    elif name == "timeline":
        shown = counted(number, "month", "months")
    else:
        shown = str(value)
    return name.replace("_", " "), shown


def _fact(fact: FactTold) -> Row:
    name, value = shown_fact(fact.name, fact.value)
    return Row(name, value, _turns(fact.turn), fact.quote)


def _mood(analysis: Analysis) -> Row:
    found = analysis.sentiment
    return Row(found.mood.value, _TONES.get(found.mood, "plain"), (*found.positive, *found.negative))


def _added(found: Added) -> dict[str, object]:
    """What a model wrote, and of what else it gave nothing was borne out by the call."""
    added = found.addition
    mood = (
        None
        if added.mood is None
        else Row(added.mood.value, _TONES.get(added.mood, "plain"), _turns(added.mood_turn))
    )
    return {
        "by": f"{found.model}, prompt {found.prompt_version} ({found.prompt_hash[:8]})",
        "made_at": found.made_at,
        "summary": added.summary,
        "mood": mood,
        "lists": [
            (title, [Row("", point.told, (point.turn,), point.quote) for point in points])
            for title, points in (
                ("Left open", added.questions),
                ("For the next talk", added.hints),
                ("On the agent", added.findings),
            )
            if points
        ],
        "dropped": ", ".join(added.dropped),
        "nothing": not added.parts,
    }


def _turns(turn: int | None) -> tuple[int, ...]:
    return () if turn is None else (turn,)


def _check(check: Check) -> Row:
    return Row(_WORDS[check.name], check.told, check.turns, mark=badge(_VERDICTS[check.verdict]))


class FailedCheckFilter(admin.SimpleListFilter):
    """Calls that failed a quality check, any or one."""

    title = "failed check"
    parameter_name = "failed_check"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """None for a user who may not see analyses, which hides the filter."""
        if not request.user.has_perm(PERMISSION):
            return []
        return [("any", "Any"), *((name.value, words) for name, words in _WORDS.items())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Call]) -> QuerySet[Call]:
        chosen = self.value()
        if not chosen:
            return queryset
        current = CallAnalysis.objects.filter(call=OuterRef("pk"), current=True)
        failed = current.exclude(failed_checks=[])
        return queryset.filter(Exists(failed if chosen == "any" else failed.filter(failed_checks__contains=[chosen])))
