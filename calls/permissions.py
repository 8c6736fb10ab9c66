"""The group of people who run campaigns, made once with what they may do; afterwards it is the operator's."""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

MANAGERS = "Campaign managers"

_MAY: dict[str, dict[str, tuple[str, ...]]] = {
    "calls": {
        "campaign": ("add", "change", "view"),
        "lead": ("add", "change", "view"),
        "consent": ("add", "view"),
        "leadimport": ("add", "view"),
        "leadrow": ("view",),
        "suppression": ("add", "view"),
        "suppressionentry": ("view",),
        "call": ("view",),
        "turn": ("view",),
        "callevent": ("view",),
        "decision": ("view",),
        "rule": ("view",),
        "halt": ("flip", "view"),
        "scrub": ("view",),
        "companysuppression": ("add", "view"),
        "numbercheck": ("add", "view"),
        "appointment": ("view",),
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


def ensure_managers(sender: AppConfig, *, using: str, **_signal: Any) -> None:
    """After migrating: the group with its permissions, unless there is one already, which is left as it is."""
    group, created = Group.objects.using(using).get_or_create(name=MANAGERS)
    if not created:
        return
    wanted = Q(pk__in=())
    for app, models in _MAY.items():
        for model, verbs in models.items():
            names = [f"{verb}_{model}" for verb in verbs]
            wanted |= Q(content_type__app_label=app, content_type__model=model, codename__in=names)
    group.permissions.set(Permission.objects.using(using).filter(wanted))
