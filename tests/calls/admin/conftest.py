import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from calls.models import Campaign
from calls.permissions import MANAGERS
from tests.calls.admin import world


@pytest.fixture
def manager(db: None) -> User:
    user = User.objects.create_user("mia", password="correct horse", is_staff=True)
    user.groups.add(Group.objects.get(name=MANAGERS))
    return user


@pytest.fixture
def as_manager(client: Client, manager: User) -> Client:
    client.force_login(manager)
    return client


@pytest.fixture
def campaign(db: None) -> Campaign:
    return world.campaign()
