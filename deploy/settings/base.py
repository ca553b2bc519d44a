"""Settings that hold everywhere; the environment is read here and nowhere else."""

import logging
from pathlib import Path

import environ
from celery.schedules import crontab

from deploy.settings.environment import read_bool, read_int, read_list, read_text
from deploy.settings.hl7 import *
from deploy.settings.hl7 import HL7_SCHEDULE
from deploy.settings.identity import *
from deploy.settings.identity import IDENTITY_APPS
from deploy.settings.inbox import *
from deploy.settings.inbox import INBOX_SCHEDULE
from deploy.settings.research import *
from deploy.settings.research import RESEARCH_SCHEDULE
from deploy.settings.rights import *
from deploy.settings.rights import RIGHTS_SCHEDULE
from deploy.settings.storage import *
from deploy.supervisor.endpoints import celery_url, with_redis_database
from deploy.supervisor.home import Home

BASE_DIR = Path(__file__).resolve().parents[2]
_home = Home.locate()
TWINSIGHT_HOME = _home.root
_embedded = _home.embedded_endpoints()

DEBUG = False
SECRET_KEY = read_text("DJANGO_SECRET_KEY") or _home.read_or_create_secret_key()
ALLOWED_HOSTS = read_list("TWINSIGHT_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = read_list("TWINSIGHT_CSRF_TRUSTED_ORIGINS", [])

TWINSIGHT_BIND = read_text("TWINSIGHT_BIND", "127.0.0.1")
TWINSIGHT_HTTP_PORT = read_int("TWINSIGHT_HTTP_PORT", 8000)
TWINSIGHT_DICOM_PORT = read_int("TWINSIGHT_DICOM_PORT", 11112)
TWINSIGHT_AE_TITLE = read_text("TWINSIGHT_AE_TITLE", "TWINSIGHT")
# DICOM over TLS: a second port, 0 for none; PEM files. Peers must show a certificate of the
# authority where one is named. The certificate is also shown to peers that are called with TLS.
TWINSIGHT_DICOM_TLS_PORT = read_int("TWINSIGHT_DICOM_TLS_PORT", 0)
TWINSIGHT_DICOM_TLS_CERTIFICATE = read_text("TWINSIGHT_DICOM_TLS_CERTIFICATE")
TWINSIGHT_DICOM_TLS_KEY = read_text("TWINSIGHT_DICOM_TLS_KEY")
TWINSIGHT_DICOM_TLS_AUTHORITY = read_text("TWINSIGHT_DICOM_TLS_AUTHORITY")
# WebSockets that tell subscribers of the worklist; 0 for none.
TWINSIGHT_EVENTS_PORT = read_int("TWINSIGHT_EVENTS_PORT", 0)
# How long somebody outside may work on a workitem without saying anything of it.
TWINSIGHT_PERFORMER_LEASE_MINUTES = read_int("TWINSIGHT_PERFORMER_LEASE_MINUTES", 240)
# Private SOP classes that peers may store, by UID; * for all.
TWINSIGHT_PRIVATE_SOP_CLASSES = read_list("TWINSIGHT_PRIVATE_SOP_CLASSES", ["*"])
# Whose people verify reports (Verifying Organization); else the images' institution.
TWINSIGHT_ORGANIZATION = read_text("TWINSIGHT_ORGANIZATION")
TWINSIGHT_MODELS_DIR = _home.models
# Where `manage.py install_viewer` puts OHIF.
TWINSIGHT_VIEWER_DIR = _home.viewer
TWINSIGHT_MAX_UPLOAD_BYTES = read_int("TWINSIGHT_MAX_UPLOAD_MB", 8192) * 1024 * 1024
TWINSIGHT_MAX_INSTANCE_BYTES = read_int("TWINSIGHT_MAX_INSTANCE_MB", 4096) * 1024 * 1024
# How long what was deleted can be brought back, before its rows and bytes are purged.
# What one act on many studies may take at once, and where its files lie for a day.
TWINSIGHT_BULK_MAX_STUDIES = read_int("TWINSIGHT_BULK_MAX_STUDIES", 1000)
TWINSIGHT_EXPORTS = _home.root / "exports"
TWINSIGHT_EXPORT_MAX_BYTES = read_int("TWINSIGHT_EXPORT_MAX_MB", 102_400) * 1024 * 1024
TWINSIGHT_PURGE_AFTER_DAYS = read_int("TWINSIGHT_PURGE_AFTER_DAYS", 30)
# How long tokens and memberships are kept in memory; a change is told of and ends it at once.
TWINSIGHT_RIGHTS_KEPT_S = read_int("TWINSIGHT_RIGHTS_KEPT_SECONDS", 5)
# How long a scheduled examination that began must be quiet before it counts as completed.
TWINSIGHT_SCHEDULE_QUIET_MINUTES = read_int("TWINSIGHT_SCHEDULE_QUIET_MINUTES", 30)
# How long a series must be quiet before its models run: slices arrive one by one.
TWINSIGHT_SETTLE_SECONDS = read_int("TWINSIGHT_SETTLE_SECONDS", 3)
# How many models may be on one GPU at the same time.
TWINSIGHT_GPU_SLOTS = read_int("TWINSIGHT_GPU_SLOTS", 1)
# How fast a new embedding space is filled beside the old one; fresh series go first in any case.
TWINSIGHT_BACKFILL_IMAGES_PER_MINUTE = read_int("TWINSIGHT_BACKFILL_IMAGES_PER_MINUTE", 600)
# From which share of changed labels on an adapted space is fitted anew at night, in percent.
TWINSIGHT_REFIT_CHANGED_PERCENT = read_int("TWINSIGHT_REFIT_CHANGED_PERCENT", 10)
# Whether a refitted space takes over from its former version by itself, without an admin's look.
TWINSIGHT_REFIT_AUTO_PROMOTE = read_bool("TWINSIGHT_REFIT_AUTO_PROMOTE", default=False)
# How many runs one account may wait for at once, and ask for within a day.
TWINSIGHT_RUNS_OPEN_PER_USER = read_int("TWINSIGHT_RUNS_OPEN_PER_USER", 50)
TWINSIGHT_RUNS_PER_USER_PER_DAY = read_int("TWINSIGHT_RUNS_PER_USER_PER_DAY", 500)
# The archive's address as people and programs elsewhere know it, for links in messages.
TWINSIGHT_PUBLIC_URL = read_text("TWINSIGHT_PUBLIC_URL").rstrip("/")
# Hosts to which news of runs may be posted; with none there are no webhooks.
TWINSIGHT_WEBHOOK_HOSTS = read_list("TWINSIGHT_WEBHOOK_HOSTS", [])
# smtp://user:password@host:587 or smtp+tls://…; without one there is no mail.
TWINSIGHT_EMAIL_URL = read_text("TWINSIGHT_EMAIL_URL")
# News that people want by mail is gathered for so long, then sent as one message.
TWINSIGHT_MAIL_DIGEST_MINUTES = read_int("TWINSIGHT_MAIL_DIGEST_MINUTES", 15)
# Which workers train models: those of the queue where a GPU is, where a site has one.
TWINSIGHT_TRAINING_QUEUE = read_text("TWINSIGHT_TRAINING_QUEUE", "inference")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    *IDENTITY_APPS,
    "archive",
    "inference",
    "deploy",
]

MIDDLEWARE = [
    "archive.access.client_address.ClientAddressMiddleware",
    "deploy.metrics.requests.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "archive.accounts.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "archive.fhir.middleware.OutcomesMiddleware",
    "archive.access.refusals.RefusalsMiddleware",
    "archive.access.middleware.CredentialsMiddleware",
    "archive.access.middleware.OriginCheckMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "archive.access.middleware.MembershipsMiddleware",
    "archive.access.middleware.DefaultDenyMiddleware",
    "archive.accounts.middleware.SessionAgeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "archive.access.middleware.SecurityHeadersMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "deploy.urls"
WSGI_APPLICATION = "deploy.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": ["archive.portal.folding.Loader"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "archive.portal.context.portal",
            ],
            "builtins": ["archive.portal.presentation"],
            "libraries": {"similarity": "inference.portal.presentation"},
        },
    },
]

_env = environ.Env()
DATABASES = {
    "default": {
        **_env.db_url_config(read_text("DATABASE_URL") or _embedded.database_url),
        "ENGINE": "deploy.database",
        # A new one plans all that it prepares anew, some times over.
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    },
}
# No question of a page or a program may take longer; work in the background may.
TWINSIGHT_STATEMENT_TIMEOUT_S = read_int("TWINSIGHT_STATEMENT_TIMEOUT_SECONDS", 60)
DATABASES["default"].setdefault("OPTIONS", {}).update(
    # Statements that are prepared say so themselves; Django's own never are.
    {"connect_timeout": 10, "prepare_threshold": 5}
)
if TWINSIGHT_EMAIL_URL:
    globals().update(_env.email_url_config(TWINSIGHT_EMAIL_URL))
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL = read_text("TWINSIGHT_EMAIL_FROM", "twinsight@localhost")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = read_text("REDIS_URL") or _embedded.redis_url
CACHES = {
    "default": {
        "BACKEND": "deploy.cache.StandInCache",
        "LOCATION": with_redis_database(REDIS_URL, 1),
        "KEY_PREFIX": "twinsight",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 2},
    },
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

CELERY_BROKER_URL = celery_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # the lease of a run brings lost work back, with a cap
CELERY_TASK_TRACK_STARTED = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"inference.*": {"queue": "inference"}}
CELERY_TASK_TIME_LIMIT = 3600
CELERY_TASK_SOFT_TIME_LIMIT = 3300
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 5400, "socket_connect_timeout": 2}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "purge-removals": {
        "task": "archive.curation.purge_removals",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "dispatch-jobs": {
        "task": "archive.bulk.dispatch_jobs",
        "schedule": 5.0,
        "options": {"queue": "default", "expires": 10},
    },
    "tell-of-arrivals": {
        "task": "archive.portal.tell_of_arrivals",
        "schedule": 60.0,
        "options": {"queue": "default", "expires": 60},
    },
    "remove-job-results": {
        "task": "archive.bulk.remove_results",
        "schedule": 3600.0,
        "options": {"queue": "transfers", "expires": 3600},
    },
    "relay-outbox": {
        "task": "archive.events.relay_outbox",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
    "dispatch-transfers": {
        "task": "archive.forwarding.dispatch_transfers",
        "schedule": 3.0,
        "options": {"queue": "default", "expires": 10},
    },
    "dispatch-commitments": {
        "task": "archive.forwarding.dispatch_commitments",
        "schedule": 5.0,
        "options": {"queue": "default", "expires": 10},
    },
    "dispatch-runs": {
        "task": "inference.runs.dispatch_runs",
        "schedule": 2.0,
        "options": {"queue": "default", "expires": 10},
    },
    "dispatch-workitem-events": {
        "task": "inference.workitems.dispatch_events",
        "schedule": 5.0,
        "options": {"queue": "default", "expires": 10},
    },
    "release-silent-performers": {
        "task": "inference.workitems.release_silent",
        "schedule": 60.0,
        "options": {"queue": "default", "expires": 60},
    },
    "complete-quiet-steps": {
        "task": "archive.scheduling.complete_quiet_steps",
        "schedule": 60.0,
        "options": {"queue": "default", "expires": 60},
    },
    "send-run-notices": {
        "task": "inference.runs.send_notices",
        "schedule": 10.0,
        "options": {"queue": "transfers", "expires": 10},
    },
    "send-notice-mail": {
        "task": "archive.notices.send_mail",
        "schedule": 30.0,
        "options": {"queue": "transfers", "expires": 30},
    },
    "purge-ended-tokens": {
        "task": "archive.accounts.purge_ended",
        "schedule": 600.0,
        "options": {"queue": "default", "expires": 600},
    },
    "tell-of-attention": {
        "task": "archive.notices.tell_of_attention",
        "schedule": 60.0,
        "options": {"queue": "transfers", "expires": 60},
    },
    "purge-notices": {
        "task": "archive.notices.purge",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 3600},
    },
    "count-days": {
        "task": "archive.statistics.count_days",
        "schedule": 60.0,
        "options": {"queue": "transfers", "expires": 60},
    },
    "sample-storage": {
        "task": "archive.statistics.sample_storage",
        "schedule": 60.0,
        "options": {"queue": "transfers", "expires": 60},
    },
    "watch-drift": {
        "task": "inference.runs.watch_drift",
        "schedule": 900.0,
        "options": {"queue": "default", "expires": 900},
    },
    "reconcile-runs": {
        "task": "inference.runs.reconcile_runs",
        "schedule": 300.0,
        "options": {"queue": "default", "expires": 300},
    },
    "fill-spaces": {
        "task": "inference.runs.fill_spaces",
        "schedule": 5.0,
        "options": {"queue": "default", "expires": 10},
    },
    "purge-spaces": {
        "task": "inference.similarity.purge_spaces",
        "schedule": 600.0,
        "options": {"queue": "inference", "expires": 600},
    },
    "dispatch-trainings": {
        "task": "inference.training.dispatch_trainings",
        "schedule": 10.0,
        "options": {"queue": "default", "expires": 10},
    },
    "refit-adapted": {
        "task": "inference.training.refit_adapted",
        "schedule": crontab(hour=2, minute=30),
        "options": {"queue": "inference", "expires": 3600},
    },
    "refresh-quantiles": {
        "task": "inference.similarity.refresh_quantiles",
        "schedule": 60.0,
        "options": {"queue": "default", "expires": 60},
    },
    # Where pictures are worked on: it must not keep the relay and the dispatcher waiting.
    "check-series": {
        "task": "inference.similarity.check_series",
        "schedule": 15.0,
        "options": {"queue": "inference", "expires": 15},
    },
    "reconcile-attributes": {
        "task": "inference.similarity.reconcile_attributes",
        "schedule": 300.0,
        "options": {"queue": "default", "expires": 300},
    },
    "refresh-words": {
        "task": "inference.similarity.refresh_words",
        "schedule": 5.0,
        "options": {"queue": "default", "expires": 5},
    },
    "find-new-matches": {
        "task": "inference.similarity.find_new_matches",
        "schedule": 300.0,
        "options": {"queue": "default", "expires": 300},
    },
    "reconcile-words": {
        "task": "inference.similarity.reconcile_words",
        "schedule": 600.0,
        "options": {"queue": "default", "expires": 600},
    },
    "refresh-calibrations": {
        "task": "inference.similarity.refresh_calibrations",
        "schedule": 300.0,
        "options": {"queue": "default", "expires": 300},
    },
    # After the nightly refit, and on the queue of heavy work.
    "evaluate-default-space": {
        "task": "inference.similarity.evaluate_default_space",
        "schedule": crontab(hour=3, minute=30),
        "options": {"queue": "inference", "expires": 3600},
    },
    "reconcile-indexes": {
        "task": "inference.similarity.reconcile_indexes",
        "schedule": 600.0,
        "options": {"queue": "default", "expires": 600},
    },
    "sweep-storage": {"task": "archive.ingest.sweep_storage", "schedule": 3600.0},
    **HL7_SCHEDULE,
    **INBOX_SCHEDULE,
    **RESEARCH_SCHEDULE,
    **RIGHTS_SCHEDULE,
}

LOGIN_URL = "portal:login"
LOGIN_REDIRECT_URL = "portal:study-list"
LOGOUT_REDIRECT_URL = "portal:login"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "SAMEORIGIN"
SECURE_REFERRER_POLICY = "same-origin"
# Uploads stream to the blob store's own file system, never through Django's temporary folder.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FILES = 2000

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("zh-hans", "简体中文"),
]
# How dates are written, where another way than Django's is meant.
FORMAT_MODULE_PATH = ["deploy.formats"]
LOCALE_PATHS = [BASE_DIR / "deploy" / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "archive" / "portal" / "static"]
STATIC_ROOT = _home.root / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["archive.access.authentication.RequestUserAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "archive.api.statuses.handle_exception",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Twinsight",
    "DESCRIPTION": "The medical image archive that finds the twin of your case.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "archive.api.openapi.describe_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "LevelEnum": ["frame", "instance", "series", "study"],
        "MeasuredLevelEnum": ["series", "instance"],
        "CollectionKindEnum": ["cohort", "teaching", "quiz"],
        "CorrectionKindEnum": [
            *("patient-edit", "patient-merge", "project-move", "reconcile", "series-edit"),
            *("series-move", "study-edit", "study-move", "study-split"),
        ],
        "UploadBatchStateEnum": [
            *("receiving", "examining", "ready", "storing", "done", "failed", "cancelled"),
        ],
        "ScheduledStepStateEnum": [
            *("SCHEDULED", "ARRIVED", "STARTED", "COMPLETED", "DISCONTINUED"),
        ],
    },
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}

# Warnings of pydicom and highdicom quote patients' names: captured, and dropped below.
logging.captureWarnings(capture=True)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "deploy.logs.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": read_text("TWINSIGHT_LOG_LEVEL", "INFO")},
    "loggers": {
        "py.warnings": {"level": "CRITICAL", "propagate": False},
        "pynetdicom": {"level": "WARNING"},
        "pydicom": {"level": "ERROR"},
        "highdicom": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        # They would name who tried to sign in.
        "axes": {"level": "ERROR"},
        "allauth": {"level": "WARNING"},
        "oauthlib": {"level": "WARNING"},
        "oauth2_provider": {"level": "WARNING"},
    },
}
TWINSIGHT_SECURE_COOKIES = read_bool("TWINSIGHT_SECURE_COOKIES", default=False)
SESSION_COOKIE_SECURE = TWINSIGHT_SECURE_COOKIES
CSRF_COOKIE_SECURE = TWINSIGHT_SECURE_COOKIES
SILENCED_SYSTEM_CHECKS: list[str] = []
