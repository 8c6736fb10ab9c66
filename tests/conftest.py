"""What every test stands on: real servers, and no way to the outside."""

import pytest
from django.conf import settings
from pytest_socket import socket_allow_hosts

from reautomation import embedded


def pytest_configure(config: pytest.Config) -> None:
    if settings.USES_EMBEDDED:
        embedded.join(settings.EMBEDDED)


def pytest_runtest_setup() -> None:
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
