"""A call over the REST API: what came of it."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse

from calls.models import Call
from calls.services.analysis_data import told
from integrations.api import Mistake, Scope, endpoint
from integrations.models import ApiToken
from integrations.services import data_of


@endpoint("GET", Scope.CALLS)
def call(request: HttpRequest, token: ApiToken, *, call_id: UUID) -> HttpResponse:
    """The call as webhooks tell of it, its status and its current analysis; null where there is none."""
    found = Call.objects.select_related("lead").filter(pk=call_id).first()
    if found is None:
        raise Mistake(404, "There is no such call.")
    row = found.analyses.filter(current=True).first()
    analysis = None if row is None else told(row)
    return JsonResponse({**data_of(found), "status": found.status, "analysis": analysis})
