"""The environment, read once and typed.

A wrong variable raises ``BadEnvironment`` whose text names the variable, its value and what is accepted. Values come
from the process's environment first, then from ``.env`` beside ``manage.py``.
"""

import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
_SECRETS = frozenset({"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "TWILIO_AUTH_TOKEN"})


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

    twilio_account_sid: Annotated[str, Field(pattern=r"^(AC[0-9a-fA-F]{32})?$")] = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_api_url: Annotated[str, _url("http", "https")] = "https://api.twilio.com"
    twilio_from_number: Phone = ""

    voice_lines: Annotated[int, Field(ge=1, le=200)] = 4
    voice_media_host: str = "127.0.0.1"
    voice_media_port: Port = 0
    voice_media_url: Annotated[str, _url("ws", "wss")] = ""
    voice_max_call_s: Annotated[int, Field(ge=30, le=3600)] = 300
    voice_ring_timeout_s: Annotated[int, Field(ge=15, le=120)] = 25

    whisper_model: str = ""
    whisper_device: Literal["cpu", "cuda", "auto"] = "cpu"
    whisper_compute_type: Literal["int8", "int8_float16", "float16", "float32"] = "int8"
    piper_model: str = ""


def read() -> Environment:
    """The checked environment. Raises BadEnvironment with one sentence per wrong variable."""
    try:
        environment = Environment()
        _check_service(environment.database_url, "DATABASE_URL", "postgresql", "postgres")
        _check_service(environment.redis_url, "REDIS_URL", "redis", "rediss")
    except ValidationError as error:
        raise BadEnvironment("\n".join(_sentence(dict(detail)) for detail in error.errors())) from None
    return environment


def _check_service(secret: SecretStr, name: str, *schemes: str) -> None:
    value = secret.get_secret_value()
    if value and (urlsplit(value).scheme not in schemes or not urlsplit(value).hostname):
        raise BadEnvironment(
            f"{name} is set but is not a URL of the form {schemes[0]}://user:password@host:port/name. "
            f"Correct it, or remove it to use the embedded server."
        )


def _sentence(detail: dict[str, object]) -> str:
    location = detail["loc"]
    name = str(location[0] if isinstance(location, tuple) else location).upper()
    value = "(a secret, not shown)" if name in _SECRETS else repr(detail["input"])
    accepted = str(detail["msg"]).removeprefix("Value error, ")
    return f"{name} is {value}: {accepted[0].lower()}{accepted[1:]}. Correct it in the environment or in .env."
