"""Django's settings, all of them from ``reautomation.env``. Importing this starts no service."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from kombu import Exchange, Queue

from calls.domain.queues import QUEUES, resumed_on
from reautomation import env, log
from reautomation.embedded import Embedded
from voice.domain.headroom import Limits
from voice.domain.types import VoiceConfig
from voice.recordings.keys import kept_in

ENV = env.read()
BASE_DIR = env.ROOT
VAR_DIR = ENV.var_dir.resolve()
EMBEDDED = Embedded(VAR_DIR)


def _secret_key() -> str:
    """The configured key, or one made on first use and kept in ``var/``; one of racing processes makes it."""
    if configured := ENV.secret_key.get_secret_value():
        return configured
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    path = VAR_DIR / "secret_key"
    if not path.exists():
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):  # another process was first: its key is the key
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text()


def _database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "reautomation",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": {"connect_timeout": 5, "application_name": "reautomation", **options},
        # Under ASGI every request has a thread of its own: a connection kept by it serves nobody else, and stays open
        # until the garbage collector finds it.
        "CONN_MAX_AGE": 0,
    }


SECRET_KEY = _secret_key()
DEBUG = ENV.debug
ALLOWED_HOSTS = [host.strip() for host in ENV.allowed_hosts.split(",") if host.strip()]
PUBLIC_URL = ENV.public_url or f"http://{ENV.web_host}:{ENV.web_port}"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL.startswith("https://") else []
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PUBLIC_URL.startswith("https://") else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "reautomation.apps.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_celery_beat",
    "billing",
    "calls",
    "integrations",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "reautomation.urls"
ASGI_APPLICATION = "reautomation.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASE_URL = ENV.database_url.get_secret_value() or EMBEDDED.database_url
REDIS_URL = ENV.redis_url.get_secret_value() or EMBEDDED.redis_url
USES_EMBEDDED = not ENV.database_url.get_secret_value() or not ENV.redis_url.get_secret_value()
DATABASES = {"default": _database(DATABASE_URL)}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD, EMAIL_USE_TLS, EMAIL_USE_SSL = env.mail_server(ENV)
EMAIL_TIMEOUT = 10
ALERT_EMAILS = env.listed(ENV.alert_emails)
DEFAULT_FROM_EMAIL = env.sender(ENV)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
REPORT_ZONE = ENV.report_zone
"""Where the days of cost figures begin."""
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
X_FRAME_OPTIONS = "SAMEORIGIN"

LOGGING_CONFIG = None
log.configure(level=ENV.log_level, style=ENV.log_format)

# Celery: why these and no others is told in docs/adr/0003-celery-slots-are-phone-lines.md.
CELERY_BROKER_URL = (
    f"redis+socket://{EMBEDDED.redis_socket}?virtual_host=0" if REDIS_URL.startswith("unix://") else REDIS_URL
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_DEFAULT_QUEUE = "default"
# An exchange of its own each: with Celery's default one, every queue would get every message.
CELERY_TASK_QUEUES = [
    Queue(name, Exchange(name), name) for name in ("default", *QUEUES, *(resumed_on(queue) for queue in QUEUES))
]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "visibility_timeout": 7200,
    "global_keyprefix": "reautomation:",
    "queue_order_strategy": "calls.queue_order.ResumedFirst",
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_BEAT_SCHEDULE = {
    "dispatch due leads": {"task": "calls.dispatch", "schedule": 2.0, "options": {"expires": 10}},
    "sweep calls that hang": {"task": "calls.sweep", "schedule": 10.0, "options": {"expires": 30}},
    "keep the calendar": {"task": "calls.keep_calendar", "schedule": 20.0, "options": {"expires": 30}},
    "sum costs": {"task": "calls.fold_costs", "schedule": 30.0, "options": {"expires": 60}},
    "ask for prices": {"task": "calls.ask_prices", "schedule": 60.0, "options": {"expires": 120}},
    "watch caller IDs": {"task": "calls.watch_caller_ids", "schedule": 60.0, "options": {"expires": 60}},
    "watch money": {"task": "calls.watch_money", "schedule": 15.0, "options": {"expires": 30}},
    "store recordings": {"task": "calls.store_recordings", "schedule": 30.0, "options": {"expires": 60}},
    "erase old recordings": {"task": "calls.erase_recordings", "schedule": 3600.0, "options": {"expires": 3600}},
    "watch queues": {"task": "calls.watch_queues", "schedule": 10.0, "options": {"expires": 20}},
    "prune usage": {"task": "billing.prune", "schedule": 3600.0, "options": {"expires": 3600}},
    "mail alerts": {"task": "billing.send_alerts", "schedule": 60.0, "options": {"expires": 60}},
    "export traces": {"task": "integrations.export_traces", "schedule": 15.0, "options": {"expires": 30}},
    "keep calendars elsewhere": {
        "task": "integrations.keep_calendars",
        "schedule": 20.0,
        "options": {"expires": 60},
    },
    "add to analyses": {"task": "calls.add_to_analyses", "schedule": 10.0, "options": {"expires": 20}},
    "deliver webhooks": {"task": "integrations.deliver", "schedule": 5.0, "options": {"expires": 30}},
}

GOOGLE_CALENDAR_API = "https://www.googleapis.com/calendar/v3"

# Carrier and voice
COMPANY_NAME = ENV.company_name
AGENT_NAME = ENV.agent_name
DIALER = "voice.adapters.twilio.TwilioDialer"
TWILIO_ACCOUNT_SID = ENV.twilio_account_sid
TWILIO_AUTH_TOKEN = ENV.twilio_auth_token.get_secret_value()
TWILIO_API_URL = ENV.twilio_api_url
TWILIO_FROM_NUMBER = ENV.twilio_from_number
CARRIER_CPS = ENV.carrier_cps
CARRIER_MAX_CALLS = ENV.carrier_max_calls
OPT_OUT_ENDS_LIVE_CALLS = ENV.opt_out_ends_live_calls
OPT_OUT_SMS_CONFIRMATION = ENV.opt_out_sms_confirmation
TRANSFER_COUNTRIES = frozenset(env.listed(ENV.transfer_countries))
"""Where the colleagues are to whom calls may be put through, by two letters."""
TRANSFER_RING_TIMEOUT_S = ENV.transfer_ring_timeout_s
RECORDINGS_DIR = Path(VAR_DIR / "recordings")
RECORDINGS_LIVE_DIR = RECORDINGS_DIR / "live"
"""Where a worker writes them; a task brings them into the store: ``RECORDINGS_DIR``, or a bucket."""
RECORDINGS_BUCKET = env.recordings_bucket(ENV)
RECORDINGS_DAYS = ENV.recordings_days
RECORDING_KEYS_ARE_OWN = bool(ENV.recording_keys.get_secret_value())
RECORDING_KEYS = ENV.recording_keys.get_secret_value() or kept_in(VAR_DIR / "recording_keys")
VOICE = VoiceConfig(
    lines=ENV.voice_lines,
    media_host=ENV.voice_media_host,
    media_port=ENV.voice_media_port,
    media_url=env.media_url(ENV.voice_media_url, port=ENV.voice_media_port, number=1),
    redis_url=REDIS_URL,
    recordings_dir=RECORDINGS_LIVE_DIR,
    recording_keys=RECORDING_KEYS,
    whisper_model=ENV.whisper_model,
    whisper_device=ENV.whisper_device,
    whisper_compute_type=ENV.whisper_compute_type,
    whisper_processes=ENV.whisper_processes,
    piper_model=ENV.piper_model,
    local_voice=ENV.local_voice,
    hibari_voice=ENV.hibari_voice,
    local_voice_processes=ENV.local_voice_processes,
    phrases_dir=Path(VAR_DIR / "phrases"),
    phrases_bytes=ENV.phrases_mb << 20,
    elevenlabs_api_key=ENV.elevenlabs_api_key.get_secret_value(),
    elevenlabs_url=ENV.elevenlabs_url,
    elevenlabs_voice_id=ENV.elevenlabs_voice_id,
    elevenlabs_model=ENV.elevenlabs_model,
    elevenlabs_component=env.elevenlabs_component(ENV),
    gpu_component=ENV.gpu_rate,
    gpu_share=env.gpu_share(ENV),
    max_call_s=ENV.voice_max_call_s,
    filler_after_ms=ENV.voice_filler_after_ms,
    headroom=Limits(
        lag_ms=ENV.voice_max_lag_ms,
        lateness_ms=ENV.voice_max_lateness_ms,
        speech_wait_ms=ENV.voice_max_speech_wait_ms,
        busy_percent=ENV.voice_max_busy_percent,
        memory_mb=ENV.voice_min_memory_mb,
    ),
    trusted_proxies=tuple(env.listed(ENV.voice_trusted_proxies)),
    internal_host=env.internal_host(ENV),
    ice_servers=tuple(env.listed(ENV.webrtc_ice_servers.get_secret_value())),
)
LANGUAGE_MODEL = env.language_model(ENV, cache_url=REDIS_URL)
VOICE_RING_TIMEOUT_S = ENV.voice_ring_timeout_s
VOICE_QUEUES = tuple(env.listed(ENV.voice_queues))
"""The queues that voice workers are asked to serve; none named: all that they can."""
CALL_LEASE_S = 20
CALL_UNKNOWN_LIMIT_H = 72
"""A call of which the carrier does not tell in so many hours what became of it is ended."""

# Traces, see docs/traces.md
LANGSMITH_API_KEY = ENV.langsmith_api_key.get_secret_value()
LANGSMITH_ENDPOINT = ENV.langsmith_endpoint
LANGSMITH_PROJECT = ENV.langsmith_project
LANGSMITH_SPEECH = ENV.langsmith_speech
