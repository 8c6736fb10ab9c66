"""Structured logs: one line an event, a fixed name with fields, personal data masked.

Everything under the key ``pii`` is masked before it is written, and phone numbers are masked wherever they appear.
"""

import logging
import os
import re
import sys
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

_PHONE = re.compile(r"\+\d{6,15}\b")
_PROCESSORS: list[structlog.typing.Processor] = []
"""One list for good: a logger that was used keeps it, and would not follow a second ``configure``."""


def mask_phone(number: str) -> str:
    """``+13035550142`` becomes ``+1303*****42``: enough to recognise in a list, too little to dial."""
    return number if len(number) < 7 else f"{number[:5]}{'*' * (len(number) - 7)}{number[-2:]}"


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return _PHONE.sub(lambda match: mask_phone(match.group()), value)
    if isinstance(value, dict):
        return {key: _masked(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(entry) for entry in value]
    return value


def mask_personal_data(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask phone numbers everywhere, and all but the length of what else is under ``pii``."""
    personal = event.pop("pii", None)
    masked: EventDict = {key: _masked(value) for key, value in event.items()}
    if isinstance(personal, dict):
        masked["pii"] = {
            key: mask_phone(value) if _PHONE.fullmatch(str(value)) else f"({len(str(value))} characters)"
            for key, value in personal.items()
        }
    return masked


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at the time: Celery, Uvicorn and tests put their own in its place."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _stream: TextIO) -> None:
        """The base class sets it once."""


def configure(*, level: str, style: Literal["console", "json"]) -> None:
    """Send structlog's and the standard library's events through one formatter to stderr.

    Pipecat logs by loguru, what people say among it, from DEBUG on: of that only warnings are let through.
    """
    os.environ["LOGURU_LEVEL"] = "WARNING"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.stdlib.ExtraAdder(),
        mask_personal_data,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpx2", "httpcore", "twilio.http_client", "websockets", "asyncio", "aioice"):
        logging.getLogger(chatty).setLevel("WARNING")
    _PROCESSORS[:] = [
        structlog.stdlib.filter_by_level,
        *shared,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
