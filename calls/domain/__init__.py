"""Decisions without side effects: no Django, no Celery, no sockets; time comes in as an argument."""
