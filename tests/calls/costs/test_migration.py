"""Calls that ended before there were figures are counted by the migration, as if they ended now."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.forms import model_to_dict

from agents.domain.types import Disposition
from calls.domain.status import CallStatus
from calls.models import CostEvent
from tests.calls import factories as make
from tests.calls.costs import world

pytestmark = pytest.mark.django_db


def test_what_ended_before_counts_like_what_ends_now() -> None:
    campaign = make.campaign()
    lead = make.lead(campaign, attempts=1)
    world.list_of(campaign, lead)
    world.finished(campaign, Disposition.APPOINTMENT, lead=lead, script_version="v1", voice="piper")
    world.finished(campaign, Disposition.HUNG_UP, spoke=True, from_number="+13035550111")
    world.finished(campaign, Disposition.NO_ANSWER, lead=make.lead(campaign, attempts=1, zone="America/New_York"))
    for status in (CallStatus.LIVE, CallStatus.CANCELED):
        make.call(make.lead(campaign), status)
    written = {event.reference: model_to_dict(event, exclude=["id"]) for event in CostEvent.objects.all()}
    assert len(written) == 3
    CostEvent.objects.all().delete()

    migration = import_module("calls.migrations.0007_cost_figures")
    with connection.schema_editor() as editor:
        migration.count_what_ended(apps, editor)

    assert {event.reference: model_to_dict(event, exclude=["id"]) for event in CostEvent.objects.all()} == written
