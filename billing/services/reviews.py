"""What no rule decides is set aside for a person, once, and changes no balance until they decide."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import structlog

from billing.models import Review

log = structlog.get_logger(__name__)
_KEY, _TEXT = 120, 500
"""Characters that the columns take."""


def set_aside(
    kind: Review.Kind, reference: UUID, *, key: str, text: str, data: Mapping[str, object], at: datetime
) -> bool:
    """Open a review; False where the same finding was set aside before.

    A key or a text that is too long is shortened, the key so that it stays one of its own: whatever was found, the
    end of a call does not fail over it.
    """
    if len(key) > _KEY:
        key = f"{key[: _KEY - 65]}:{sha256(key.encode()).hexdigest()}"
    text = text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"
    finding = Review(kind=kind, reference=reference, key=key, text=text, data=dict(data), opened_at=at)
    known = Review.objects.filter(key=key).exists()
    Review.objects.bulk_create([finding], ignore_conflicts=True)
    if not known:
        log.warning("billing.review", kind=kind.value, reference=str(reference), text=text)
    return not known
