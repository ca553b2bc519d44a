"""The Celery application; tasks are found in each room's ``tasks.py``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings.development")

app = Celery("twinsight")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    [
        "archive.access",
        "archive.accounts",
        "archive.audit",
        "archive.bulk",
        "archive.curation",
        "archive.events",
        "archive.forwarding",
        "archive.hl7",
        "archive.inbox",
        "archive.ingest",
        "archive.notices",
        "archive.portal",
        "archive.research",
        "archive.retrieve",
        "archive.scheduling",
        "archive.statistics",
        "inference.bundles",
        "inference.runs",
        "inference.similarity",
        "inference.training",
        "inference.workitems",
    ]
)
