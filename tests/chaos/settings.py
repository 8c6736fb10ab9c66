"""The settings of a run's processes: as in production, but hurried, so that a run takes minutes.

The run holds the servers, and takes them away; no process may start one again by itself.
"""

from reautomation.settings import *  # noqa: F403 - as Django's settings are extended
from reautomation.settings import CELERY_BEAT_SCHEDULE, INSTALLED_APPS

USES_EMBEDDED = False
INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.apps.Chaos"]
CALL_LEASE_S = 6
VOICE_RING_TIMEOUT_S = 3
_EVERY_SECOND = {"calls.dispatch", "calls.sweep"}
CELERY_BEAT_SCHEDULE = {
    name: {**entry, "schedule": 1.0} if entry["task"] in _EVERY_SECOND else entry
    for name, entry in CELERY_BEAT_SCHEDULE.items()
}
