"""Leads, where they came from, and who must not be called."""

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, CharField, Exists, F, Func, OuterRef, Q, Value, When
from django.db.models.functions import Concat, Lower

from calls.domain.compliance import ConsentScope
from calls.models.campaign import CampaignStatus


class LeadStatus(models.TextChoices):
    OPEN = "open"
    CLOSED = "closed"


_HOUSE = r"^\s*[0-9]+[a-zA-Z]?\s+\S"
"""How an address begins that names a house: nobody shares a household by living in one town."""


def _household() -> Case:
    """Address and state in small letters and digits alone; empty where the address names no house."""
    text = Func(
        Lower(Concat(F("address"), F("state"))),
        Value("[^a-z0-9]+"),
        Value(""),
        Value("g"),
        function="REGEXP_REPLACE",
        output_field=CharField(),
    )
    return Case(When(address__regex=_HOUSE, then=text), default=Value(""), output_field=CharField())


class LeadQuerySet(models.QuerySet["Lead"]):
    def due(self, *, now: datetime) -> "LeadQuerySet":
        return self.filter(status=LeadStatus.OPEN, next_attempt_at__lte=now, campaign__status=CampaignStatus.RUNNING)

    def idle(self) -> "LeadQuerySet":
        """Without an unfinished call to the lead's number, in whatever campaign."""
        from calls.models.call import Call

        return self.filter(~Exists(Call.objects.unfinished().filter(to_number=OuterRef("phone"))))

    def reachable(self) -> "LeadQuerySet":
        from calls.models.suppression import Suppression

        return self.filter(~Exists(Suppression.objects.filter(phone=OuterRef("phone"))))

    def as_indexed(self) -> "LeadQuerySet":
        """A list after the other, each in the order of calling: what the index ``lead_due`` has without sorting."""
        return self.order_by("campaign", "list_id", "priority", "next_attempt_at", "pk")


class LeadList(models.Model):
    """Leads of a campaign that came together. Lists are called by priority; one that is not active waits."""

    campaign = models.ForeignKey("calls.Campaign", on_delete=models.CASCADE, related_name="lists")
    name = models.CharField(max_length=120)
    priority = models.PositiveSmallIntegerField(
        default=5, validators=[MinValueValidator(1), MaxValueValidator(9)], help_text="1 is called first, 9 last."
    )
    active = models.BooleanField(default=True, help_text="Leads of a list that is not active are not called.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["priority", "pk"]
        constraints = [models.UniqueConstraint(fields=["campaign", "name"], name="one_list_per_name")]

    def __str__(self) -> str:
        return self.name


class Lead(models.Model):
    """One person to call in one campaign. ``phone`` is E.164; ``zone`` overrides what the number tells."""

    campaign = models.ForeignKey("calls.Campaign", on_delete=models.CASCADE, related_name="leads")
    list = models.ForeignKey("calls.LeadList", null=True, blank=True, on_delete=models.PROTECT, related_name="leads")
    person = models.ForeignKey(
        "calls.Person", null=True, blank=True, on_delete=models.SET_NULL, related_name="leads", editable=False
    )
    phone = models.CharField(max_length=16, db_index=True)
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    interest = models.CharField(max_length=10, blank=True, choices=[("sell", "sell"), ("buy", "buy")])
    address = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=3, blank=True, help_text="Two-letter state, such as CO; empty: the number's.")
    zone = models.CharField(max_length=64, blank=True, help_text="IANA time zone; empty: the number's.")
    source = models.CharField(max_length=80, blank=True)
    priority = models.PositiveSmallIntegerField(default=5, help_text="1 is called first, 9 last.")
    status = models.CharField(max_length=10, choices=LeadStatus.choices, default=LeadStatus.OPEN)
    disposition = models.CharField(max_length=24, blank=True, db_index=True)
    closed_reason = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    cadence_from = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Calls from then on count for the cadence; empty: all."
    )
    next_attempt_at = models.DateTimeField(db_index=True)
    put_off_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="As next attempt at, where a gate and no call set that."
    )
    commitment_at = models.DateTimeField(null=True, blank=True, help_text="When the lead asked to be called.")
    last_transaction_at = models.DateTimeField(
        null=True, blank=True, help_text="The last deal with this person: an established business relationship."
    )
    last_inquiry_at = models.DateTimeField(
        null=True, blank=True, help_text="When the person last asked us something, such as about a listing."
    )
    household = models.GeneratedField(
        expression=_household(), output_field=CharField(max_length=210), db_persist=True
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = LeadQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["campaign", "phone"], name="one_lead_per_number_and_campaign")]
        indexes = [
            models.Index(
                fields=["campaign", "list", "priority", "next_attempt_at", "id"],
                condition=Q(status=LeadStatus.OPEN),
                name="lead_due",
            ),
            models.Index(
                fields=["campaign", "next_attempt_at", "id"],
                condition=Q(status=LeadStatus.OPEN, commitment_at__isnull=False),
                name="lead_promised",
            ),
            models.Index(fields=["created_at", "id"], name="lead_by_age"),
            models.Index(fields=["household"], condition=~Q(household=""), name="lead_household"),
            models.Index(Lower("email"), condition=~Q(email=""), name="lead_by_email"),
        ]

    def __str__(self) -> str:
        return self.name or self.phone


class Consent(models.Model):
    """Evidence that the person agreed to be called by an artificial voice. Kept; only a revocation is added to it."""

    class Kind(models.TextChoices):
        WRITTEN = "written"
        ORAL = "oral"

    class Scope(models.TextChoices):
        CAMPAIGN = ConsentScope.CAMPAIGN.value, "this campaign alone"
        SELLER = ConsentScope.SELLER.value, "campaigns of the seller that it names"
        COMPANY = ConsentScope.COMPANY.value, "all campaigns"

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="consents")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    source = models.CharField(max_length=200, help_text="The form, page or conversation in which it was given.")
    given_at = models.DateTimeField()
    scope = models.CharField(max_length=10, choices=Scope.choices, default=Scope.CAMPAIGN)
    seller = models.CharField(max_length=80, blank=True, help_text="The seller that the consent names.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: as the rules say.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_why = models.CharField(max_length=200, blank=True)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-given_at"]
        constraints = [
            models.UniqueConstraint(fields=["lead", "kind", "source", "given_at"], name="consent_once"),
            models.CheckConstraint(
                condition=~Q(scope=ConsentScope.SELLER.value) | ~Q(seller=""), name="consent_names_its_seller"
            ),
        ]
        indexes = [models.Index(fields=["given_at", "id"], name="consent_by_age")]

    def __str__(self) -> str:
        return f"{self.kind} consent, {self.source}"


class DecisionQuerySet(models.QuerySet["Decision"]):
    def about(self, lead: Lead) -> "DecisionQuerySet":
        """Why the lead was called, or not: its own decisions and those that it shares."""
        return self.filter(Q(lead=lead) | Q(pk__in=SharedDecision.objects.filter(lead=lead).values("decision")))


class Decision(models.Model):
    """Why a lead was called, or not: every gate's verdict with what it saw.

    Without ``lead`` it is about many of a campaign, which ``SharedDecision`` names.
    """

    lead = models.ForeignKey(Lead, null=True, blank=True, on_delete=models.CASCADE, related_name="decisions")
    call_id = models.UUIDField(null=True, blank=True, db_index=True)
    at = models.DateTimeField()
    result = models.CharField(max_length=10)
    reason = models.CharField(max_length=300, blank=True)
    verdicts = models.JSONField()
    rules_version = models.CharField(max_length=20)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["at", "id"], name="decision_by_age")]

    def __str__(self) -> str:
        return f"{self.result}: {self.reason}" if self.reason else self.result


class SharedDecision(models.Model):
    """A lead that a decision about many was about.

    Narrow and unchecked by the database, since one closing hour writes hundreds of thousands; both ends are only
    deleted through these models, which cascade.
    """

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    decision = models.ForeignKey(
        Decision, on_delete=models.CASCADE, related_name="shared", db_index=False, db_constraint=False
    )

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["decision"], name="shared_by_decision")]

    def __str__(self) -> str:
        return f"lead {self.lead_id}, decision {self.decision_id}"


class LeadImport(models.Model):
    """One CSV as it came. The same bytes for the same campaign are the same import."""

    campaign = models.ForeignKey("calls.Campaign", on_delete=models.CASCADE, related_name="imports")
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    imported = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    notes = models.CharField(max_length=500, blank=True, help_text="What was assumed of the file, or left out.")
    created_at = models.DateTimeField(auto_now_add=True)
    followed_at = models.DateTimeField(
        null=True, editable=False, help_text="When its leads were compared with those who had opted out."
    )

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["campaign", "sha256"], name="a_file_is_imported_once")]

    def __str__(self) -> str:
        return self.file_name


class LeadRow(models.Model):
    """The fate of one line of an import. ``line`` is the line of the file on which the row begins, from 1."""

    class Fate(models.TextChoices):
        IMPORTED = "imported"
        DUPLICATE = "duplicate"
        REJECTED = "rejected"

    source = models.ForeignKey(LeadImport, on_delete=models.CASCADE, related_name="rows")
    line = models.PositiveIntegerField()
    fate = models.CharField(max_length=10, choices=Fate.choices)
    reason = models.CharField(max_length=300, blank=True)
    lead = models.ForeignKey(Lead, null=True, blank=True, on_delete=models.SET_NULL, related_name="rows")

    class Meta:
        ordering = ["line"]
        constraints = [models.UniqueConstraint(fields=["source", "line"], name="one_fate_per_line")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.fate}"
