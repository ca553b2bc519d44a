"""One study with its series and what else the patient has."""

import pytest

from archive.errors import NotVisibleError
from archive.models import Membership, Project, StudyGrant
from archive.query.study_overview import study_overview
from tests.factories.archive import PatientFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db


def test_overview_splits_pictures_from_results_in_order_of_numbers(radiologist, project):
    study = StudyFactory(projects=[project])
    for number, modality in [(3, "CT"), (1, "CT"), (9000, "SEG"), (9001, "SR")]:
        SeriesFactory(study=study, series_number=number, modality=modality)

    overview = study_overview(radiologist, study.study_instance_uid)

    assert [card.number for card in overview.pictures] == [1, 3]
    assert [card.modality for card in overview.results] == ["SEG", "SR"]
    assert overview.projects == (project.name,)


@pytest.mark.parametrize(
    ("role", "place", "is_named"),
    [
        ("viewer", "other", True),
        ("researcher", "other", True),
        ("viewer", None, True),
        ("auditor", "other", False),
        ("viewer", "third", False),
    ],
)
def test_projects_are_named_to_who_reads_in_them(
    radiologist, project, other_project, role, place, is_named
):
    third = Project.objects.create(name="Third", slug="third")
    study = StudyFactory(projects=[project, other_project])
    Membership.objects.create(
        user=radiologist, role=role, project={"other": other_project, "third": third}.get(place)
    )

    named = study_overview(radiologist, study.study_instance_uid).projects

    assert project.name in named
    assert (other_project.name in named) is is_named
    assert len(named) == 1 + is_named


def test_who_sees_a_study_by_a_grant_is_told_no_project(radiologist, outsider, project):
    study = StudyFactory(projects=[project])
    StudyGrant.objects.create(user=outsider, study=study, granted_by=radiologist)

    overview = study_overview(outsider, study.study_instance_uid)

    assert overview.projects == ()


def test_priors_are_the_patients_other_studies_inside_the_rights(
    radiologist, project, other_project
):
    patient = PatientFactory()
    study, prior = (StudyFactory(patient=patient, projects=[project]) for _ in range(2))
    StudyFactory(patient=patient, projects=[other_project])
    StudyFactory(projects=[project])

    overview = study_overview(radiologist, study.study_instance_uid)

    assert [row.study_uid for row in overview.priors] == [prior.study_instance_uid]


@pytest.mark.parametrize("is_there", [True, False])
def test_overview_is_the_same_refusal_for_the_hidden_and_the_absent(outsider, project, is_there):
    study = StudyFactory(projects=[project])
    uid = study.study_instance_uid if is_there else "1.2.3"

    with pytest.raises(NotVisibleError, match="no such study"):
        study_overview(outsider, uid)


def test_overview_takes_few_queries(radiologist, project, django_assert_max_num_queries):
    study = StudyFactory(projects=[project])
    for _ in range(5):
        SeriesFactory(study=study)

    with django_assert_max_num_queries(8):
        study_overview(radiologist, study.study_instance_uid)
