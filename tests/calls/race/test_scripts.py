"""Two people save the same script at once: one of them is told, and no edit is lost."""

import pytest

from agents.domain.script import DEFAULT_SCRIPT
from agents.script_document import written
from calls.models import Campaign, Script
from calls.services import scripts
from calls.services.scripts import ScriptConflict
from tests.calls import factories as make
from tests.calls.factories import NOON_IN_DENVER
from tests.calls.race.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
BUILT_IN = written(DEFAULT_SCRIPT)


def save(says: str, *, based_on: int) -> str:
    try:
        scripts.save(
            "Sellers", BUILT_IN.replace("Sorry to catch you", says), based_on=based_on, by=None, now=NOON_IN_DENVER
        )
    except ScriptConflict as conflict:
        return str(conflict).split(":")[0]
    return "saved"


@pytest.mark.parametrize(
    ("versions", "told"),
    [(0, "There is a script 'Sellers' already"), (1, "Version 2 was saved while you edited version 1")],
)
def test_one_of_them_is_told(versions: int, told: str) -> None:
    for number in range(versions):
        save(f"Before {number}", based_on=number)
    campaign = make.campaign(script=Script.objects.first())

    said = at_once(4, lambda number: save(f"Sorry {number}", based_on=versions))

    assert sorted(said) == sorted(["saved", told, told, told])
    newest = Script.objects.newest().get()
    assert (newest.number, Script.objects.count()) == (versions + 1, versions + 1)
    assert Campaign.objects.get(pk=campaign.pk).script == (newest if versions else None)
