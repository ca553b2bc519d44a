"""Settings of what leaves without identity; imported by the base alone."""

from celery.schedules import crontab

from deploy.settings.environment import read_list, read_text
from deploy.supervisor.home import Home

__all__ = [
    "RESEARCH_SCHEDULE",
    "TWINSIGHT_EXPORT_BUCKETS",
    "TWINSIGHT_PSEUDONYM_KEYS",
    "TWINSIGHT_PSEUDONYM_KEYS_PATH",
    "TWINSIGHT_S3_ACCESS_KEY",
    "TWINSIGHT_S3_SECRET_KEY",
]

# What pseudonyms are sealed with: the first of them seals, all of them open. Where none is named,
# a file among the home's secrets, made on first use.
TWINSIGHT_PSEUDONYM_KEYS = read_text("TWINSIGHT_PSEUDONYM_KEY").replace(",", " ").split()
TWINSIGHT_PSEUDONYM_KEYS_PATH = Home.locate().secrets / "PSEUDONYM_KEYS"
# Where images without identity may be put, each name=s3://bucket/prefix, with ?endpoint=https://…
# where it is not Amazon's; ?region=… where one is wanted.
TWINSIGHT_EXPORT_BUCKETS = read_list("TWINSIGHT_EXPORT_BUCKETS", [])
TWINSIGHT_S3_ACCESS_KEY = read_text("TWINSIGHT_S3_ACCESS_KEY")
TWINSIGHT_S3_SECRET_KEY = read_text("TWINSIGHT_S3_SECRET_KEY")

RESEARCH_SCHEDULE = {
    "forget-erased": {
        "task": "archive.research.forget_erased",
        "schedule": crontab(hour=4, minute=15),
        "options": {"queue": "transfers", "expires": 3600},
    },
}
