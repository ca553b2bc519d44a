"""What groups of a directory give, and that it ends with them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from archive.accounts.groups import follow_groups
from archive.accounts.mappings import add_mapping, remove_mapping
from archive.accounts.services import change_user
from archive.audit.types import Asker

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(archive_admin) -> Asker:
    archive_admin.is_superuser = True
    archive_admin.save()
    return Asker(door="portal", user=archive_admin)


def signs_in(user: User, *groups: str, provider: str = "oidc") -> bool:
    """Whether somebody with these groups manages accounts after the sign-in."""
    user.refresh_from_db()
    follow_groups(asker=Asker(door="portal"), user=user, provider=provider, groups=groups)
    return User.objects.get(pk=user.pk).is_superuser


def test_right_to_manage_accounts_ends_with_the_group_and_with_its_mapping(admin, colleague):
    mapping = add_mapping(asker=admin, provider="oidc", group="it", is_user_admin=True)
    assert signs_in(colleague, "it")
    assert not signs_in(colleague, "others")
    assert signs_in(colleague, "it")
    # Another directory's groups say nothing of it.
    assert signs_in(colleague, "others", provider="ldap")

    remove_mapping(asker=admin, mapping_id=mapping.pk)
    assert not signs_in(colleague, "it")


def test_right_that_a_person_gave_is_no_groups_to_take(admin, colleague):
    add_mapping(asker=admin, provider="oidc", group="it", is_user_admin=True)
    change_user(asker=admin, user_id=colleague.pk, full_name=("", ""), email="", is_user_admin=True)
    assert signs_in(colleague, "it")
    assert signs_in(colleague, "others")
