"""The frame: settings, environment, queues, embedded services, the processes and how they start."""

from reautomation.celery import app as celery_app

__all__ = ["celery_app"]
