"""The Celery application. ``celery -A reautomation worker …`` starts a worker, see docs/operations.md."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")

from celery import Celery, signals
from django.conf import settings

from reautomation import embedded

app = Celery("reautomation")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.celeryd_init.connect
def _become_voice_worker(options: dict[str, Any], **_: object) -> None:
    """Only a worker that serves call queues loads the speech pipeline."""
    if any(queue.startswith("calls.") for queue in options.get("queues") or ()):
        from calls import workers
        from voice import worker

        signals.celeryd_after_setup.connect(workers.serve_what_it_can)
        signals.worker_ready.connect(workers.begin)
        signals.worker_shutting_down.connect(workers.hurry)
        signals.worker_shutdown.connect(workers.end)  # before the lines end: from then on it has none
        worker.install(app)


@signals.import_modules.connect
def _join_embedded(**_: object) -> None:
    """Before a worker, Beat or Flower first reaches for a server: each imports the tasks at its very start."""
    if settings.USES_EMBEDDED:
        embedded.join(settings.EMBEDDED)
