"""A lead's number stays: its calls, consents and place on the do-not-call list belong to it."""

import pytest
from django.test import Client

from calls.domain.status import CallStatus
from tests.calls import factories as make


@pytest.mark.parametrize("forged", [{}, {"phone": "+13035550222"}])
@pytest.mark.parametrize("status", [CallStatus.LIVE, CallStatus.DONE])
def test_the_number_of_a_lead_cannot_be_changed(
    as_manager: Client, db: None, status: CallStatus, forged: dict[str, str]
) -> None:
    """With a call under way another number would let the lead be due beside it."""
    lead = make.lead(phone="+13035550111")
    make.call(lead, status)
    page = f"/admin/calls/lead/{lead.pk}/change/"
    form = as_manager.get(page).context["adminform"].form
    sent = {name: form.get_initial_for_field(field, name) or "" for name, field in form.fields.items()}
    assert "phone" not in sent
    at = {"next_attempt_at_0": "2026-11-10", "next_attempt_at_1": "19:00"}
    none = {"consents-TOTAL_FORMS": "0", "consents-INITIAL_FORMS": "0"}
    response = as_manager.post(page, {**sent, **at, **none, **forged, "name": "Dana R."})
    assert response.status_code == 302
    lead.refresh_from_db()
    assert (lead.name, lead.phone) == ("Dana R.", "+13035550111")
