"""What no rule decides is set aside for a person, once, and changes no balance until they decide."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import structlog

from billing.models import Review

log = structlog.get_logger(__name__)


def set_aside(
    kind: Review.Kind, reference: UUID, *, key: str, text: str, data: Mapping[str, object], at: datetime
) -> bool:
    """Open a review; False where the same finding was set aside before."""
    finding = Review(kind=kind, reference=reference, key=key, text=text, data=dict(data), opened_at=at)
    known = Review.objects.filter(key=key).exists()
    Review.objects.bulk_create([finding], ignore_conflicts=True)
    if not known:
        log.warning("billing.review", kind=kind.value, reference=str(reference), text=text)
    return not known
