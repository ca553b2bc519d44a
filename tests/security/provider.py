"""An OpenID provider to sign in at: django-allauth's own, in a process and a database of its own.

Who comes to it is already signed in there as the person named in the environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.management import call_command


class AlwaysSignedIn:
    """Whoever comes is the person."""

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request):
        from django.contrib.auth.models import User

        request.user = User.objects.get(username="jane")
        return self.get_response(request)


def _configure(folder: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # For the tests to sign with what it says by itself.
    (folder / "key.pem").write_bytes(key)
    settings.configure(
        DEBUG=False,
        SECRET_KEY="of the provider alone",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="provider_urls",
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "provider.db"}
        },
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "allauth",
            "allauth.account",
            "allauth.idp.oidc",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "provider.AlwaysSignedIn",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
        ],
        IDP_OIDC_ADAPTER="claims.WithGroups",
        IDP_OIDC_PRIVATE_KEY=key.decode(),
        USE_TZ=True,
    )


def main(port: str, folder: Path, callback: str) -> None:
    """Serve until the process is ended."""
    _configure(folder)
    django.setup()
    call_command("migrate", verbosity=0)
    from allauth.idp.oidc.models import Client
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User

    User.objects.create_user("jane", email="jane@example.org", first_name="Jane")
    Client.objects.create(
        id="twinsight",
        name="Twinsight",
        secret=make_password("a secret of the provider"),
        scopes="openid\nprofile\nemail",
        redirect_uris=callback,
        skip_consent=True,
    )
    call_command("runserver", f"127.0.0.1:{port}", "--noreload")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(os.environ["PROVIDER_PORT"], Path(os.environ["PROVIDER_HOME"]), sys.argv[1])
