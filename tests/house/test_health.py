"""The pages that monitors read."""

import pytest
from django.test import Client


@pytest.mark.django_db
def test_health_names_its_parts(client: Client) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "parts": {"database": True, "redis": True}})


@pytest.mark.django_db
def test_health_is_503_and_names_what_is_away(client: Client, settings: object) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"  # type: ignore[attr-defined]
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "parts": {"database": True, "redis": False}})


def test_metrics_are_in_prometheus_format(client: Client) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert b"# TYPE python_info gauge" in answer.content
