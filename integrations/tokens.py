"""API tokens: made once, shown once, known by their hash."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db.models import Q

from integrations.models import ApiToken

_PREFIX = "rea_"
_SHOWN = 10
_USE_NOTED_EVERY = timedelta(minutes=1)


def make(token: ApiToken, *, by: str, now: datetime) -> str:
    """Save the new ``token`` and return its text, which cannot be had again."""
    text = _PREFIX + secrets.token_urlsafe(32)
    token.sha256, token.begins = _hash(text), text[:_SHOWN]
    token.created_at, token.created_by = now, by
    token.save(force_insert=True)
    return text


def owner_of(text: str, *, now: datetime) -> ApiToken | None:
    """The token that ``text`` is, unless it was revoked; notes its use."""
    token = ApiToken.objects.valid().filter(sha256=_hash(text)).first()
    if token is not None:
        noted_before = Q(last_used_at=None) | Q(last_used_at__lt=now - _USE_NOTED_EVERY)
        ApiToken.objects.filter(noted_before, pk=token.pk).update(last_used_at=now)
    return token


def revoke(ids: list[int], *, by: str, now: datetime) -> int:
    """From now on the tokens open nothing; how many did until now."""
    return ApiToken.objects.valid().filter(pk__in=ids).update(revoked_at=now, revoked_by=by)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
