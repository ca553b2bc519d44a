"""The test suite: the real parts, quicker passwords, static files unhashed."""

from deploy.settings.base import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
TWINSIGHT_STORAGE_RESERVE_BYTES = 1024 * 1024
TWINSIGHT_SETTLE_SECONDS = 0
DATABASES["default"]["CONN_MAX_AGE"] = 0
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
# Its listener would keep the test database from being dropped.
TWINSIGHT_RIGHTS_KEPT_S = 0
