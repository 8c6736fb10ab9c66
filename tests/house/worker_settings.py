"""The settings of a voice worker process that a test starts: the test's database, a broker of its own."""

import os

from tests.settings import *  # noqa: F403 - as Django's settings are extended
from tests.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
CELERY_BROKER_URL = os.environ["TEST_BROKER_URL"]
TWILIO_API_URL = os.environ["TEST_CARRIER_URL"]
CALL_LEASE_S = 4
