"""Behind a TLS proxy."""

from deploy.settings.base import *

# Programs that forget the s are told so; people are redirected.
MIDDLEWARE = ["archive.access.middleware.PlainProgramsMiddleware", *MIDDLEWARE]
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
# Browsers take these from this very host alone, and over TLS.
SESSION_COOKIE_NAME = "__Host-sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken"
SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False
# The portal shows its own documents in frames of its own pages; nobody else may frame it.
SILENCED_SYSTEM_CHECKS = ["security.W019"]
