"""How much a project may store."""

from __future__ import annotations

import pytest

from archive.access.quotas import project_uses, set_quota
from archive.audit.types import Asker
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import AuditEvent
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


def test_use_is_counted_and_a_quota_kept(archive_admin, project, other_project) -> None:
    (instance,) = store_datasets(make_dataset(), project=project)
    size = instance.blob.size_bytes
    asker = Asker(door="portal", user=archive_admin)
    set_quota(asker=asker, slug=project.slug, quota_bytes=2 * size)

    uses = {use.slug: use for use in project_uses(archive_admin)}
    mine, other = uses[project.slug], uses[other_project.slug]
    assert (mine.studies, mine.stored_bytes, mine.percent) == (1, size, 50)
    assert (other.studies, other.stored_bytes, other.percent) == (0, 0, None)
    trail = AuditEvent.objects.get(act="change-quota")
    assert trail.details == {"project": project.slug, "quota_bytes": 2 * size}


def test_who_is_no_admin_of_the_archive_is_refused(radiologist, project) -> None:
    with pytest.raises(NotAllowedError):
        project_uses(radiologist)
    with pytest.raises(NotAllowedError):
        set_quota(asker=Asker(door="portal", user=radiologist), slug=project.slug, quota_bytes=1)


def test_wrong_quotas_are_refused(archive_admin, project) -> None:
    asker = Asker(door="portal", user=archive_admin)
    with pytest.raises(NotVisibleError):
        set_quota(asker=asker, slug="nowhere", quota_bytes=1)
    for number in (-1, 2**63):
        with pytest.raises(InvalidRequestError):
            set_quota(asker=asker, slug=project.slug, quota_bytes=number)
