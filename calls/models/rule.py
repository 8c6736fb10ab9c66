"""The calling rules as rows: what one key says, from an instant to another."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from billing.models.rate import TsTzRange
from calls.domain.rules import MARKS, Kind, Mark


class Rule(models.Model):
    """A row is never edited once it began: a new one begins, and the one before ends then.

    So a decision can be read with the rules of its time. Written by ``calls.services.rules`` alone, which also
    changes the revision.
    """

    key = models.CharField(
        max_length=60,
        validators=[RegexValidator(r"^[a-zA-Z0-9_.-]+$", "Use letters, digits, dots, hyphens and underscores.")],
        help_text="Such as hours.US-CO: kind, place and, where there are several, a word.",
    )
    kind = models.CharField(max_length=20, choices=[(kind.value, kind.value.replace("_", " ")) for kind in Kind])
    place = models.CharField(max_length=6, help_text="A country such as US, a state such as US-CO, or * for all.")
    params = models.JSONField("terms", default=dict, help_text="What the rule says; its fields depend on the kind.")
    source = models.CharField(max_length=300, help_text="The statute, document or page in which it was read.")
    mark = models.CharField(max_length=1, choices=[(mark.value, f"{mark.value}: {MARKS[mark]}") for mark in Mark])
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True, help_text="Empty: until further notice.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["key", "-valid_from"]
        verbose_name = "calling rule"
        constraints = [
            ExclusionConstraint(
                name="rules_of_a_key_do_not_overlap",
                expressions=[
                    ("key", RangeOperators.EQUAL),
                    (TsTzRange("valid_from", "valid_until", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(condition=~Q(source=""), name="rule_has_a_source"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="rule_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class RuleRevision(models.Model):
    """One row, changed with every change of a rule: what is kept in memory is as old as it says.

    ``token`` is a number for people and a random end, so that a change that was rolled back is no later one.
    """

    number = models.PositiveIntegerField(default=0)
    token = models.CharField(max_length=20)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.token
