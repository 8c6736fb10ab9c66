"""Is this process able to work, and what does it count?"""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


def health(_request: HttpRequest) -> JsonResponse:
    """200 when PostgreSQL and Redis answer, 503 with the name of the one that does not."""
    parts = {"database": _database_answers(), "redis": _redis_answers()}
    return JsonResponse({"parts": parts, "ok": all(parts.values())}, status=200 if all(parts.values()) else 503)


def metrics(_request: HttpRequest) -> HttpResponse:
    """Prometheus text format."""
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    except DatabaseError:
        return False


def _redis_answers() -> bool:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
