"""The web process: ``uvicorn reautomation.asgi:application``."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reautomation.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

from reautomation import embedded

if settings.USES_EMBEDDED:
    embedded.join(settings.EMBEDDED)

application = get_asgi_application()
