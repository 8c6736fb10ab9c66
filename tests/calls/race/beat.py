"""A real beat on the test's database, whose messages are carried out in its own process at once.

Run with the database's settings as JSON; ends when its standard input does. Says a line for each message.
"""

import json
import os
import sys
import threading

import django
from django.conf import settings


def main(database: str) -> None:
    settings.DATABASES["default"].update(json.loads(database))
    django.setup()
    from celery.signals import task_postrun

    from reautomation.celery import app

    app.conf.update(task_always_eager=True, beat_schedule={}, beat_max_loop_interval=0.2)
    task_postrun.connect(lambda task, retval, **_: print(task.name, flush=True), weak=False)
    threading.Thread(target=_until_told, daemon=True).start()
    from django_celery_beat.schedulers import DatabaseScheduler

    app.Beat(scheduler_cls=DatabaseScheduler, loglevel="ERROR", pidfile=None, quiet=True).run()


def _until_told() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
