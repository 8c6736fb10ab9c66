"""What lists and databases say of numbers: public do-not-call lists, a seller's own, reassigned numbers."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper


class Scrub(models.Model):
    """A public do-not-call list as it was on a day, for the numbers that begin with one of ``covers``."""

    list = models.CharField(max_length=30, help_text="As the rule names it, such as national.")
    as_of = models.DateTimeField(help_text="The day of the list; a number of it is blocked from then on.")
    covers = ArrayField(models.CharField(max_length=6), help_text="Beginnings of numbers, such as +1303.")
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    count = models.PositiveIntegerField(help_text="Numbers on the list.")
    imported_at = models.DateTimeField()

    class Meta:
        ordering = ["-as_of", "-pk"]
        verbose_name = "scrub"
        constraints = [
            models.UniqueConstraint(fields=["list", "sha256", "as_of"], name="a_scrub_is_imported_once"),
            models.CheckConstraint(condition=~Q(covers=[]), name="a_scrub_covers_something"),
        ]
        indexes = [GinIndex(fields=["covers"], name="scrub_covers")]

    def __str__(self) -> str:
        return f"{self.list} as of {self.as_of:%Y-%m-%d}"


class ScrubHit(models.Model):
    """A number that is on the list of a scrub."""

    scrub = models.ForeignKey(Scrub, on_delete=models.CASCADE, related_name="hits", db_index=False)
    phone = models.CharField(max_length=16)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["scrub", "phone"], name="a_number_is_on_a_scrub_once")]

    def __str__(self) -> str:
        return self.phone


class CompanySuppression(models.Model):
    """A number that one seller never calls; other sellers of this installation may."""

    phone = models.CharField(max_length=16, db_index=True)
    company = models.CharField(max_length=80, help_text="The company name that its campaigns speak.")
    said = models.CharField("reason", max_length=300, help_text="How the person asked.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "do-not-call entry of a company"
        verbose_name_plural = "do-not-call entries of companies"
        constraints = [models.UniqueConstraint("phone", Upper("company"), name="a_company_lists_a_number_once")]

    def __str__(self) -> str:
        return f"{self.phone}, {self.company}"


class NumberCheck(models.Model):
    """An answer of the reassigned numbers database: has the number changed hands since the consent?"""

    class Answer(models.TextChoices):
        NO = "no", "no: it is still the same person's"
        YES = "yes", "yes: it was reassigned"
        NO_DATA = "no_data", "no data"

    phone = models.CharField(max_length=16)
    answer = models.CharField(max_length=8, choices=Answer.choices)
    source = models.CharField(max_length=200, help_text="The database and its query, or the person who confirmed.")
    checked_at = models.DateTimeField()

    class Meta:
        ordering = ["-checked_at", "-pk"]
        verbose_name = "check of a number's owner"
        verbose_name_plural = "checks of numbers' owners"
        indexes = [models.Index(fields=["phone", "-checked_at"], name="check_of_number")]

    def __str__(self) -> str:
        return f"{self.phone}: {self.answer}"
