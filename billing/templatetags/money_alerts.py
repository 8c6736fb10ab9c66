"""What every page of the admin says about money."""

from collections.abc import Sequence

from django import template
from django.http import HttpRequest
from django.template.context import RequestContext

from billing.models import Alert, Level

register = template.Library()
_SHOWN = 3


@register.simple_tag(takes_context=True)
def loud_alerts(context: RequestContext) -> Sequence[Alert]:
    """The newest alerts that are CRITICAL or EMERGENCY, open and not acknowledged, for people who may see them.

    One query, by the index of open alerts.
    """
    request: HttpRequest | None = context.get("request")
    user = getattr(request, "user", None)
    if user is None or not user.is_staff or not user.has_perm("billing.view_alert"):
        return []
    loud = Alert.objects.filter(
        ended_at__isnull=True, acknowledged_at__isnull=True, level__in=[Level.CRITICAL, Level.EMERGENCY]
    )
    return list(loud.order_by("-at", "-pk")[:_SHOWN])
