"""How a campaign's calls are heard, spoken and handed on, and what is kept of their sound."""

from django.db import models


class CampaignWord(models.Model):
    """A name, street or other word of a campaign: heard better, and spoken as ``spoken`` says where it is given."""

    campaign = models.ForeignKey("calls.Campaign", on_delete=models.CASCADE, related_name="words")
    written = models.CharField(max_length=80, help_text="As it is written: Tejon, Cherry Creek, Kowalczyk.")
    spoken = models.CharField(
        max_length=120, blank=True, help_text="As it sounds: tay hone. Empty: spoken as it is written."
    )

    class Meta:
        ordering = ["written"]
        constraints = [models.UniqueConstraint(fields=["campaign", "written"], name="a_word_of_a_campaign_once")]

    def __str__(self) -> str:
        return self.written


class TransferTarget(models.Model):
    """Somebody who takes over a call of a campaign; several are asked in their order until one accepts."""

    campaign = models.ForeignKey("calls.Campaign", on_delete=models.CASCADE, related_name="transfer_targets")
    name = models.CharField(max_length=80, help_text="Spoken to the lead: Maria Lopez, our listing desk.")
    number = models.CharField(max_length=16, help_text="E.164: +13035550123.")
    order = models.PositiveSmallIntegerField(default=1, help_text="The smallest is asked first.")

    class Meta:
        ordering = ["order", "pk"]
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="a_transfer_target_once")]

    def __str__(self) -> str:
        return self.name


class Recording(models.Model):
    """What one line recorded of a call. A call that changed its worker has a part from each.

    ``name`` is the recording's key in the store; empty once it was erased. Until ``stored_at`` it lies on the disk of
    the worker that made it. ``started_at`` is later than the call's answer: turns count from that.
    """

    call = models.ForeignKey("calls.Call", on_delete=models.CASCADE, related_name="recordings")
    part = models.PositiveSmallIntegerField(default=1)
    name = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    bytes = models.PositiveBigIntegerField(default=0, help_text="Of the sealed file; 0: not known.")
    stored_at = models.DateTimeField(null=True, blank=True, help_text="Empty: on the worker's disk still.")
    erased_at = models.DateTimeField(null=True, blank=True)
    erased_why = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["call", "part"]
        constraints = [models.UniqueConstraint(fields=["call", "part"], name="one_recording_per_part")]
        indexes = [
            models.Index(fields=["started_at"], condition=models.Q(erased_at__isnull=True), name="recording_kept"),
            models.Index(
                fields=["started_at"],
                condition=~models.Q(name="") & models.Q(stored_at=None),
                name="recording_to_store",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.call_id}, part {self.part}"
