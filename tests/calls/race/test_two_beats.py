"""Two real beats tell of the same slot, and the campaign moves once."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from calls.models import Campaign, Schedule, ScheduleRun
from calls.services import scheduling
from tests.calls import factories as make

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def beat(stack: ExitStack) -> "subprocess.Popen[str]":
    names = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    database = json.dumps({name: connection.settings_dict[name] for name in names})
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.calls.race.beat", database],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.enter_context(started)
    assert started.stdin
    stack.callback(started.stdin.close)
    return started


def test_one_effect_however_many_beats_run() -> None:
    campaign = make.campaign()
    now = timezone.now()
    one = Schedule(campaign=campaign, action="pause", once_at=now + timedelta(seconds=15))
    scheduling.save(one, now=now)
    with ExitStack() as stack:
        beats = [beat(stack) for _ in range(2)]
        told = [process.stdout.readline().strip() for process in beats if process.stdout]
        assert told == ["calls.run_schedule"] * 2  # both rang
    assert list(ScheduleRun.objects.values_list("schedule", "slot", "result")) == [(one.pk, one.once_at, "Paused.")]
    assert Campaign.objects.get().status == "paused"
