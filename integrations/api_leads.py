"""Leads over the REST API: a person who has just asked is called within seconds."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from calls.domain.lead_fields import BadField, LeadFields, clean, read
from calls.models import Campaign
from calls.services import intake
from calls.services.intake import Asked, Fate, Refused, Taken
from integrations.api import Mistake, Scope, body_of, endpoint, first_mistake
from integrations.models import ApiToken

MAX_BYTES = 64 * 1024
MAX_BATCH = 1_000
_EXAMPLE = '{"campaign": "Sellers", "phone": "+13035550100"}'
_BATCH_EXAMPLE = '{"leads": [{"campaign": "Sellers", "phone": "+13035550100"}]}'
_CONSENT = {"expires_at": "consent_expires_at", "given_at": "consent_at"}
Text = Annotated[str, Field(max_length=300)]


class _Consent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Text
    source: Text
    given_at: Text
    scope: Text = ""
    seller: Text = ""
    expires_at: Text = ""


class _Lead(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    campaign: StrictInt | Annotated[StrictStr, Field(min_length=1, max_length=120)]
    phone: Annotated[str, Field(max_length=40)]
    external_id: Annotated[str, Field(max_length=120)] = ""
    list: Annotated[str, Field(max_length=120)] = ""
    name: Text = ""
    email: Text = ""
    interest: Text = ""
    address: Text = ""
    state: Text = ""
    zone: Text = ""
    source: Text = ""
    priority: Annotated[int, Field(ge=1, le=9)] = 1
    inquiry_at: Text = ""
    last_transaction_at: Text = ""
    consent: _Consent | None = None


class _Batch(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    leads: Annotated[list[Any], Field(min_length=1, max_length=MAX_BATCH)]


@endpoint("POST", Scope.LEADS)
def lead(request: HttpRequest, token: ApiToken) -> HttpResponse:
    """Take one inquiry: 201 for a new lead, 200 for one that is known."""
    body = body_of(request, _EXAMPLE, most_bytes=MAX_BYTES)
    try:
        asked = _Lead.model_validate_json(body)
    except ValidationError as error:
        raise first_mistake(error, _EXAMPLE) from None
    taken = _take(asked, token, {}, now=timezone.now())
    return JsonResponse(_told(taken), status=201 if taken.fate is Fate.CREATED else 200)


@endpoint("POST", Scope.LEADS)
def leads(request: HttpRequest, token: ApiToken) -> HttpResponse:
    """Take up to 1,000 inquiries, each on its own: 200 with the fate of each in their order."""
    try:
        batch = _Batch.model_validate_json(body_of(request, _BATCH_EXAMPLE))
    except ValidationError as error:
        raise first_mistake(error, _BATCH_EXAMPLE) from None
    campaigns: dict[str | int, Campaign | Refused] = {}
    fates = [_fate(one, token, campaigns) for one in batch.leads]
    counts = {fate: sum(one["fate"] == fate for one in fates) for fate in (*Fate, "rejected")}
    return JsonResponse({**counts, "leads": fates})


def _fate(one: object, token: ApiToken, campaigns: dict[str | int, Campaign | Refused]) -> dict[str, object]:
    try:
        return _told(_take(_Lead.model_validate(one), token, campaigns, now=timezone.now()))
    except ValidationError as error:
        mistake = first_mistake(error, _EXAMPLE)
    except Mistake as error:
        mistake = error
    told: dict[str, object] = {"fate": "rejected", "error": str(mistake)}
    return told | ({"field": mistake.field} if mistake.field else {})


def _take(asked: _Lead, token: ApiToken, campaigns: dict[str | int, Campaign | Refused], *, now: datetime) -> Taken:
    """``campaigns`` are those that were looked up before, in a batch. Raises Mistake."""
    try:
        found = _campaign(asked.campaign, campaigns)
        wanted = Asked(
            lead=_fields(asked),
            campaign=found,
            by=token.name,
            external_id=clean("external_id", asked.external_id),
            list_name=clean("list", asked.list),
            priority=asked.priority,
        )
        return intake.take(wanted, now=now)
    except BadField as error:
        raise Mistake(422, str(error), field=_shown(error.field)) from None
    except Refused as error:
        raise Mistake(422, str(error), field=_shown(error.field)) from None


def _campaign(named: str | int, known: dict[str | int, Campaign | Refused]) -> Campaign:
    if named not in known:
        try:
            known[named] = intake.campaign_named(named)
        except Refused as error:
            known[named] = error
    found = known[named]
    if isinstance(found, Refused):
        raise found
    return found


def _fields(asked: _Lead) -> LeadFields:
    names = ("phone", "name", "email", "interest", "address", "state", "zone", "source", "last_transaction_at")
    texts = {name: getattr(asked, name) for name in names} | {"last_inquiry_at": asked.inquiry_at}
    if asked.consent is not None:
        texts |= {_CONSENT.get(name, f"consent_{name}"): text for name, text in asked.consent.model_dump().items()}
    return read({name: clean(name, text) for name, text in texts.items()})


def _shown(field: str) -> str:
    """The field's name in JSON, such as ``consent.given_at``."""
    if field == "last_inquiry_at":
        return "inquiry_at"
    back = {flat: name for name, flat in _CONSENT.items()}
    name = back.get(field, field.removeprefix("consent_"))
    return f"consent.{name}" if field.startswith("consent_") else field


def _told(taken: Taken) -> dict[str, object]:
    lead = taken.lead
    told: dict[str, object] = {"fate": taken.fate.value, "lead": lead.pk, "phone": lead.phone, "status": lead.status}
    if lead.closed_reason:
        told["closed_reason"] = lead.closed_reason
    else:
        told["next_attempt_at"] = lead.next_attempt_at.isoformat()
    return told | ({"note": taken.note} if taken.note else {})
