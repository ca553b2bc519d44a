"""The one gate: who sees which study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import AnonymousUser, User

from archive.models import Instance, Membership, Patient, Series, Study
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
