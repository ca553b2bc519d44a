from django.urls import path

from archive.api import oauth
from archive.api.provider_logout import provider_logout

urlpatterns = [
    path("oauth/token/", oauth.token, name="oauth-token"),
    path("oauth/introspect/", oauth.introspect, name="oauth-introspect"),
    path("oauth/provider-logout/", provider_logout, name="provider-logout"),
    path("oauth/revoke/", oauth.revoke, name="oauth-revoke"),
    path(".well-known/oauth-authorization-server", oauth.server_metadata, name="oauth-metadata"),
    path(".well-known/smart-configuration", oauth.smart_configuration, name="smart-configuration"),
    path(
        "fhir/R4/.well-known/smart-configuration",
        oauth.smart_configuration,
        name="smart-configuration-fhir",
    ),
]
