"""The tests' settings for a voice worker of its own: a broker and files by the environment, and shorter times.

A lease of 3 s stands for one of 20 s, a second's patience with the broker for five, half a second for the five after
which a loop hangs. Calls are never refused for want of headroom: what else the machine does is not to count.
"""

import os
from dataclasses import replace
from pathlib import Path

from tests.settings import *  # noqa: F403 - as Django's settings are extended
from tests.settings import CELERY_BROKER_TRANSPORT_OPTIONS, DATABASES, VOICE
from voice.domain.headroom import Limits

FOLDER = Path(os.environ["FAULTS_FOLDER"])
LINES = int(os.environ["FAULTS_LINES"])
HUNG_AFTER_S, HOPELESS_AFTER_S = 0.5, float(os.environ["FAULTS_HOPELESS_S"])

DATABASES["default"]["NAME"] = os.environ["FAULTS_DATABASE"]
DATABASES["default"]["HOST"] = os.environ["FAULTS_DATABASE_HOST"]
CELERY_BROKER_URL = os.environ["FAULTS_BROKER"]
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **CELERY_BROKER_TRANSPORT_OPTIONS,
    "socket_timeout": 1,
    "socket_connect_timeout": 1,
    "health_check_interval": 2,
}
CELERY_TASK_ROUTES = {"calls.place": {"queue": "calls.local"}}
CARRIER_CPS = 100
CALL_LEASE_S = 3
DIALER = "tests.faults.worker_app.FileDialer"
RECORDINGS_DIR = FOLDER / "recordings"
RECORDINGS_LIVE_DIR = RECORDINGS_DIR / "live"
VOICE = replace(
    VOICE,
    lines=LINES,
    media_host="127.0.0.1",
    media_port=0,
    media_url="",
    redis_url="",
    recordings_dir=RECORDINGS_LIVE_DIR,
    silence_prompt_s=600,
    headroom=Limits(),
)
