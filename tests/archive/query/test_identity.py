"""Patients whose identity is in doubt."""

from datetime import date

import pytest

from archive.errors import NotAllowedError
from archive.models import Membership, Role
from archive.query.identity import identity_conflict_count, identity_conflicts
from tests.factories.archive import PatientFactory, StudyFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def project_admin(radiologist, project):
    Membership.objects.create(user=radiologist, project=project, role=Role.RADIOLOGY_ADMIN)
    return radiologist


def test_identity_conflicts_are_for_radiology_admins_alone(radiologist):
    with pytest.raises(NotAllowedError):
        identity_conflicts(radiologist)


def test_identity_conflict_names_both_sides_and_what_differs(archive_admin, project):
    born = date(1970, 1, 1)
    known = PatientFactory(dicom_patient_id="P1", patient_name="Doe^Jane", patient_birth_date=born)
    other = PatientFactory(
        dicom_patient_id="P1",
        patient_name="Roe^Ann",
        patient_birth_date=born,
        conflict_of=known,
    )
    known_study = StudyFactory(patient=known, projects=[project])
    other_study = StudyFactory(patient=other, projects=[project])

    (conflict,) = identity_conflicts(archive_admin)

    assert conflict.patient_id == "P1"
    assert conflict.differing == {"patient_name"}
    assert conflict.known.study_uids == (known_study.study_instance_uid,)
    assert conflict.other.study_uids == (other_study.study_instance_uid,)
    assert identity_conflict_count(archive_admin) == 1


def test_identity_conflict_outside_the_admins_projects_is_left_out(project_admin, other_project):
    known = PatientFactory(dicom_patient_id="P1")
    other = PatientFactory(dicom_patient_id="P1", conflict_of=known)
    StudyFactory(patient=other, projects=[other_project])

    assert identity_conflicts(project_admin) == []
    assert identity_conflict_count(project_admin) == 0


def test_side_outside_the_rights_is_not_described(project_admin, project, other_project):
    known = PatientFactory(dicom_patient_id="P1")
    other = PatientFactory(dicom_patient_id="P1", conflict_of=known)
    StudyFactory(patient=known, projects=[other_project])
    StudyFactory(patient=other, projects=[project])

    (conflict,) = identity_conflicts(project_admin)

    assert conflict.known is None
    assert conflict.differing == frozenset()
    assert len(conflict.other.study_uids) == 1
