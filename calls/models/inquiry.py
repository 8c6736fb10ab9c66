"""Persons who asked to be called, as other programs told of them."""

from django.db import models
from django.db.models import Q


class Inquiry(models.Model):
    """One inquiry that came over the API, once: told again under the same ``external_id`` it changes nothing."""

    campaign = models.ForeignKey("calls.Campaign", on_delete=models.CASCADE, related_name="+")
    lead = models.ForeignKey("calls.Lead", on_delete=models.CASCADE, related_name="inquiries")
    external_id = models.CharField(max_length=120, blank=True, help_text="The other program's id of the inquiry.")
    by = models.CharField(max_length=80, help_text="The API token that told of it.")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-pk"]
        default_permissions = ("view",)
        verbose_name_plural = "inquiries"
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "external_id"], condition=~Q(external_id=""), name="an_inquiry_comes_once"
            )
        ]

    def __str__(self) -> str:
        return self.external_id or f"inquiry {self.pk}"
