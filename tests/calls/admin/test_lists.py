"""A list's first page comes from an index: with a million rows, sorting them would take seconds."""

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Model
from django.test import RequestFactory

from billing.models import LedgerEntry
from calls.models import Call, CallEvent, Consent, Decision, Lead


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "index"),
    [
        (Lead, "lead_by_age"),
        (Call, "call_by_age"),
        (CallEvent, "event_by_age"),
        (Consent, "consent_by_age"),
        (Decision, "decision_by_age"),
        (LedgerEntry, "entry_by_age"),
    ],
)
def test_the_first_page_comes_from_an_index(model: type[Model], index: str) -> None:
    request = RequestFactory().get("/")
    request.user = get_user_model().objects.create_superuser("root")
    rows = admin.site.get_model_admin(model).get_changelist_instance(request).get_queryset(request)
    with connection.cursor() as cursor:  # empty tables are read, joined and sorted whole in no time
        for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    plan = rows[:50].explain()
    assert f"Index Scan Backward using {index}" in plan
    assert "Sort" not in plan
