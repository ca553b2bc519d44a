"""The Celery application; tasks are found in each room's ``tasks.py``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings.development")

app = Celery("twinsight")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    [
        "archive.curation",
        "archive.events",
        "archive.forwarding",
        "archive.ingest",
        "archive.retrieve",
        "archive.scheduling",
        "inference.bundles",
        "inference.runs",
        "inference.similarity",
        "inference.training",
        "inference.workitems",
    ]
)
