from __future__ import annotations

import pytest

from archive.errors import InvalidInstanceError
from archive.ingest.refusals import refuse_without_bytes
from archive.ingest.selectors import archived_files, quarantine_visible_to
from archive.ingest.types import Origin
from archive.models import Membership
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries(project, other_project):
    """One refusal in each project, and one that belongs to none."""
    for name, where in (("ours", project), ("theirs", other_project), ("nobody's", None)):
        refuse_without_bytes(
            name=name, error=InvalidInstanceError(), origin=Origin(door="tests", project=where)
        )


def _names(user) -> set[str]:
    return {entry.original_name for entry in quarantine_visible_to(user)}


def test_admin_of_every_project_sees_all(entries, archive_admin):
    assert _names(archive_admin) == {"ours", "theirs", "nobody's"}


def test_admin_of_one_project_sees_that_and_the_unassigned(entries, radiologist, project):
    Membership.objects.create(user=radiologist, project=project, role="radiology_admin")

    assert _names(radiologist) == {"ours", "nobody's"}


def test_others_see_nothing(entries, radiologist, django_user_model):
    from django.contrib.auth.models import AnonymousUser

    assert _names(radiologist) == set()
    assert _names(AnonymousUser()) == set()


def test_archived_files_are_known_by_their_digest(project):
    (instance,) = store_datasets(make_dataset(), project=project)
    sha256 = instance.blob.sha256

    found = archived_files([sha256, "0" * 64])

    assert found == {sha256: (instance.sop_instance_uid, instance.series.study.study_instance_uid)}


def test_damaged_files_are_not_taken_for_archived(project):
    (instance,) = store_datasets(make_dataset(), project=project)
    instance.blob.state = "damaged"
    instance.blob.save()

    assert archived_files([instance.blob.sha256]) == {}


def test_what_is_deleted_here_is_not_taken_for_archived(project):
    (instance,) = store_datasets(make_dataset(), project=project)
    instance.withheld = "deleted"
    instance.save()

    assert archived_files([instance.blob.sha256]) == {}
