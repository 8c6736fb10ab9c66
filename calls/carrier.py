"""The phone company that the settings name."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from voice.ports import Dialer


@cache
def dialer() -> Dialer:
    """One for the process; its HTTP client is shared by the threads."""
    adapter: Dialer = import_string(settings.DIALER)(
        account_sid=settings.TWILIO_ACCOUNT_SID,
        auth_token=settings.TWILIO_AUTH_TOKEN,
        api_base_url=settings.TWILIO_API_URL,
        callback_base_url=settings.PUBLIC_URL,
    )
    return adapter
