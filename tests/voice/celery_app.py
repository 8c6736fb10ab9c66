"""A Celery application whose tasks hold a phone line and write down what it tells."""

import json
import os
from pathlib import Path

import django
from celery import Celery

django.setup()

from tests.voice.dialogues import brief  # noqa: E402 - the settings come first
from tests.voice.money import ScriptedSpending  # noqa: E402
from voice import worker  # noqa: E402

FOLDER = Path(os.environ["CALLS_FOLDER"])

app = Celery("lines", broker=os.environ["BROKER_URL"], backend=None)
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    task_default_queue="calls.local",
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)
worker.install(app)


@app.task(name="calls.place")
def place(*, call_id: str) -> None:
    plane = worker.plane()
    line = plane.open_line(brief(call_id), ring_timeout_s=20, max_length_s=60, spending=ScriptedSpending())
    target = {"url": line.stream.url, "token": line.stream.token, "port": plane.port}
    partial = FOLDER / f"{call_id}.part"
    partial.write_text(json.dumps(target))
    partial.rename(FOLDER / f"{call_id}.line")
    events = [type(event).__name__ for event in line.events()]
    (FOLDER / f"{call_id}.done").write_text(json.dumps(events))
