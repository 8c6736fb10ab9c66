"""The project's settings for tests: servers and files of their own under ``var/test``, nobody's ``.env``."""

import os
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

from reautomation.settings import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
TWILIO_ACCOUNT_SID = "AC" + "0" * 32
TWILIO_AUTH_TOKEN = "test-auth-token"
TWILIO_API_URL = "http://127.0.0.1:1"
"""Nobody: a test that asks a carrier brings one."""
TWILIO_FROM_NUMBER = "+12125550199"
CARRIER_CPS = 1000.0
"""No test waits for its turn but those of the pace."""
