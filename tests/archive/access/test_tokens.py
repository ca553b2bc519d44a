"""Tokens: shown once, kept as digests, bounded by scope, dead when they should be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from archive.access import services
from archive.audit.types import Asker
from archive.errors import InvalidRequestError
from archive.models import ApiToken, AuditEvent, Membership

if TYPE_CHECKING:
    from django.test import Client

    from archive.models import Project

pytestmark = pytest.mark.django_db


def create(**values: object) -> str:
    wanted: dict[str, object] = {"asker": Asker(door="command"), "username": "pacs"}
    return services.create_api_token(**{**wanted, "scopes": ["read"], **values})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_token_makes_a_service_user_who_cannot_sign_in(project: Project) -> None:
    create(role="system", projects=[project])

    user = User.objects.get(username="pacs")
    assert not user.has_usable_password()
    assert Membership.objects.get(user=user).project == project


def test_only_the_digest_is_kept() -> None:
    token = create()

    row = ApiToken.objects.get()
    assert token not in {row.digest, row.hint}
    assert token.startswith(row.hint)


def test_creation_is_on_record() -> None:
    token = create()

    event = AuditEvent.objects.get(act="create-token")
    assert token not in str(event.details)


@pytest.mark.parametrize("wrong", [{"scopes": []}, {"scopes": ["root"]}, {"role": "king"}])
def test_unknown_scope_or_role_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequestError):
        create(**wrong)
    assert not User.objects.filter(username="pacs").exists()


def test_valid_token_speaks_for_its_user() -> None:
    principal = services.authenticate_token(create())

    assert principal is not None
    assert principal.user.username == "pacs"


def test_expired_revoked_unknown_and_disabled_are_nobody() -> None:
    expired = create(expires_at=timezone.now() - timedelta(seconds=1))
    revoked = create()
    ApiToken.objects.filter(hint=revoked[:12]).update(revoked_at=timezone.now())
    disabled = create(username="left")
    User.objects.filter(username="left").update(is_active=False)

    for token in (expired, revoked, disabled, "tws_unknown", ""):
        assert services.authenticate_token(token) is None


def test_token_opens_a_door_for_programs(client: Client) -> None:
    response = client.get("/dicom-web/studies", headers=bearer(create()))

    assert response.status_code in {200, 204}


def test_bad_token_is_401_even_with_a_valid_session(client: Client, radiologist: User) -> None:
    client.force_login(radiologist)

    response = client.get("/dicom-web/studies", headers=bearer("tws_wrong"))

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_read_token_cannot_store(client: Client) -> None:
    response = client.post(
        "/dicom-web/studies", b"", content_type="application/dicom", headers=bearer(create())
    )

    assert response.status_code == 403
    assert "write" in response.json()["detail"]


def test_basic_authentication_is_refused(client: Client) -> None:
    response = client.get("/dicom-web/studies", headers={"Authorization": "Basic YTpi"})

    assert response.status_code == 401


def test_first_admin_is_made_once() -> None:
    name, password = services.ensure_first_admin()
    again, nothing = services.ensure_first_admin()

    assert name == again == "admin"
    assert password is not None
    assert nothing is None
    assert User.objects.get(username="admin").check_password(password)
