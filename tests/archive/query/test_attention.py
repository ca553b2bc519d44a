"""What waits for a radiology admin."""

from datetime import date

import pytest

from archive.errors import NotAllowedError
from archive.models import Membership, Quarantine, Role
from archive.query.attention import attention_counts, identity_conflicts, quarantine_page
from tests.factories.archive import PatientFactory, StudyFactory

pytestmark = pytest.mark.django_db


def _entry(**fields):
    return Quarantine.objects.create(
        **{"reason_code": "truncated", "reason": "Cut off.", "door": "api", **fields}
    )


@pytest.fixture
def project_admin(radiologist, project):
    Membership.objects.create(user=radiologist, project=project, role=Role.RADIOLOGY_ADMIN)
    return radiologist


def test_quarantine_is_for_radiology_admins_alone(radiologist):
    with pytest.raises(NotAllowedError):
        quarantine_page(radiologist)


def test_identity_conflicts_are_for_radiology_admins_alone(radiologist):
    with pytest.raises(NotAllowedError):
        identity_conflicts(radiologist)


def test_quarantine_page_lists_open_entries_newest_first(archive_admin, project):
    first, second = _entry(original_name="a"), _entry(original_name="b", project=project)
    resolved = _entry()
    resolved.resolved_at = resolved.received_at
    resolved.save()

    rows, total = quarantine_page(archive_admin)

    assert ([row.key for row in rows], total) == ([second.pk, first.pk], 2)


def test_quarantine_page_is_cut_in_pages(archive_admin):
    for _ in range(3):
        _entry()

    rows, total = quarantine_page(archive_admin, page=2, page_size=2)

    assert (len(rows), total) == (1, 3)


def test_admin_of_one_project_sees_its_entries_and_those_of_none(
    project_admin, project, other_project
):
    wanted = {_entry(project=project).pk, _entry().pk}
    _entry(project=other_project)

    rows, total = quarantine_page(project_admin)

    assert {row.key for row in rows} == wanted
    assert total == 2


def test_identity_conflict_names_both_sides_and_what_differs(archive_admin, project):
    known = PatientFactory(
        dicom_patient_id="P1", patient_name="Doe^Jane", patient_birth_date=date(1970, 1, 1)
    )
    other = PatientFactory(
        dicom_patient_id="P1", patient_name="Roe^Ann", conflict_of=known,
        patient_birth_date=date(1970, 1, 1),
    )  # fmt: skip
    known_study = StudyFactory(patient=known, projects=[project])
    other_study = StudyFactory(patient=other, projects=[project])

    (conflict,) = identity_conflicts(archive_admin)

    assert conflict.patient_id == "P1"
    assert conflict.differing == {"patient_name"}
    assert conflict.known.study_uids == (known_study.study_instance_uid,)
    assert conflict.other.study_uids == (other_study.study_instance_uid,)


def test_identity_conflict_outside_the_admins_projects_is_left_out(project_admin, other_project):
    known = PatientFactory(dicom_patient_id="P1")
    other = PatientFactory(dicom_patient_id="P1", conflict_of=known)
    StudyFactory(patient=other, projects=[other_project])

    assert identity_conflicts(project_admin) == []


def test_attention_counts_are_empty_for_those_who_can_do_nothing_about_it(radiologist):
    _entry()

    assert attention_counts(radiologist) == {}


def test_attention_counts_count_for_admins(archive_admin):
    _entry()

    assert attention_counts(archive_admin) == {"quarantine": 1, "identity": 0}
