"""Memberships are read once a request, and never kept for the next one."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from archive.access.selectors import is_radiology_admin
from archive.access.services import grant_role
from archive.models import Membership, Study
from archive.models.access import READING_ROLES, Role
from archive.models.memberships import memberships_kept, memberships_of
from archive.models.querysets import readable_projects
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def study_uid(project) -> str:
    return store_datasets(make_dataset(), project=project)[0].series.study.study_instance_uid


def _reads(captured: CaptureQueriesContext) -> list[str]:
    return [one["sql"] for one in captured if 'FROM "archive_membership"' in one["sql"]]


@pytest.mark.parametrize("who", ["radiologist", "archive_admin"])
@pytest.mark.parametrize("page", ["/studies/", "/collections/", "/similar/", "study"])
def test_page_reads_memberships_once(request, study_uid, who, page):
    client = Client()
    client.force_login(request.getfixturevalue(who))
    address = f"/studies/{study_uid}/" if page == "study" else page

    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)

    assert response.status_code == 200
    assert len(_reads(captured)) == 1


def test_revoked_membership_holds_at_the_next_request(radiologist, study_uid):
    client = Client()
    client.force_login(radiologist)
    assert client.get(f"/studies/{study_uid}/").status_code == 200

    Membership.objects.filter(user=radiologist).delete()

    assert client.get(f"/studies/{study_uid}/").status_code == 404
    assert client.get("/dicom-web/studies").status_code == 204


def test_granted_membership_holds_at_the_next_request(outsider, project, study_uid):
    client = Client()
    client.force_login(outsider)
    assert client.get(f"/studies/{study_uid}/").status_code == 404

    Membership.objects.create(user=outsider, project=project, role=Role.VIEWER)

    assert client.get(f"/studies/{study_uid}/").status_code == 200


def test_nothing_is_kept_outside_a_request(radiologist, study_uid):
    assert Study.objects.visible_to(radiologist).exists()

    Membership.objects.filter(user=radiologist).delete()

    assert not Study.objects.visible_to(radiologist).exists()
    assert not readable_projects(radiologist, READING_ROLES).exists()


def test_accounts_are_kept_apart(radiologist, outsider, archive_admin):
    with memberships_kept():
        assert memberships_of(outsider) != memberships_of(radiologist)
        assert is_radiology_admin(archive_admin)
        assert not is_radiology_admin(outsider)


def test_what_is_granted_within_the_block_counts_at_once(outsider, project):
    with memberships_kept():
        assert project not in readable_projects(outsider, READING_ROLES)
        grant_role(user=outsider, role=Role.VIEWER, project=project)
        assert project in readable_projects(outsider, READING_ROLES)


def test_block_within_a_block_reads_nothing_anew(radiologist):
    with memberships_kept():
        memberships_of(radiologist)
        with memberships_kept(), CaptureQueriesContext(connection) as inner:
            memberships_of(radiologist)
        with CaptureQueriesContext(connection) as outer:
            memberships_of(radiologist)

    assert (len(inner), len(outer)) == (0, 0)


def test_disabled_account_holds_nothing(radiologist):
    radiologist.is_active = False

    assert memberships_of(radiologist) == ()
    assert not readable_projects(radiologist, READING_ROLES).exists()
