"""The one gate: who sees which study."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from archive.models import (
    BreakGlass,
    Collection,
    Instance,
    Membership,
    Patient,
    Series,
    ShareLink,
    Study,
    StudyGrant,
)
from archive.models.memberships import Visitor, memberships_of
from tests.factories.archive import InstanceFactory, SeriesFactory, StudyFactory

if TYPE_CHECKING:
    from archive.models import Project

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(project: Project) -> Study:
    study = StudyFactory(projects=[project])
    InstanceFactory(series=SeriesFactory(study=study))
    return study


def sees(user: User | AnonymousUser, study: Study) -> bool:
    answers = {
        Study.objects.visible_to(user).filter(pk=study.pk).exists(),
        Patient.objects.visible_to(user).filter(pk=study.patient_id).exists(),
        Series.objects.visible_to(user).filter(study=study).exists(),
        Instance.objects.visible_to(user).filter(series__study=study).exists(),
    }
    assert len(answers) == 1, "patient, study, series and instance must agree"
    return answers.pop()


def member(role: str, project: Project | None) -> User:
    user = User.objects.create_user(f"{role}-{project}")
    Membership.objects.create(user=user, role=role, project=project)
    return user


@pytest.mark.parametrize("role", ["viewer", "clinician", "annotator", "radiology_admin", "system"])
def test_reading_roles_see_their_projects_studies(
    role: str, study: Study, project: Project, other_project: Project
) -> None:
    assert sees(member(role, project), study)
    assert not sees(member(role, other_project), study)


def test_auditor_reads_no_images(study: Study, project: Project) -> None:
    assert not sees(member("auditor", project), study)


def test_researcher_sees_only_what_is_deidentified(study: Study, project: Project) -> None:
    researcher = member("researcher", project)
    assert not sees(researcher, study)

    Study.objects.update(is_deidentified=True)

    assert sees(researcher, study)


def test_user_administrator_reads_nothing_by_that(study: Study) -> None:
    assert not sees(User.objects.create_superuser("root"), study)


def test_strangers_and_disabled_accounts_see_nothing(study: Study, radiologist: User) -> None:
    assert not sees(AnonymousUser(), study)
    radiologist.is_active = False
    assert not sees(radiologist, study)


def test_membership_everywhere_holds_in_new_projects_too(study: Study) -> None:
    assert sees(member("viewer", None), study)


def test_unassigned_is_for_radiology_admins_of_any_project(
    unassigned: Project, project: Project, radiologist: User
) -> None:
    study = StudyFactory(projects=[unassigned])
    InstanceFactory(series=SeriesFactory(study=study))

    assert sees(member("radiology_admin", project), study)
    assert not sees(radiologist, study)
    assert not sees(member("viewer", None), study)


def test_study_in_two_projects_is_one_row(
    study: Study, other_project: Project, radiologist: User
) -> None:
    study.projects.add(other_project)
    Membership.objects.create(user=radiologist, project=other_project, role="viewer")

    assert Study.objects.visible_to(radiologist).count() == 1


def test_a_grant_shows_one_study_until_it_ends(study: Study, other_project: Project) -> None:
    reader, other = member("viewer", other_project), StudyFactory(patient=study.patient)
    grant = StudyGrant.objects.create(user=reader, study=study)

    assert sees(reader, study)
    assert not Study.objects.visible_to(reader).filter(pk=other.pk).exists()

    grant.expires_at = timezone.now()
    grant.save()
    assert not sees(reader, study)


def test_an_emergency_shows_one_patient_until_it_ends(
    study: Study, unassigned: Project, other_project: Project
) -> None:
    reader, later = member("clinician", other_project), timezone.now() + timedelta(hours=1)
    other = StudyFactory(patient=study.patient, projects=[unassigned])
    InstanceFactory(series=SeriesFactory(study=other))
    stranger = StudyFactory(projects=[unassigned])
    emergency = BreakGlass.objects.create(user=reader, patient=study.patient, expires_at=later)

    assert sees(reader, study)
    assert sees(reader, other)
    assert not Study.objects.visible_to(reader).filter(pk=stranger.pk).exists()

    emergency.ended_at = timezone.now()
    emergency.save()
    assert not sees(reader, study)


def test_a_researcher_sees_no_identity_by_a_grant(study: Study, other_project: Project) -> None:
    reader = member("researcher", other_project)
    StudyGrant.objects.create(user=reader, study=study)

    assert not sees(reader, study)

    Study.objects.update(is_deidentified=True)
    assert sees(reader, study)


def test_a_link_shows_what_its_maker_may_see(
    study: Study, project: Project, other_project: Project
) -> None:
    maker, later = member("clinician", project), timezone.now() + timedelta(hours=1)
    link = ShareLink.objects.create(digest="d", study=study, created_by=maker, expires_at=later)
    collection = Collection.objects.create(owner=maker, name="Shared")
    inside, outside = StudyFactory(projects=[project]), StudyFactory(projects=[other_project])
    for one in (inside, outside):
        collection.items.create(study=one, position=1)
    wide = ShareLink.objects.create(
        digest="c", collection=collection, created_by=maker, expires_at=later
    )

    visitor = Visitor(link.pk, memberships_of(maker))
    assert sees(visitor, study)
    assert Study.objects.visible_to(visitor).count() == 1
    gathered = Study.objects.visible_to(Visitor(wide.pk, memberships_of(maker)))
    assert list(gathered) == [inside]

    ShareLink.objects.update(revoked_at=timezone.now())
    assert not sees(visitor, study)
