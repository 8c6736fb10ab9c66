"""Who must not be called: what is in force now, and all that ever happened to a number."""

from django.db import models


class Person(models.Model):
    """Leads that somebody has found to be one person, beside those that share an e-mail address."""

    linked_by = models.CharField(max_length=150)
    linked_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"person {self.pk}"


class _Request(models.Model):
    """Where an opt-out came from, and what shows it."""

    source = models.CharField(
        max_length=20,
        help_text="How it came: voice, key, sms, inbound_call, api, admin, import, wrong_number.",
    )
    said = models.CharField(
        max_length=300, blank=True, help_text="What the person said, wrote or pressed; the reason."
    )
    by = models.CharField(max_length=150, blank=True, help_text="The user or API token that entered it.")
    origin = models.CharField(
        max_length=16,
        blank=True,
        help_text="The number that was opted out, where this is another of the same person.",
    )
    reference = models.CharField(max_length=64, blank=True, help_text="The carrier's id of the message or call.")
    call_id = models.UUIDField(null=True, blank=True)

    class Meta:
        abstract = True


class Suppression(_Request):
    """A number that is not called, in any campaign. Never edited; it goes only after a lift was written down.

    Both are guarded by a trigger. The first request, with its evidence, stays.
    """

    phone = models.CharField(max_length=16, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "do-not-call entry"
        verbose_name_plural = "do-not-call entries"
        default_permissions = ("add", "view")
        permissions = [("lift_suppression", "Can take a number off the do-not-call list")]

    def __str__(self) -> str:
        return self.phone


class SuppressionEntry(_Request):
    """A number came on the do-not-call list, or was taken off it. Append-only, by a trigger."""

    class Kind(models.TextChoices):
        SUPPRESSED = "suppressed"
        LIFTED = "lifted"

    phone = models.CharField(max_length=16)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name = "do-not-call history"
        verbose_name_plural = "do-not-call history"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["phone", "id"], name="suppression_of_phone"),
            models.Index(fields=["at", "id"], name="suppression_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.phone} {self.kind}"
