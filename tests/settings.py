"""The project's settings for tests: servers and files of their own under ``var/test``, nobody's ``.env``."""

import os
from dataclasses import replace
from pathlib import Path

os.environ["ENV_FILE"] = os.devnull
os.environ["VAR_DIR"] = str(Path(__file__).resolve().parent.parent / "var" / "test")
for _name in (
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_API_URL",
    "TWILIO_FROM_NUMBER",
    "CARRIER_CPS",
    "CARRIER_MAX_CALLS",
    "ELEVENLABS_API_KEY",
    "ELEVENLABS_URL",
    "ELEVENLABS_VOICE_ID",
    "ELEVENLABS_MODEL",
    "LLM_BACKEND",
    "LLM_URL",
    "LLM_MODEL",
    "LLM_API_KEY",
    "LLM_FIRST_CLAUSE_MS",
    "LLM_REPLY_MS",
    "LLM_RATE",
    "VOICE_QUEUES",
    "VOICE_PROCESSES",
    "VOICE_MEDIA_URL",
    "VOICE_MEDIA_PORT",
    "VOICE_TRUSTED_PROXIES",
    "VOICE_INTERNAL_HOST",
    "WEBRTC_ICE_SERVERS",
    "GPU_RATE",
    "GPU_CALLS",
    "GPU_USE",
    "OPT_OUT_SMS_CONFIRMATION",
    "OPT_OUT_ENDS_LIVE_CALLS",
    "TRANSFER_COUNTRIES",
    "TRANSFER_RING_TIMEOUT_S",
    "PUBLIC_URL",
    "RECORDING_KEYS",
    "RECORDINGS_DAYS",
    "RECORDINGS_S3_BUCKET",
    "RECORDINGS_S3_ENDPOINT",
    "RECORDINGS_S3_PREFIX",
    "RECORDINGS_S3_REGION",
    "RECORDINGS_S3_ACCESS_KEY",
    "RECORDINGS_S3_SECRET_KEY",
    "DEBUG",
):
    os.environ.pop(_name, None)

from reautomation import settings as _base
from reautomation.settings import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
TWILIO_ACCOUNT_SID = "AC" + "0" * 32
TWILIO_AUTH_TOKEN = "test-auth-token"
TWILIO_API_URL = "http://127.0.0.1:1"
"""Nobody: a test that asks a carrier brings one."""
TWILIO_FROM_NUMBER = "+12125550199"
CARRIER_CPS = 1000.0
"""No test waits for its turn but those of the pace."""

if _base.REDIS_URL.startswith("unix://"):
    # Tests that run side by side would empty each other's cache and take each other's messages: each process of
    # pytest-xdist, and what it starts, has a database of its own.
    _number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 15
    REDIS_URL = f"unix://{_base.EMBEDDED.redis_socket}?db={_number}"
    CACHES = {"default": {**_base.CACHES["default"], "LOCATION": REDIS_URL}}
    CELERY_BROKER_URL = f"redis+socket://{_base.EMBEDDED.redis_socket}?virtual_host={_number}"
    VOICE = replace(_base.VOICE, redis_url=REDIS_URL)
    LANGUAGE_MODEL = replace(_base.LANGUAGE_MODEL, cache_url=REDIS_URL)
