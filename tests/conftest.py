"""What every test stands on: real servers, and no way to the outside."""

import signal

import pytest
from django.conf import settings
from pytest_socket import socket_allow_hosts

from reautomation import embedded


def pytest_configure(config: pytest.Config) -> None:
    if settings.USES_EMBEDDED:
        embedded.join(settings.EMBEDDED)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Started in the background: processes that tests start, and end by Ctrl-C, would ignore it as well.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup() -> None:
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
