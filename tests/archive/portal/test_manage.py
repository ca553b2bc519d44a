"""Pages for administrators: who sees them, and what they do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from archive.models import AuditEvent, Blob, Membership, Project, StorageSample, Verification
from archive.storage.stores import blob_store
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client

pytestmark = pytest.mark.django_db
SITE_PAGES = ["queue-list", "storage", "worker-list"]
STAFF_PAGES = ["manage", "project-list", "role-list"]


@pytest.fixture
def project_admin(project: Project) -> User:
    from django.contrib.auth.models import User

    user = User.objects.create_user("project_admin", password="a long enough password")
    Membership.objects.create(user=user, project=project, role="radiology_admin")
    return user


@pytest.fixture
def as_admin(client: Client, archive_admin: User) -> Client:
    client.force_login(archive_admin)
    # Somebody who signed in just now is not asked again.
    archive_admin.last_login = timezone.now()
    archive_admin.save()
    return client


def test_pages_are_for_administrators_as_far_as_they_reach(
    client: Client, archive_admin: User, project_admin: User, radiologist: User
) -> None:
    expected = {archive_admin: (200, 200), project_admin: (200, 403), radiologist: (403, 403)}
    for user, (staff, site) in expected.items():
        client.force_login(user)
        found = [client.get(reverse(f"portal:{name}")).status_code for name in STAFF_PAGES]
        assert found == [staff] * len(STAFF_PAGES), user
        found = [client.get(reverse(f"portal:{name}")).status_code for name in SITE_PAGES]
        assert found == [site] * len(SITE_PAGES), user


def test_project_is_made_renamed_closed_and_opened(as_admin: Client) -> None:
    page = reverse("portal:project-list")
    as_admin.post(page, {"name": "Heart team", "is_deidentified": "1"})
    again = as_admin.post(page, {"name": "Heart team"})
    made = Project.objects.get(slug="heart-team")
    detail = reverse("portal:project-detail", args=[made.slug])

    assert made.is_deidentified
    assert "of this name already" in again.content.decode()
    as_admin.post(detail, {"act": "keep", "name": "Hearts"})
    made.refresh_from_db()
    assert (made.name, made.slug, made.is_deidentified) == ("Hearts", "heart-team", False)
    store_datasets(make_dataset(), project=made)
    as_admin.post(detail, {"act": "keep", "name": "Hearts", "is_deidentified": "1"})
    made.refresh_from_db()
    # There is a study with an identity in it.
    assert Project.objects.filter(pk=made.pk, is_deidentified=False).exists()

    as_admin.post(detail, {"act": "close"})
    with pytest.raises(AssertionError, match="QuotaExceeded"):
        store_datasets(make_dataset(), project=made)
    assert "Closed" in as_admin.get(detail).content.decode()
    as_admin.post(detail, {"act": "open"})
    store_datasets(make_dataset(), project=made)
    assert AuditEvent.objects.filter(act__in=["make-project", "change-project"]).count() == 2


def test_roles_are_given_for_a_time_and_taken_within_ones_projects(
    client: Client, project_admin: User, outsider: User, project: Project, other_project: Project
) -> None:
    client.force_login(project_admin)
    page = reverse("portal:role-list")
    until = (timezone.localdate() + timedelta(days=3)).isoformat()
    asked = {"username": "outsider", "role": "viewer", "project": project.slug, "until": until}

    assert client.post(page, asked | {"back": project.slug})["Location"].endswith("/chest-clinic/")
    given = Membership.objects.get(user=outsider, project=project)
    assert given.expires_at is not None
    for refused in (
        asked | {"project": other_project.slug},
        asked | {"project": ""},
        asked | {"username": "project_admin"},
    ):
        assert client.post(page, refused).status_code == 403, refused
    client.post(page, asked | {"role": "emperor"})
    client.post(page, asked | {"username": "nobody"})
    assert Membership.objects.filter(user=outsider).count() == 2
    listed = client.get(page, {"search": "out"}).content.decode()
    assert "outsider" in listed
    assert "Neurology" not in listed

    elsewhere = Membership.objects.get(user=outsider, project=other_project)
    client.post(reverse("portal:role-take", args=[elsewhere.pk]))
    client.post(reverse("portal:role-take", args=[given.pk]), {"back": "//evil.invalid/"})
    assert list(Membership.objects.filter(user=outsider)) == [elsewhere]
    assert client.get(reverse("portal:project-detail", args=["neurology"])).status_code == 404


def test_storage_shows_forecast_and_what_verification_found(as_admin: Client) -> None:
    page = reverse("portal:storage")
    assert "not looked at yet" in as_admin.get(page).content.decode()
    for day in range(4):
        row = StorageSample.objects.create(free_bytes=10**12 - day * 10**10, total_bytes=2 * 10**12)
        moment = timezone.now() - timedelta(days=4 - day)
        StorageSample.objects.filter(pk=row.pk).update(taken_at=moment)
    (instance,) = store_datasets(make_dataset())
    blob_store().delete(instance.blob.sha256)
    with pytest.raises(Exception, match="not whole"):
        call_command("verify_archive", no_progress=True)

    shown = as_admin.get(page)

    assert Verification.objects.get().found == {"missing": 1}
    assert Blob.objects.get().state == "missing"
    assert shown.context["trend"].full_on is not None
    assert instance.blob.sha256 in shown.content.decode()
    assert "1 file missing" in shown.content.decode()


def test_tables_are_for_the_user_administrator_and_to_look_at(
    client: Client, archive_admin: User, radiologist: User
) -> None:
    from django.contrib import admin

    client.force_login(archive_admin)
    shown = {}
    for model in admin.site._registry:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        shown[model._meta.label] = client.get(address).status_code
        assert client.post(f"{address}add/").status_code == 403, address
    assert set(shown.values()) == {200}
    # Whoever is named there, or their secrets, is on no table.
    hidden = {
        "archive.Patient",
        "archive.Study",
        "mfa.Authenticator",
        "oauth2_provider.AccessToken",
    }
    assert not hidden & set(shown)
    one = reverse("admin:auth_user_change", args=[radiologist.pk])
    page = client.get(one).content.decode()
    assert "radiologist" in page
    assert "argon2" not in page
    assert client.post(one, {"username": "x"}).status_code == 403

    radiologist.is_staff = True
    radiologist.save()
    client.force_login(radiologist)
    assert client.get(reverse("admin:index")).status_code == 302


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("/peers/", 'data-menu="manage" aria-current="page"'),
        ("/peers/new/", 'data-menu="manage" aria-current="true"'),
        ("/manage/groups/", 'data-menu="manage" aria-current="true"'),
        ("/schedule/new/", 'data-place="portal:schedule" aria-current="true"'),
        ("/similar/searches/", 'data-place="similarity:similar-page" aria-current="true"'),
        ("/similar/quality/", 'data-menu="manage" aria-current="page"'),
    ],
)
def test_bar_tells_where_a_page_lies(as_admin, address, place):
    page = as_admin.get(address).content.decode()

    bar = " ".join(page.partition("</nav>")[0].split())
    assert place in bar
    assert bar.partition("menu-list")[0].count("aria-current") == 1


def test_bar_marks_no_place_of_administrators_for_others(client, radiologist):
    client.force_login(radiologist)

    bar = client.get("/account/").content.decode().partition("</nav>")[0]

    assert "aria-current" not in bar
