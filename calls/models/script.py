"""What campaigns' agents ask and answer, as versions of a document that are never edited."""

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Subquery


class ScriptQuerySet(models.QuerySet["Script"]):
    def newest(self) -> "ScriptQuerySet":
        """The latest version of each name."""
        same_name = Script.objects.filter(name=OuterRef("name")).order_by("-number")
        return self.alias(latest=Subquery(same_name.values("pk")[:1])).filter(pk=F("latest"))


class Script(models.Model):
    """One version of a script. An edit makes the next, and the campaigns of the name go over to it.

    So every call keeps the words that it was held by. Written by ``calls.services.scripts`` alone.
    """

    name = models.CharField(max_length=80)
    number = models.PositiveIntegerField("version")
    body = models.TextField(help_text="The document in its canonical form (docs/scripts.md).")
    digest = models.CharField("hash", max_length=8, help_text="Of the document.")
    note = models.CharField("what was changed", max_length=200, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = ScriptQuerySet.as_manager()

    class Meta:
        ordering = ["name", "-number"]
        constraints = [models.UniqueConstraint(fields=["name", "number"], name="one_script_per_version")]

    def __str__(self) -> str:
        return f"{self.name}, version {self.number}"
