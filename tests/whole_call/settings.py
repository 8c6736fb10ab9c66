"""The settings of an installation that looks around more often than usual, so that a test need not wait for it.

The calls of one campaign, which needs a GPU, have a voice worker of their own, which can be killed without harm to
the others.
"""

from reautomation.settings import *  # noqa: F403 - as Django's settings are extended
from reautomation.settings import CELERY_BEAT_SCHEDULE

OWN_CAMPAIGN = "Cut off"
OWN_QUEUE = "calls.gpu"

CALL_LEASE_S = 6
_OFTEN = {"calls.dispatch", "calls.sweep", "calls.ask_prices"}
CELERY_BEAT_SCHEDULE = {
    name: {**entry, "schedule": 1.0} if entry["task"] in _OFTEN else entry
    for name, entry in CELERY_BEAT_SCHEDULE.items()
}
