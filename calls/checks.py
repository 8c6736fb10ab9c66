"""What ``manage.py check`` says of settings that only an operator can mend."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning


def recording_keys(**_asked: Any) -> list[CheckMessage]:
    """Keys beside what they seal, on one machine alone, are enough to try things out: on embedded servers."""
    if settings.RECORDING_KEYS_ARE_OWN or settings.USES_EMBEDDED:
        return []
    return [
        Warning(
            "RECORDING_KEYS is not set: recordings are sealed with a key that lies in var/recording_keys, beside "
            "them, and that no other machine has.",
            hint="Set RECORDING_KEYS to the output of `manage.py recordings key`, with what is in var/recording_keys "
            "behind it, separated by a comma.",
            id="calls.W001",
        )
    ]
