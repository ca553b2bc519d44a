"""The WSGI callable that granian serves."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deploy.settings.development")

application = get_wsgi_application()

from deploy.database.base import DatabaseWrapper  # noqa: E402 once the settings are known

DatabaseWrapper.statement_timeout_s = settings.TWINSIGHT_STATEMENT_TIMEOUT_S
