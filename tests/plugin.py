"""Loaded by pytest before Django's settings: a home of our own, with the real services."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_home = Path(tempfile.mkdtemp(prefix="twinsight-tests-"))
atexit.register(shutil.rmtree, _home, ignore_errors=True)

os.environ["TWINSIGHT_HOME"] = str(_home)
os.environ["DJANGO_SETTINGS_MODULE"] = "deploy.settings.testing"
# A developer's own variables never reach the tests.
for _name in ("DATABASE_URL", "REDIS_URL", "TWINSIGHT_STORAGE_URL", "DJANGO_SECRET_KEY"):
    os.environ.pop(_name, None)
