"""What lies on the disk is its owner's alone, what travels is encrypted, no key is known (T89)."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from archive.storage.stores import blob_store
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

ROOT = Path(__file__).resolve().parents[2]
# What a key or a password of somebody looks like, in a file of ours.
KEYS = re.compile(
    r"-----BEGIN (?:RSA |EC |OPENSSH |DSA |ENCRYPTED )?PRIVATE KEY-----\n[A-Za-z0-9+/=]{20}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\btws_[A-Za-z0-9_-]{40,}"
    r"|\bsk-[A-Za-z0-9]{40,}|postgres(?:ql)?://[^:/\s\"'{<]+:[^@\s\"'{<$]{3,}@(?!localhost|127)"
)
GUESSES = [
    (name, password)
    for name in ("admin", "root", "twinsight", "demo", "test", "postgres", "orthanc")
    for password in ("", "admin", "password", "twinsight", "demo", "changeme", "orthanc", "test")
]


def _tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        return [path for path in ROOT.glob("[a-z]*/**/*") if path.is_file()]
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


def test_t89_at_rest_and_transit_no_keys_in_the_repository() -> None:
    found = []
    for path in _tracked():
        if path.suffix in {".png", ".webp", ".onnx", ".gz", ".npz", ".dcm"} or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        if path != Path(__file__) and (hit := KEYS.search(text)):
            found.append(f"{path.relative_to(ROOT)}: {hit[0][:40]}")
    assert found == []
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {"var/", ".env"} <= {line.lstrip("/") for line in ignored}


def _new_home(folder: Path, code: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        cwd=ROOT,
        env={
            **{key: value for key, value in os.environ.items() if key != "DJANGO_SECRET_KEY"},
            "TWINSIGHT_HOME": str(folder),
            "DJANGO_SETTINGS_MODULE": "deploy.settings.production",
            "TWINSIGHT_ALLOWED_HOSTS": "pacs.example.org",
            **env,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_t89_at_rest_and_transit_each_installation_makes_a_key_of_its_own(tmp_path) -> None:
    tell = "from django.conf import settings; print(settings.SECRET_KEY)"
    one, two = (_new_home(tmp_path / name, tell) for name in ("a", "b"))

    assert one != two
    assert len(one) >= 50
    assert not one.startswith("django-insecure")
    assert one == _new_home(tmp_path / "a", tell), "kept"
    for path in (tmp_path / "a").rglob("*"):
        kind = path.stat().st_mode
        assert not stat.S_IMODE(kind) & 0o077, path
    # A secret by file wins, as orchestrators hand them over.
    secret = tmp_path / "key"
    secret.write_text("of the orchestrator\n")
    named = _new_home(tmp_path / "c", tell, DJANGO_SECRET_KEY_FILE=str(secret))
    assert named == "of the orchestrator"
    assert not [path for path in (tmp_path / "c").rglob("*") if path.is_file()]


def test_t89_at_rest_and_transit_production_speaks_tls_alone(tmp_path) -> None:
    told = _new_home(
        tmp_path,
        "from django.test import Client\n"
        "from django.conf import settings\n"
        "c = Client(headers={'host': 'pacs.example.org'})\n"
        "plain = c.get('/login/')\n"
        "print(plain.status_code, plain.get('Location'))\n"
        "api = c.get('/dicom-web/studies', headers={'authorization': 'Bearer tws_x'})\n"
        "print(api.status_code)\n"
        "safe = c.get('/healthz', headers={'x-forwarded-proto': 'https'})\n"
        "print(safe.status_code, safe['Strict-Transport-Security'])\n"
        "print(settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE,"
        " settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_HTTPONLY, settings.DEBUG)",
    ).splitlines()

    assert told[0] == "301 https://pacs.example.org/login/"
    # A program that forgot the s is told so: its token was sent in the clear.
    assert told[1] == "403"
    assert told[2] == "200 max-age=31536000; includeSubDomains; preload"
    assert told[3] == "True True __Host-sessionid True False"


@pytest.mark.django_db
def test_t89_at_rest_and_transit_stored_files_are_private_and_no_password_is_known(
    project, archive_admin
) -> None:
    from django.contrib.auth import authenticate
    from django.test import RequestFactory

    store_datasets(make_dataset(), project=project)
    root = blob_store().root
    seen = 0
    for path in [root, *root.rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
        seen += path.is_file()
    assert seen == 1
    home = Path(os.environ["TWINSIGHT_HOME"])
    for name in ("secrets", "logs", "run", "exports"):
        for path in (home / name).rglob("*"):
            if path.is_file() and path.stat().st_uid == os.geteuid():
                assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    request = RequestFactory().post("/login/")
    for name, password in GUESSES:
        assert authenticate(request, username=name, password=password) is None, name
