"""Loaded by pytest before Django's settings: a home of our own, with the real services."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

_home = Path(tempfile.mkdtemp(prefix="twinsight-tests-"))
atexit.register(shutil.rmtree, _home, ignore_errors=True)

os.environ["TWINSIGHT_HOME"] = str(_home)
os.environ["DJANGO_SETTINGS_MODULE"] = "deploy.settings.testing"
# A developer's own variables never reach the tests.
for _name in ("DATABASE_URL", "REDIS_URL", "TWINSIGHT_STORAGE_URL", "DJANGO_SECRET_KEY"):
    os.environ.pop(_name, None)
# Images set it: then each of some hundred processes would compile all of our modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Beside services, workers and browsers, a thread that waits for its neighbours leaves its core to
# others instead of turning round and round.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
