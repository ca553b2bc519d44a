"""What the provider of the tests says of people: their groups, read anew from a file each time."""

import json
import os
from pathlib import Path

from allauth.idp.oidc.adapter import DefaultOIDCAdapter


class WithGroups(DefaultOIDCAdapter):
    """Adds the groups, and of the sign-in there, what a test wrote down."""

    def get_claims(self, purpose, user, client, scopes, email=None, **kwargs):
        """Return the usual claims, and the groups."""
        claims = super().get_claims(purpose, user, client, scopes, email=email, **kwargs)
        home = Path(os.environ["PROVIDER_HOME"])
        named = (home / "groups").read_text().split()
        more = json.loads((home / "more").read_text()).get(purpose, {})
        return {**claims, "groups": named, "preferred_username": user.get_username(), **more}
