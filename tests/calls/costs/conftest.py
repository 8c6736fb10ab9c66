from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from calls.permissions import MANAGERS
from tests.calls.factories import NOON_IN_DENVER


@pytest.fixture
def as_manager(client: Client, db: None) -> Client:
    user = User.objects.create_user("mia", password="correct horse", is_staff=True)
    user.groups.add(Group.objects.get(name=MANAGERS))
    client.force_login(user)
    return client


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the pages' clock; noon in Denver until then."""

    def set_to(at: datetime) -> None:
        for module in ("calls.admin.costs", "calls.management.commands.export_costs"):
            monkeypatch.setattr(f"{module}.timezone.now", lambda: at)

    set_to(NOON_IN_DENVER)
    return set_to
