"""Two hundred thousand leads whose hours are over, in one round of dispatch."""

import time
from datetime import UTC, datetime

import pytest
from django.db import connection

from calls.models import Decision, Lead, SharedDecision
from calls.services import doorbell
from calls.services.dispatching import dispatch
from tests.calls import factories as make

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("lines")]
NIGHT = datetime(2026, 11, 11, 5, 0, tzinfo=UTC)
LEADS = 200_000
FIRST_BATCH = 50
"""Those that are looked at one by one, before it is known that all like them are closed."""
AREAS = [212, 303, 305, 312, 702, 213, 415, 206, 404, 617, 602, 713, 214, 512, 503, 801, 615, 407, 813, 904]
_LEADS = """
INSERT INTO calls_lead (campaign_id, phone, name, email, interest, address, state, zone, source, priority, status,
    disposition, closed_reason, attempts, next_attempt_at, created_at)
SELECT %s, '+1' || (%s::text[])[1 + n %% 20] || (200 + n / 20 %% 700) || to_char(1000 + n / 14000, 'FM0000'), '', '',
    '', '', (ARRAY['', '', 'FL', 'TX'])[1 + n %% 4], '', '', 5, 'open', '', '', 0, %s, %s
FROM generate_series(0, %s) AS n
"""
_CONSENTS = """
INSERT INTO calls_consent (lead_id, kind, source, given_at, recorded_at, scope, seller, revoked_why)
SELECT id, 'written', 'form', '2026-01-01Z', now(), 'campaign', '', '' FROM calls_lead
"""


def test_they_are_put_off_together_and_share_a_decision_for_each_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doorbell, "ring", lambda *_: True)
    campaign = make.campaign(max_concurrency=500)
    with connection.cursor() as cursor:
        areas = [str(area) for area in AREAS]
        cursor.execute(_LEADS, [campaign.pk, areas, NIGHT, NIGHT, LEADS - 1])
        cursor.execute(_CONSENTS)
        cursor.execute("ANALYZE calls_lead")
    started = time.monotonic()
    assert dispatch(now=NIGHT) == 0
    took_s = time.monotonic() - started
    with capsys.disabled():
        print(f"{LEADS} leads were put off in {took_s:.1f} s")
    assert not Lead.objects.due(now=NIGHT).exists()
    assert SharedDecision.objects.count() == LEADS - FIRST_BATCH
    assert Decision.objects.filter(lead__isnull=False).count() == FIRST_BATCH
    assert Decision.objects.count() < 2 * FIRST_BATCH
