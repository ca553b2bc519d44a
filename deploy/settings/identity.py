"""Who signs in and how: passwords, second steps, lock-out, sessions, directories, OAuth 2."""

from datetime import timedelta

from deploy.settings.environment import (
    read_bool,
    read_int,
    read_list,
    read_networks,
    read_text,
)

# Addresses or networks of the site's own proxies: of what they pass on, X-Forwarded-For says
# where it comes from. With none, nobody's word is taken for it.
TWINSIGHT_TRUSTED_PROXIES = read_networks("TWINSIGHT_TRUSTED_PROXIES")

IDENTITY_APPS = [
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "axes",
    "oauth2_provider",
]

# A session ends after so long without a person's act, and after so long in any case.
TWINSIGHT_SESSION_IDLE_S = read_int("TWINSIGHT_SESSION_IDLE_MINUTES", 60) * 60
TWINSIGHT_SESSION_S = read_int("TWINSIGHT_SESSION_HOURS", 12) * 3600
# Dangerous acts ask again for the password or the second step after so long.
TWINSIGHT_STEP_UP_S = read_int("TWINSIGHT_STEP_UP_MINUTES", 10) * 60
# Whether everybody who signs in by a password here needs a second step; those of another
# system's sign-in prove themselves there.
TWINSIGHT_REQUIRE_SECOND_STEP = read_bool("TWINSIGHT_REQUIRE_SECOND_STEP", default=False)
# How long a password that an administrator made, and a link to set one, may be used.
PASSWORD_RESET_TIMEOUT = read_int("TWINSIGHT_INVITATION_HOURS", 72) * 3600
# How long a personal API token may live at most; tokens of OAuth 2 clients live for minutes.
TWINSIGHT_TOKEN_MAX_DAYS = read_int("TWINSIGHT_TOKEN_MAX_DAYS", 365)
# How long it may be renewed, counted from when the first of its chain was made.
TWINSIGHT_TOKEN_RENEWAL_DAYS = read_int("TWINSIGHT_TOKEN_RENEWAL_DAYS", 730)
TWINSIGHT_OAUTH_TOKEN_S = read_int("TWINSIGHT_OAUTH_TOKEN_MINUTES", 15) * 60
# Hosts from which clients' public keys (JWKS) are fetched; with none they are entered by hand.
TWINSIGHT_JWKS_HOSTS = read_list("TWINSIGHT_JWKS_HOSTS", [])

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {
        "NAME": "archive.accounts.passwords.ContextWordsValidator",
        "OPTIONS": {
            "words": [
                *("twinsight", "radiology", "radiologist", "hospital", "dicom", "orthanc", "pacs"),
                *read_list("TWINSIGHT_PASSWORD_WORDS", []),
            ]
        },
    },
]
# A list of stolen passwords: a file of SHA-1 digests in order, as Pwned Passwords has them.
TWINSIGHT_BREACHED_PASSWORDS = read_text("TWINSIGHT_BREACHED_PASSWORDS")
AUTH_PASSWORD_VALIDATORS.append(
    {
        "NAME": "archive.accounts.breached.BreachedPasswordsValidator",
        "OPTIONS": {"path": TWINSIGHT_BREACHED_PASSWORDS},
    }
)
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]

SESSION_COOKIE_AGE = TWINSIGHT_SESSION_S
ACCOUNT_ADAPTER = "archive.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# A stranger's address gets no mail, and learns nothing.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = TWINSIGHT_STEP_UP_S
ACCOUNT_LOGIN_TIMEOUT = 300
# Wrong passwords are counted by axes; these bound what one address may ask for at all.
ACCOUNT_RATE_LIMITS = {"login": "120/m/ip", "reset_password": "20/m/ip,5/h/key"}
MFA_ADAPTER = "archive.accounts.adapters.SecondStepAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "Twinsight"
MFA_TOTP_TOLERANCE = 1
# Passkeys over plain HTTP, for a demonstration on localhost; browsers refuse other hosts.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not read_bool("TWINSIGHT_SECURE_COOKIES", default=False)
USERSESSIONS_TRACK_ACTIVITY = False

AXES_FAILURE_LIMIT = read_int("TWINSIGHT_LOGIN_FAILURES", 8)
AXES_COOLOFF_TIME = timedelta(minutes=read_int("TWINSIGHT_LOCKOUT_MINUTES", 15))
# The pair: who guesses from elsewhere never locks the right person out.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "archive.accounts.lockout.counted_name"
AXES_LOCKOUT_CALLABLE = "archive.accounts.lockout.locked_out"
AXES_CLIENT_IP_CALLABLE = "archive.accounts.lockout.client_address"
AXES_SENSITIVE_PARAMETERS = ["username", "login", "password", "ip_address"]

# OpenID Connect: one outside provider.
TWINSIGHT_OIDC_ID = read_text("TWINSIGHT_OIDC_ID", "oidc")
TWINSIGHT_OIDC_SERVER_URL = read_text("TWINSIGHT_OIDC_SERVER_URL")
TWINSIGHT_OIDC_NAME = read_text("TWINSIGHT_OIDC_NAME", "Single sign-on")
# The claim that lists the person's groups, and a group without which nobody gets in.
TWINSIGHT_OIDC_GROUPS_CLAIM = read_text("TWINSIGHT_OIDC_GROUPS_CLAIM", "groups")
TWINSIGHT_OIDC_REQUIRED_GROUP = read_text("TWINSIGHT_OIDC_REQUIRED_GROUP")
# How surely it must have known the person: levels (acr) one of which, and methods (amr, RFC 8176)
# any of which its token must name; with none its word is taken as it is.
TWINSIGHT_OIDC_ACR = read_list("TWINSIGHT_OIDC_ACR", [])
TWINSIGHT_OIDC_AMR = read_list("TWINSIGHT_OIDC_AMR", [])
# Whether a dangerous act wants the provider's word (auth_time) that the person signed in there just
# now; no: coming back from there is enough, for providers that don't say when.
TWINSIGHT_OIDC_AUTH_TIME = read_bool("TWINSIGHT_OIDC_AUTH_TIME", default=True)
SOCIALACCOUNT_ADAPTER = "archive.accounts.outside.OutsideAdapter"
SOCIALACCOUNT_ONLY = False
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"


def outside_providers(server_url: str, client_id: str, secret: str) -> dict[str, object]:
    """Return what allauth wants to know of the provider; nothing where there is none."""
    app = {
        "provider_id": TWINSIGHT_OIDC_ID,
        "name": TWINSIGHT_OIDC_NAME,
        "client_id": client_id,
        "secret": secret,
        "settings": {
            "server_url": server_url,
            "scope": read_list("TWINSIGHT_OIDC_SCOPES", ["openid", "profile", "email"]),
        },
    }
    apps = [app] if server_url else []
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": apps}}


SOCIALACCOUNT_PROVIDERS = outside_providers(
    TWINSIGHT_OIDC_SERVER_URL,
    read_text("TWINSIGHT_OIDC_CLIENT_ID"),
    read_text("TWINSIGHT_OIDC_CLIENT_SECRET"),
)

# LDAP, where the extra `ldap` is installed.
TWINSIGHT_LDAP_URL = read_text("TWINSIGHT_LDAP_URL")
TWINSIGHT_LDAP_BIND_DN = read_text("TWINSIGHT_LDAP_BIND_DN")
TWINSIGHT_LDAP_BIND_PASSWORD = read_text("TWINSIGHT_LDAP_BIND_PASSWORD")
TWINSIGHT_LDAP_USERS_DN = read_text("TWINSIGHT_LDAP_USERS_DN")
TWINSIGHT_LDAP_USER_FILTER = read_text("TWINSIGHT_LDAP_USER_FILTER", "(uid=%(user)s)")
TWINSIGHT_LDAP_GROUPS_DN = read_text("TWINSIGHT_LDAP_GROUPS_DN")
TWINSIGHT_LDAP_REQUIRED_GROUP = read_text("TWINSIGHT_LDAP_REQUIRED_GROUP")
TWINSIGHT_LDAP_START_TLS = read_bool("TWINSIGHT_LDAP_START_TLS", default=False)
TWINSIGHT_LDAP_AUTHORITY = read_text("TWINSIGHT_LDAP_CERTIFICATE_AUTHORITY")
if TWINSIGHT_LDAP_URL:
    AUTHENTICATION_BACKENDS.append("archive.accounts.directory.DirectoryBackend")

# Only the clients' register and the grant come from the toolkit; tokens are our own API tokens.
OAUTH2_PROVIDER = {
    "OAUTH2_VALIDATOR_CLASS": "archive.accounts.oauth.TokenValidator",
    "SCOPES_BACKEND_CLASS": "archive.accounts.oauth.ClientScopes",
    "ACCESS_TOKEN_GENERATOR": "archive.accounts.oauth.new_token",
    "ACCESS_TOKEN_EXPIRE_SECONDS": TWINSIGHT_OAUTH_TOKEN_S,
    "PKCE_REQUIRED": True,
    # No other grant is reachable; the checks want it said (RFC 9700).
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_SCHEME": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
}
OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth2_provider.Application"
