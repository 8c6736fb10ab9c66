"""The group of people who run campaigns, made once with what they may do; afterwards it is the operator's.

A permission that a later release brings is given to the group as it comes; one that was taken away stays so.
"""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission
from django.db import connections
from django.db.models import Q

MANAGERS = "Campaign managers"

_MAY: dict[str, dict[str, tuple[str, ...]]] = {
    "calls": {
        "campaign": ("add", "change", "view"),
        "callingwindow": ("add", "change", "delete", "view"),
        "retryrule": ("add", "change", "delete", "view"),
        "campaignword": ("add", "change", "delete", "view"),
        "transfertarget": ("add", "change", "delete", "view"),
        "schedule": ("add", "change", "delete", "view"),
        "schedulerun": ("view",),
        "script": ("add", "change", "delete", "view"),
        "callerid": ("add", "change", "view"),
        "voiceworker": ("view",),
        "leadlist": ("add", "change", "view"),
        "lead": ("add", "change", "view"),
        "consent": ("add", "view"),
        "leadimport": ("add", "view"),
        "leadrow": ("view",),
        "suppression": ("add", "view"),
        "suppressionentry": ("view",),
        "call": ("supervise", "transfer", "view"),
        "turn": ("view",),
        "workflowtrace": ("change", "view"),
        "agentexecution": ("view",),
        "callanalysis": ("view",),
        "recording": ("change", "delete", "view"),
        "callevent": ("view",),
        "decision": ("view",),
        "rule": ("view",),
        "halt": ("flip", "view"),
        "scrub": ("view",),
        "companysuppression": ("add", "view"),
        "numbercheck": ("add", "view"),
        "appointment": ("change", "view"),
        "calendar": ("add", "change", "view"),
        "calendarhours": ("add", "change", "delete", "view"),
        "costdaily": ("view",),
    },
    "billing": {
        "budget": ("add", "change", "view"),
        "ledgerentry": ("view",),
        "rate": ("view",),
        "alert": ("change", "view"),
        "alertrule": ("view",),
        "review": ("view",),
    },
}


_known: dict[str, set[int]] = {}
"""The permissions that a database had before it was migrated."""


def remember_permissions(sender: AppConfig, *, using: str, **_signal: Any) -> None:
    """Before migrating."""
    there = Permission._meta.db_table in connections[using].introspection.table_names()
    _known[using] = set(Permission.objects.using(using).values_list("pk", flat=True)) if there else set()


def ensure_managers(sender: AppConfig, *, using: str, **_signal: Any) -> None:
    """After migrating: the group with its permissions; one that there was already gets those that are new."""
    group, created = Group.objects.using(using).get_or_create(name=MANAGERS)
    wanted = Q(pk__in=())
    for app, models in _MAY.items():
        for model, verbs in models.items():
            names = [f"{verb}_{model}" for verb in verbs]
            wanted |= Q(content_type__app_label=app, content_type__model=model, codename__in=names)
    known = set() if created else _known.get(using, set())
    group.permissions.add(*Permission.objects.using(using).filter(wanted).exclude(pk__in=known))
