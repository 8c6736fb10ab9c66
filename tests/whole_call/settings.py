"""The settings of an installation that looks around more often than usual, so that a test need not wait for it.

The calls of one campaign have a voice worker of their own, which can be killed without harm to the others.
"""

from reautomation.settings import *  # noqa: F403 - as Django's settings are extended
from reautomation.settings import CELERY_BEAT_SCHEDULE, CELERY_TASK_ROUTES

OWN_CAMPAIGN = "Cut off"
OWN_QUEUE = "calls.own"

CALL_LEASE_S = 6
_OFTEN = {"calls.dispatch", "calls.sweep", "calls.ask_prices"}
CELERY_BEAT_SCHEDULE = {
    name: {**entry, "schedule": 1.0} if entry["task"] in _OFTEN else entry
    for name, entry in CELERY_BEAT_SCHEDULE.items()
}


def _to_own_worker(
    name: str, _arguments: object, named: dict[str, str], *_rest: object, **_more: object
) -> str | None:
    from calls.models import Call

    ours = name == "calls.place" and Call.objects.filter(pk=named["call_id"], campaign__name=OWN_CAMPAIGN).exists()
    return OWN_QUEUE if ours else None


CELERY_TASK_ROUTES = [_to_own_worker, CELERY_TASK_ROUTES]  # type: ignore[assignment]  # routers are accepted too
