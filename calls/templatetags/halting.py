"""What every page of the admin says about the kill switch."""

from django import template
from django.http import HttpRequest
from django.template.context import RequestContext

from calls.models import Halt

register = template.Library()


@register.simple_tag(takes_context=True)
def open_halt(context: RequestContext) -> Halt | None:
    """The halt that is on, for people who are logged in."""
    request: HttpRequest | None = context.get("request")
    user = getattr(request, "user", None)
    if user is None or not user.is_staff:
        return None
    return Halt.objects.open().select_related("by").first()
