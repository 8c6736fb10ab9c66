"""The scripts of campaigns: saved as versions, and read for a call."""

from datetime import datetime

import structlog
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from agents import script_document
from agents.domain.scoring import Scoring, rating
from agents.domain.script import DEFAULT_SCRIPT
from agents.domain.script import Script as SpokenScript
from agents.script_document import ScriptError
from billing.domain.watch import Rating, Score
from calls.models import Call, Campaign, Script

log = structlog.get_logger(__name__)


class ScriptConflict(Exception):
    """Somebody saved a version meanwhile; nothing was changed. The text says what to do."""


class ScriptInUse(Exception):
    """A campaign or a call needs the version; the text says which."""


def save(
    name: str,
    text: str,
    *,
    based_on: int,
    by: AbstractBaseUser | None,
    now: datetime,
    note: str = "",
) -> Script:
    """The version that holds ``text``: the newest of ``name`` where it says the same already, else the next one.

    ``based_on`` is the number that was edited, 0 for a new name. Campaigns of the name go over to the new version;
    calls that are queued or under way keep theirs. Raises ScriptError with what is wrong with the text, and
    ScriptConflict.
    """
    read = script_document.read(text)
    try:
        with transaction.atomic():
            newest = Script.objects.select_for_update().filter(name=name).order_by("-number").first()
            _check_base(name, newest, based_on)
            if newest is not None and newest.digest == read.version:
                return newest
            saved = Script.objects.create(
                name=name,
                number=based_on + 1,
                body=script_document.written(read),
                digest=read.version,
                note=note,
                created_at=now,
                created_by_id=None if by is None else by.pk,
            )
            moved = Campaign.objects.filter(script__name=name).update(script=saved)
    except IntegrityError:  # another was quicker, by less than a moment
        raise _conflict(name, number=based_on + 1, based_on=based_on) from None
    log.info("script.saved", script_id=saved.pk, number=saved.number, digest=saved.digest, campaigns=moved)
    return saved


def _check_base(name: str, newest: Script | None, based_on: int) -> None:
    number = newest.number if newest else 0
    if number != based_on:
        raise _conflict(name, number=number, based_on=based_on)


def _conflict(name: str, *, number: int, based_on: int) -> ScriptConflict:
    if based_on == 0:
        return ScriptConflict(f"There is a script {name!r} already: choose another name, or edit that one.")
    return ScriptConflict(
        f"Version {number} was saved while you edited version {based_on}: copy your changes, open the newest version "
        "and make them there."
    )


def delete(script_id: int) -> None:
    """Remove a version that nothing needs. Raises ScriptInUse."""
    with transaction.atomic():
        script = Script.objects.select_for_update().get(pk=script_id)
        if campaign := Campaign.objects.filter(script=script).first():
            raise ScriptInUse(f"Campaign {campaign.name!r} speaks by it: choose another script there first.")
        if Call.objects.filter(script=script).exists():
            raise ScriptInUse("Calls were held by it, and what they were held by is kept.")
        script.delete()


def rated(points: int, scoring: Scoring) -> Score:
    """A score, as the money is to see it, with what it counts for by the limits of its script."""
    return Score(points, Rating(rating(points, scoring)))


def spoken(script: Script | None) -> SpokenScript:
    """What the agents read; the built-in script for None.

    A version that this release cannot read any more leaves a call with the built-in script, and the log says so.
    """
    if script is None:
        return DEFAULT_SCRIPT
    try:
        return script_document.spoken_script(script.body)
    except ScriptError as error:
        log.error("script.unreadable", script_id=script.pk, problems=[str(one) for one in error.problems])
        return DEFAULT_SCRIPT
