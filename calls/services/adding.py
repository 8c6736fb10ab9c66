"""What a language model adds to the analyses of calls that are over.

An analysis by rules stands first, and says that a model is to be asked (``model_due_at``). One process of all asks,
one call at a time: whoever talks with us now needs the model more. A row is claimed by moving its instant to the end
of a lease; who comes back with an answer writes it only where the row still has that instant. So an analysis that was
made anew, a redaction or an erasure meanwhile makes the answer worth nothing, and none is written twice.

The call is settled by then. So a model is asked only where the call's budgets have room for what that may cost, and
what it did cost is charged first, whatever becomes of the answer.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from agents.after import addition as additions
from agents.after import asking
from agents.after.addition import Addition
from agents.after.asking import PROMPT, Asked
from agents.after.material import material
from agents.after.types import Said, UnknownAnalysis, load
from agents.domain.types import ModelUse, Step
from agents.llm.assembly import language_model
from agents.llm.config import ModelConfig
from agents.llm.metering import TokenTally
from agents.llm.port import LanguageModel, ModelBusy, ModelDown, ModelError, ModelLate, ModelRefused, Patience
from billing.domain.rates import Unit
from billing.services import afterwards
from billing.services.late_usage import Measured
from calls.models import CallAnalysis
from calls.services import tracing
from calls.services.database import alone
from calls.services.transcripts import transcript
from calls.signals import call_analysed

log = structlog.get_logger(__name__)
RETRY_AFTER = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
)
ROUND = timedelta(seconds=30)
"""After so long no other call is begun with: a task that never ends keeps its worker from everything else."""
UNFOUNDED = "unfounded"
_LEASE_BEYOND = timedelta(seconds=60)
_LOCK = 7_201_014
_TOKEN = Unit.TOKEN.value
_TROUBLES: tuple[tuple[type[ModelError], str], ...] = (
    (ModelBusy, "busy"),
    (ModelLate, "late"),
    (ModelDown, "failed"),
    (ModelRefused, "refused"),
)
"""Of the server: no other call fares better now. A refusal waits for a person, the others for a while."""
_NOTHING: dict[str, Any] = {
    "model_attempts": 0,
    "model_trouble": "",
    "model": "",
    "prompt_version": "",
    "prompt_hash": "",
    "model_made_at": None,
    "model_data": None,
}
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Added:
    """What the page and other programs are told: the addition with its quotes, who wrote it and when."""

    addition: Addition
    model: str
    prompt_version: str
    prompt_hash: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class _Answer:
    """How asking ended. ``trouble`` is one word; ``again`` says that time may mend it, ``is_servers`` whose it is."""

    addition: Addition = field(default_factory=Addition)
    trouble: str = ""
    again: bool = False
    is_servers: bool = False


def owed(said: Iterable[Said], *, now: datetime) -> dict[str, Any]:
    """The fields of an analysis to which a model has yet to add, if there is one and the person said anything."""
    spoke = any(one.is_speech and not one.of_us for one in said)
    return {**_NOTHING, "model_due_at": now if spoke and settings.LANGUAGE_MODEL.adds_to_analyses else None}


def forget(call_id: UUID, *, now: datetime) -> None:
    """What a model made of words that are masked now is gone; it is asked again about the rest."""
    rows = CallAnalysis.objects.filter(call=call_id)
    again = now if settings.LANGUAGE_MODEL.adds_to_analyses else None
    rows.filter(current=True).exclude(model_due_at=None, model_made_at=None).update(**_NOTHING, model_due_at=again)
    rows.filter(current=False).update(**_NOTHING, model_due_at=None)


def added_to(row: CallAnalysis, said: Sequence[Said]) -> Added | None:
    """What a model added to ``row``, with its quotes from ``said``; None where there is nothing that can be read."""
    if row.model_data is None or row.model_made_at is None:
        return None
    try:
        found = additions.load(row.model_data, said)
    except UnknownAnalysis as unknown:
        log.warning("analysis.unreadable", call_id=str(row.call_id), version=row.version, reason=str(unknown))
        return None
    return Added(found, row.model, row.prompt_version, row.prompt_hash, row.model_made_at)


def add_alone(*, clock: Clock) -> bool:
    """One round of ``add_due``; False where no model is asked, or another process is at it."""
    if not settings.LANGUAGE_MODEL.adds_to_analyses:
        return False
    with alone(_LOCK) as free:
        if free:
            add_due(clock=clock)
        return free


def add_due(*, clock: Clock) -> int:
    """Ask about what is due, for half a minute; how many analyses were added to.

    A server's trouble ends the round.
    """
    config = settings.LANGUAGE_MODEL
    until, added, row = clock() + ROUND, 0, _claimed(config, now=clock())
    if row is None:
        return 0
    model = language_model(config)
    assert model is not None
    with asyncio.Runner() as runner:
        try:
            while row is not None:
                began_at, began_s, uses = clock(), perf_counter(), list[ModelUse]()
                answer = _answer(row, model, config, runner, uses)
                duration_us = round((perf_counter() - began_s) * 1_000_000)
                now = clock()
                _charge(row, uses, now=now)
                decision = ", ".join(answer.addition.parts)
                steps = [Step(PROMPT, began_at, duration_us, decision, use) for use in uses]
                added += _write(row, answer, steps, now)
                row = None if answer.is_servers or clock() >= until else _claimed(config, now=clock())
        finally:
            runner.run(model.close())
    return added


def _claimed(config: ModelConfig, *, now: datetime) -> CallAnalysis | None:
    """The analysis that is owed for longest, until the lease ends."""
    lease_until = now + timedelta(seconds=config.after_call_s) + _LEASE_BEYOND
    with transaction.atomic():
        due = CallAnalysis.objects.filter(current=True, model_due_at__lte=now).order_by("model_due_at", "pk")
        row = (
            due.select_related("call__lead", "call__campaign")
            .select_for_update(skip_locked=True, of=("self",))
            .first()
        )
        if row is None:
            return None
        row.model_due_at, row.model_attempts = lease_until, row.model_attempts + 1
        row.save(update_fields=["model_due_at", "model_attempts"])
    return row


def _answer(
    row: CallAnalysis, model: LanguageModel, config: ModelConfig, runner: asyncio.Runner, uses: list[ModelUse]
) -> _Answer:
    wait = Patience(config.after_call_s, config.after_call_s)
    try:
        asked = _question(row)
        if why := _why_too_dear(row, asked, config):
            log.warning("analysis.model_not_paid", call_id=str(row.call_id), reason=why)
            return _Answer(trouble="budget", again=True)
        found = runner.run(
            asking.add(model, asked, patience=wait, context_tokens=config.context_tokens, told=uses.append)
        )
    except ModelError as error:
        trouble = next((word for kind, word in _TROUBLES if isinstance(error, kind)), "")
        if not trouble:
            return _Answer(trouble="unusable")
        return _Answer(trouble=trouble, again=not isinstance(error, ModelRefused), is_servers=True)
    except UnknownAnalysis:
        return _Answer(trouble="unreadable")
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("analysis.model_failed", call_id=str(row.call_id))
        return _Answer(trouble="fault")
    return _Answer(found, trouble="" if found.parts else UNFOUNDED)


def _why_too_dear(row: CallAnalysis, asked: Asked, config: ModelConfig) -> str:
    """Why the call's budgets cannot pay for asking; "" where they can, or nobody bills the model."""
    if not config.rate:
        return ""
    most = TokenTally(config.components)
    most.add_counts(*asked.most_tokens(context_tokens=config.context_tokens))
    return afterwards.why_no_room(row.call_id, {(key, _TOKEN): Decimal(n) for key, n in most.counts.items()})


def _charge(row: CallAnalysis, uses: Iterable[ModelUse], *, now: datetime) -> None:
    """In a transaction of its own, since the model was used also where the answer cannot be written. A claim is known
    by its lease, so it is charged once."""
    tally = TokenTally(settings.LANGUAGE_MODEL.components)
    for use in uses:
        tally.add(use)
    reports = [Measured(key, _TOKEN, Decimal(n), seq=1) for key, n in tally.counts.items()]
    if reports:
        assert row.model_due_at is not None
        reporter = f"after {row.model_due_at:%Y-%m-%dT%H:%M:%S.%f}"
        afterwards.charge(row.call_id, reports, reporter=reporter, at=now)


def _question(row: CallAnalysis) -> Asked:
    """Raises UnknownAnalysis."""
    call, said = row.call, transcript(row.call.turns.all())
    analysis = load(row.data, said)
    company = call.campaign.company_name or settings.COMPANY_NAME
    return Asked(material(said, analysis, name=call.lead.name), company, analysis.disposition)


@transaction.atomic
def _write(row: CallAnalysis, answer: _Answer, steps: Sequence[Step], now: datetime) -> bool:
    """Write down what came of it, unless the row was taken from us meanwhile, and the use in any case."""
    mine = CallAnalysis.objects.filter(pk=row.pk, model_due_at=row.model_due_at)
    kept = bool(mine.update(**_fields(row, answer, steps, now)))
    for step in steps:
        tracing.keep_after(row.call, step if kept else replace(step, decision=""))
    told = {"call_id": str(row.call_id), "attempts": row.model_attempts, "kept": kept}
    if answer.trouble:
        log.warning("analysis.model_gave_nothing", why=answer.trouble, **told)
        return False
    log.info("analysis.model_added", parts=answer.addition.parts, **told)
    if kept:
        row.refresh_from_db()
        call_analysed.send(CallAnalysis, analysis=row, now=now)
    return kept


def _fields(row: CallAnalysis, answer: _Answer, steps: Sequence[Step], now: datetime) -> dict[str, Any]:
    if answer.trouble and answer.trouble != UNFOUNDED:
        tries = row.model_attempts
        wait = RETRY_AFTER[tries - 1] if answer.again and tries <= len(RETRY_AFTER) else None
        return {"model_trouble": answer.trouble, "model_due_at": None if wait is None else now + wait}
    use = steps[-1].use
    assert use is not None
    return {
        "model_due_at": None,
        "model_trouble": answer.trouble,
        "model": use.model[:80],
        "prompt_version": use.prompt_version,
        "prompt_hash": use.prompt_hash,
        "model_made_at": now,
        "model_data": dict(additions.dump(answer.addition)),
    }
