"""The environment, read once and typed.

A wrong variable raises ``BadEnvironment`` whose text names the variable, its value and what is accepted. Values come
from the process's environment first, then from ``.env`` beside ``manage.py``.
"""

import os
import re
import socket
from decimal import ROUND_UP, Decimal
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from agents.llm.config import ModelConfig
from calls.domain.queues import QUEUES
from voice.browser import ice
from voice.recordings.bucket import Bucket
from voice.recordings.keys import BadKeys, Keyring

ROOT = Path(__file__).resolve().parent.parent
_SECRETS = frozenset(
    {
        "SECRET_KEY",
        "DATABASE_URL",
        "REDIS_URL",
        "TWILIO_AUTH_TOKEN",
        "ELEVENLABS_API_KEY",
        "LLM_API_KEY",
        "EMAIL_URL",
        "RECORDING_KEYS",
        "RECORDINGS_S3_SECRET_KEY",
        "WEBRTC_ICE_SERVERS",
        "LANGSMITH_API_KEY",
    }
)


class BadEnvironment(Exception):
    """The environment cannot be used; the text says what to change."""


def _url(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        if value and (urlsplit(value).scheme not in schemes or not (urlsplit(value).netloc or urlsplit(value).path)):
            raise ValueError(f"must be a URL that starts with {' or '.join(s + '://' for s in schemes)}")
        return value.rstrip("/")

    return AfterValidator(check)


def _phone(value: str) -> str:
    if value and not (value.startswith("+") and value[1:].isdigit() and 8 <= len(value) <= 16):
        raise ValueError("must be a phone number in E.164 form, such as +13035550100")
    return value


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("must be an IANA time zone, such as America/Denver")
    return value


def _header(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("must be the key alone, without spaces or line breaks")
    return value


def listed(value: str) -> list[str]:
    """A list that is written with commas."""
    return [part.strip() for part in value.split(",") if part.strip()]


def _networks(value: str) -> str:
    for part in listed(value):
        try:
            ip_network(part)
        except ValueError:
            raise ValueError("must be addresses or networks with commas between them, as in 10.0.0.0/8") from None
    return value


def _media_url(value: str) -> str:
    try:
        media_url(value, port=1, number=1)
    except (KeyError, IndexError, ValueError, AttributeError):
        raise ValueError("must be a URL whose only placeholders are {port} and {n}") from None
    return value


def _ice_servers(value: SecretStr) -> SecretStr:
    for part in listed(value.get_secret_value()):
        ice.parse(part)
    return value


def _mail_address(value: str) -> str:
    _, address = parseaddr(value)
    if value and not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
        raise ValueError("must be a mail address, such as money@example.com")
    return value


def _queues(value: str) -> str:
    if set(listed(value)) - set(QUEUES):
        raise ValueError(f"must be queues with commas between them, of {', '.join(QUEUES)}")
    return value


def _mail_addresses(value: str) -> str:
    for part in listed(value):
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", part):
            raise ValueError("must be mail addresses with commas between them, such as a@example.com,b@example.com")
    return value


def _recording_keys(value: SecretStr) -> SecretStr:
    if value.get_secret_value():
        try:
            Keyring.parse(value.get_secret_value())
        except BadKeys as error:
            raise ValueError(str(error)) from None
    return value


def _matching(pattern: str, accepted: str) -> AfterValidator:
    def check(value: str) -> str:
        if value and not re.fullmatch(pattern, value):
            raise ValueError(f"must be {accepted}")
        return value

    return AfterValidator(check)


Phone = Annotated[str, AfterValidator(_phone)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Environment(BaseSettings):
    """Every variable that the project reads; ``.env.example`` lists them with their meaning."""

    model_config = SettingsConfigDict(
        env_file=os.environ.get("ENV_FILE", ROOT / ".env"), extra="ignore", env_ignore_empty=True
    )

    debug: bool = False
    secret_key: SecretStr = SecretStr("")
    allowed_hosts: str = "localhost,127.0.0.1,[::1]"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"
    var_dir: Path = ROOT / "var"

    database_url: Annotated[SecretStr, Field()] = SecretStr("")
    redis_url: Annotated[SecretStr, Field()] = SecretStr("")

    web_host: str = "127.0.0.1"
    web_port: Annotated[int, Field(ge=1, le=65535)] = 8000
    flower_port: Annotated[int, Field(ge=1, le=65535)] = 5555
    public_url: Annotated[str, _url("http", "https")] = ""

    company_name: Annotated[str, Field(max_length=80)] = "Summit Realty"
    agent_name: Annotated[str, Field(max_length=40)] = "Ava"
    report_zone: Annotated[str, AfterValidator(_zone)] = "UTC"

    twilio_account_sid: Annotated[str, Field(pattern=r"^(AC[0-9a-fA-F]{32})?$")] = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_api_url: Annotated[str, _url("http", "https")] = "https://api.twilio.com"
    twilio_from_number: Phone = ""
    carrier_cps: Annotated[float, Field(ge=0.02, le=1000)] = 1.0
    carrier_max_calls: Annotated[int, Field(ge=0, le=10_000)] = 0

    opt_out_sms_confirmation: Annotated[str, Field(max_length=320)] = ""
    opt_out_ends_live_calls: bool = False

    transfer_countries: Annotated[str, Field(pattern=r"^[A-Z]{2}(, ?[A-Z]{2})*$")] = "US"
    transfer_ring_timeout_s: Annotated[int, Field(ge=5, le=120)] = 20

    voice_lines: Annotated[int, Field(ge=1, le=200)] = 4
    voice_queues: Annotated[str, AfterValidator(_queues)] = ""
    voice_media_host: str = "127.0.0.1"
    voice_media_port: Port = 0
    voice_media_url: Annotated[str, _url("ws", "wss"), AfterValidator(_media_url)] = ""
    voice_processes: Annotated[int, Field(ge=0, le=64)] = 0
    voice_trusted_proxies: Annotated[str, AfterValidator(_networks)] = ""
    voice_internal_host: Annotated[str, _matching(r"[A-Za-z0-9.:_-]{1,100}", "a host's name or address")] = ""
    webrtc_ice_servers: Annotated[SecretStr, AfterValidator(_ice_servers)] = SecretStr("")
    voice_filler_after_ms: Annotated[int, Field(ge=0, le=10_000)] = 1200
    voice_max_lag_ms: Annotated[float, Field(ge=0, le=10_000)] = 80.0
    voice_max_lateness_ms: Annotated[float, Field(ge=0, le=10_000)] = 40.0
    voice_max_speech_wait_ms: Annotated[float, Field(ge=0, le=60_000)] = 500.0
    voice_max_busy_percent: Annotated[float, Field(ge=0, le=100)] = 75.0
    voice_min_memory_mb: Annotated[float, Field(ge=0)] = 300.0
    voice_max_call_s: Annotated[int, Field(ge=30, le=3600)] = 300
    voice_ring_timeout_s: Annotated[int, Field(ge=15, le=120)] = 25

    whisper_model: str = ""
    whisper_device: Literal["cpu", "cuda", "auto"] = "cpu"
    whisper_compute_type: Literal["int8", "int8_float16", "float16", "float32"] = "int8"
    whisper_processes: Annotated[int, Field(ge=1, le=64)] = 1
    piper_model: str = ""
    local_voice: Literal["piper", "hibari"] = "piper"
    hibari_voice: Literal["", "heart", "fenrir", "emma", "fable", "kore"] = ""
    local_voice_processes: Annotated[int, Field(ge=1, le=64)] = 1
    phrases_mb: Annotated[int, Field(ge=1, le=100_000)] = 64

    elevenlabs_api_key: Annotated[SecretStr, AfterValidator(_header)] = SecretStr("")
    elevenlabs_url: Annotated[str, _url("http", "https")] = "https://api.elevenlabs.io"
    elevenlabs_voice_id: Annotated[
        str, _matching(r"[A-Za-z0-9_-]+", "the id of a voice, which has letters and digits")
    ] = ""
    elevenlabs_model: Literal["eleven_flash_v2_5", "eleven_multilingual_v2", "eleven_v3"] = "eleven_flash_v2_5"

    llm_backend: Literal["none", "ollama", "openai"] = "none"
    llm_url: Annotated[str, _url("http", "https")] = ""
    llm_model: Annotated[str, _matching(r"[A-Za-z0-9._:/@-]{1,200}", "the name of a model, such as llama3.1:8b")] = ""
    llm_api_key: Annotated[SecretStr, AfterValidator(_header)] = SecretStr("")
    llm_first_clause_ms: Annotated[int, Field(ge=100, le=5000)] = 900
    llm_reply_ms: Annotated[int, Field(ge=200, le=10_000)] = 2000
    llm_concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    llm_queue_ms: Annotated[int, Field(ge=0, le=2000)] = 100
    llm_context_tokens: Annotated[int, Field(ge=1024, le=131_072)] = 2048
    llm_after_call_s: Annotated[float, Field(ge=0, le=600)] = 60
    llm_cache_h: Annotated[float, Field(ge=0, le=720)] = 24
    llm_rate: Annotated[
        str,
        _matching(
            r"(?!.*\.(in|out)$)[a-z0-9_.-]{1,56}",
            "how two keys of the rate card begin, such as openai.gpt-4.1-mini for openai.gpt-4.1-mini.in and .out",
        ),
    ] = ""

    gpu_rate: Annotated[str, _matching(r"gpu\.[a-z0-9_.-]+", "a GPU's key of the rate card, such as gpu.rtx4090")] = (
        ""
    )
    gpu_calls: Annotated[int, Field(ge=1, le=200)] = 8
    gpu_use: Annotated[Decimal, Field(gt=0, le=1, decimal_places=6)] = Decimal("0.5")

    recording_keys: Annotated[SecretStr, AfterValidator(_recording_keys)] = SecretStr("")
    recordings_days: Annotated[int, Field(ge=1, le=3650)] = 90
    recordings_s3_bucket: Annotated[
        str, _matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket, such as calls-of-summit")
    ] = ""
    recordings_s3_endpoint: Annotated[str, _url("http", "https")] = ""
    recordings_s3_prefix: Annotated[str, _matching(r"[A-Za-z0-9/_.-]{1,200}", "a folder, such as calls/2026")] = ""
    recordings_s3_region: Annotated[str, _matching(r"[a-z0-9-]{1,40}", "a region, such as us-east-1")] = ""
    recordings_s3_access_key: str = ""
    recordings_s3_secret_key: SecretStr = SecretStr("")

    email_url: SecretStr = SecretStr("")
    alert_emails: Annotated[str, AfterValidator(_mail_addresses)] = ""
    alert_from: Annotated[str, AfterValidator(_mail_address)] = ""

    langsmith_api_key: Annotated[SecretStr, AfterValidator(_header)] = SecretStr("")
    langsmith_endpoint: Annotated[str, _url("http", "https")] = "https://api.smith.langchain.com"
    langsmith_project: Annotated[
        str, _matching(r"[A-Za-z0-9 _.-]{1,80}", "a project's name, of letters, digits, spaces, dots and dashes")
    ] = "reautomation"
    langsmith_speech: bool = False


def read() -> Environment:
    """The checked environment. Raises BadEnvironment with one sentence per wrong variable."""
    try:
        environment = Environment()
        _check_service(environment.database_url, "DATABASE_URL", "postgresql", "postgres")
        _check_service(environment.redis_url, "REDIS_URL", "redis", "rediss")
        _check_premium(environment)
        _check_model(environment)
        _check_mail(environment)
        _check_bucket(environment)
        _check_processes(environment)
    except ValidationError as error:
        raise BadEnvironment("\n".join(_sentence(dict(detail)) for detail in error.errors())) from None
    return environment


def elevenlabs_component(environment: Environment) -> str:
    """The rate card's key of the model: its name after another prefix."""
    return environment.elevenlabs_model.replace("eleven_", "elevenlabs.", 1)


def gpu_share(environment: Environment) -> Decimal:
    """GPU-seconds that a second of a call pays for: its part of one GPU, and of the time that stands idle."""
    used = environment.gpu_calls * environment.gpu_use
    return (1 / used).quantize(Decimal("0.000001"), rounding=ROUND_UP)


def mail_server(environment: Environment) -> tuple[str, int, str, str, bool, bool]:
    """Host, port, user, password, whether to begin in plain text and switch to TLS, whether to begin with TLS.

    A password is never sent in plain text: ``smtp://`` with a user asks the server for TLS first.
    """
    parts = urlsplit(environment.email_url.get_secret_value())
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    tls = parts.scheme == "smtps"
    usual = 465 if tls else 587 if user else 25
    return parts.hostname or "", parts.port or usual, user, password, bool(user) and not tls, tls


def sender(environment: Environment) -> str:
    """Whom alerts come from: ALERT_FROM, else the account of the mail server, else their first receiver."""
    user = unquote(urlsplit(environment.email_url.get_secret_value()).username or "")
    known = [environment.alert_from, user if "@" in user else "", *listed(environment.alert_emails)]
    return next((one for one in known if one), "")


def media_url(pattern: str, *, port: int, number: int) -> str:
    """The address of the voice process ``number``, counted from 1, at ``port``. Raises what ``str.format`` does."""
    return pattern.format(port=port, n=number)


def internal_host(environment: Environment) -> str:
    """Where the web finds this machine's voice processes: as named, else where they listen.

    Those that listen everywhere, as in a container, are found under the machine's own address.
    """
    if environment.voice_internal_host:
        return environment.voice_internal_host
    if environment.voice_media_host not in ("0.0.0.0", "::"):  # noqa: S104 - it is asked for, not listened on
        return environment.voice_media_host
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:  # it does not know its own name
        return "127.0.0.1"


def voice_processes(environment: Environment) -> int:
    """How many voice processes this machine runs: as named, else one for two cores.

    A process needs one core for its calls and about as much for its recogniser and synthesiser, which are processes
    of their own. Without a pattern for their addresses there is one.
    """
    if environment.voice_processes:
        return environment.voice_processes
    if environment.voice_media_url and not _has_place(environment.voice_media_url):
        return 1
    return max(1, len(os.sched_getaffinity(0)) // 2)


def _has_place(pattern: str) -> bool:
    return media_url(pattern, port=1, number=1) != media_url(pattern, port=2, number=2)


def _check_processes(environment: Environment) -> None:
    url, port, processes = environment.voice_media_url, environment.voice_media_port, voice_processes(environment)
    if processes > 1 and url and not _has_place(url):
        raise BadEnvironment(
            f"VOICE_PROCESSES is {processes}, and VOICE_MEDIA_URL names one address for all of them: write {{port}} "
            f"or {{n}} (from 1) into it, as in wss://voice.example.com/{{n}}/media."
        )
    if url and not port and (processes > 1 or "{port" in url):
        raise BadEnvironment(
            "VOICE_MEDIA_URL is a pattern for voice processes, and VOICE_MEDIA_PORT is not set: name the port of the "
            "first process; the others take those after it."
        )
    if port and port + processes - 1 > 65535:
        raise BadEnvironment(
            f"VOICE_MEDIA_PORT is {port}: the last of {processes} voice processes would need port "
            f"{port + processes - 1}, and there is none above 65535."
        )


def _check_service(secret: SecretStr, name: str, *schemes: str) -> None:
    value = secret.get_secret_value()
    if value and (urlsplit(value).scheme not in schemes or not urlsplit(value).hostname):
        raise BadEnvironment(
            f"{name} is set but is not a URL of the form {schemes[0]}://user:password@host:port/name. "
            f"Correct it, or remove it to use the embedded server."
        )


def _check_premium(environment: Environment) -> None:
    key, voice_id = bool(environment.elevenlabs_api_key.get_secret_value()), environment.elevenlabs_voice_id
    if key != bool(voice_id):
        there, missing = ("ELEVENLABS_API_KEY", "ELEVENLABS_VOICE_ID")[:: 1 if key else -1]
        raise BadEnvironment(
            f"{there} is set and {missing} is not: set both for the premium voice, or neither for the local one."
        )


def language_model(environment: Environment, *, cache_url: str) -> ModelConfig:
    """Which language model conversations ask; its answers are kept in the Redis at ``cache_url``."""
    ollama = environment.llm_backend == "ollama"
    return ModelConfig(
        backend=environment.llm_backend,
        url=environment.llm_url or ("http://127.0.0.1:11434" if ollama else ""),
        model=environment.llm_model or ("llama3.1:8b" if ollama else ""),
        api_key=environment.llm_api_key.get_secret_value(),
        first_clause_s=environment.llm_first_clause_ms / 1000,
        reply_s=environment.llm_reply_ms / 1000,
        concurrency=environment.llm_concurrency,
        queue_s=environment.llm_queue_ms / 1000,
        context_tokens=environment.llm_context_tokens,
        after_call_s=environment.llm_after_call_s,
        cache_url=cache_url,
        cache_s=round(environment.llm_cache_h * 3600),
        rate=environment.llm_rate,
    )


def _check_model(environment: Environment) -> None:
    if environment.llm_backend == "openai":
        for name, value, example in (
            ("LLM_URL", environment.llm_url, "http://127.0.0.1:8001/v1"),
            ("LLM_MODEL", environment.llm_model, "meta-llama/Llama-3.1-8B-Instruct"),
        ):
            if not value:
                raise BadEnvironment(f"LLM_BACKEND is openai and {name} is not set: set it, as in {name}={example}.")
    given = (
        ("LLM_URL", environment.llm_url),
        ("LLM_MODEL", environment.llm_model),
        ("LLM_RATE", environment.llm_rate),
    )
    there = next((name for name, value in given if value), "")
    if environment.llm_backend == "none" and there:
        raise BadEnvironment(
            f"{there} is set and LLM_BACKEND is not: set LLM_BACKEND=ollama, or openai for any other server, or "
            f"remove {there} to let the rules speak alone."
        )
    if environment.llm_reply_ms < environment.llm_first_clause_ms:
        raise BadEnvironment(
            f"LLM_REPLY_MS is {environment.llm_reply_ms}, less than LLM_FIRST_CLAUSE_MS, which is "
            f"{environment.llm_first_clause_ms}: a reply cannot be whole before its first clause. Raise the one, or "
            f"lower the other."
        )


def _check_mail(environment: Environment) -> None:
    url = environment.email_url.get_secret_value()
    if bool(url) != bool(listed(environment.alert_emails)):
        there, missing = ("EMAIL_URL", "ALERT_EMAILS")[:: 1 if url else -1]
        raise BadEnvironment(
            f"{there} is set and {missing} is not: set both to have alerts mailed, or neither to have none."
        )
    if url and not _is_mail_server(url):
        raise BadEnvironment(
            "EMAIL_URL is set but is not a URL of the form smtp://user:password@host:port, or smtps:// for a server "
            "that begins with TLS. Correct it, or remove it to have no mail sent."
        )


def _check_bucket(environment: Environment) -> None:
    key, secret = environment.recordings_s3_access_key, environment.recordings_s3_secret_key.get_secret_value()
    if bool(key) != bool(secret):
        there, missing = ("RECORDINGS_S3_ACCESS_KEY", "RECORDINGS_S3_SECRET_KEY")[:: 1 if key else -1]
        raise BadEnvironment(f"{there} is set and {missing} is not: set both, or neither for the machine's own ones.")
    if environment.recordings_s3_endpoint and not environment.recordings_s3_bucket:
        raise BadEnvironment(
            "RECORDINGS_S3_ENDPOINT is set and RECORDINGS_S3_BUCKET is not: name the bucket, or remove the endpoint "
            "to keep recordings on the disk."
        )


def recordings_bucket(environment: Environment) -> Bucket | None:
    """Where recordings are kept; None for the folder below ``var``."""
    if not environment.recordings_s3_bucket:
        return None
    return Bucket(
        name=environment.recordings_s3_bucket,
        endpoint=environment.recordings_s3_endpoint,
        prefix=environment.recordings_s3_prefix,
        region=environment.recordings_s3_region,
        access_key=environment.recordings_s3_access_key,
        secret_key=environment.recordings_s3_secret_key.get_secret_value(),
    )


def _is_mail_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        return False


def _sentence(detail: dict[str, object]) -> str:
    location = detail["loc"]
    name = str(location[0] if isinstance(location, tuple) else location).upper()
    value = "(a secret, not shown)" if name in _SECRETS else repr(detail["input"])
    accepted = str(detail["msg"]).removeprefix("Value error, ")
    return f"{name} is {value}: {accepted[0].lower()}{accepted[1:]}. Correct it in the environment or in .env."
