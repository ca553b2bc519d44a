"""A Patient ID alone shows nobody whose it is: which known patient a new study joins."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from archive.access.services import grant_role
from archive.audit.types import Asker
from archive.corrections.identities import KNOWN, decide_same
from archive.corrections.patients import edit_patient, merge_patients
from archive.ingest import services
from archive.ingest.types import Origin, Outcome
from archive.models import Membership, Patient, Peer, Project, Role, Study
from archive.query.identity import identity_conflicts
from tests.archive.ingest.test_services import instance, store
from tests.builders.multipart import DICOM_MULTIPART, related

if TYPE_CHECKING:
    from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db

# Words that stand nowhere else on a page.
NAME, ID = "Secretname^Greta", "4711-X"
FULL = {"PatientID": ID, "PatientName": NAME, "PatientBirthDate": "19610203", "PatientSex": "F"}
BLANK = {"PatientID": ID, "PatientName": "", "PatientBirthDate": "", "PatientSex": ""}
REMOVED = {"PatientIdentityRemoved": "YES"}


@pytest.fixture(params=["statement", "recorder"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of recording give the same answer."""
    if request.param == "recorder":
        monkeypatch.setattr(services, "store_plain", lambda *_: set())
    return str(request.param)


def study(number: int, who: dict[str, str], **more: str) -> bytes:
    uid = f"1.2.826.0.1.{number}"
    uids = {"StudyInstanceUID": uid, "SeriesInstanceUID": f"{uid}.1", "SOPInstanceUID": f"{uid}.2"}
    return instance(**{**uids, **who, **more})


def put(number: int, who: dict[str, str], **origin: Any) -> Patient:
    """Store a study that is new, and return whose it is."""
    more = origin.pop("more", {})
    (result,) = store(study(number, who, **more), origin=Origin(door="test", **origin))
    assert result.outcome is Outcome.STORED
    return Study.objects.get(study_instance_uid=result.study_instance_uid).patient


def said_of(patient: Patient) -> tuple[Any, ...]:
    row = Patient.objects.get(pk=patient.pk)
    return row.patient_name, row.patient_birth_date, row.patient_sex, row.conflict_of_id


# --- what leaked


def test_id_alone_shows_nothing_of_a_patient_elsewhere(
    outsider: User, project: Project, other_project: Project
) -> None:
    theirs = put(1, FULL, project=project)
    browser = Client()
    browser.force_login(outsider)

    answer = browser.post(
        "/dicom-web/studies", data=related([study(2, BLANK)]), content_type=DICOM_MULTIPART
    )

    assert answer.status_code == 200
    assert Study.objects.get(study_instance_uid="1.2.826.0.1.2").patient_id != theirs.pk
    for page in (
        "/studies/",
        "/studies/1.2.826.0.1.2/",
        f"/dicom-web/studies?PatientID={ID}&includefield=all",
        f"/fhir/Patient?identifier={ID}",
        f"/fhir/Patient/{theirs.pk}",
    ):
        found = browser.get(page)
        assert found.status_code in {200, 404}, page
        words = found.content.decode()
        for word in ("Secretname", "19610203", "1961-02-03"):
            assert word not in words, page
    assert browser.get(f"/fhir/Patient/{theirs.pk}").status_code == 404
    (known,) = json.loads(browser.get(f"/dicom-web/studies?PatientID={ID}").content)
    assert "Value" not in known["00100010"]


def test_id_alone_writes_nothing_into_a_patient_elsewhere(
    way: str, outsider: User, project: Project, other_project: Project
) -> None:
    theirs = put(1, FULL | {"PatientSex": ""}, project=project)
    before = said_of(theirs)

    mine = put(2, BLANK | {"PatientSex": "M"}, actor=outsider)

    assert mine.conflict_of == theirs
    assert said_of(theirs) == before
    assert said_of(mine)[:3] == ("", None, "M")


def test_more_of_the_patient_kept_apart_joins_them(
    way: str, outsider: User, project: Project, other_project: Project
) -> None:
    put(1, FULL, project=project)
    mine = put(2, BLANK, actor=outsider)

    assert put(3, BLANK, actor=outsider) == mine
    assert put(4, BLANK | {"PatientSex": "F"}, actor=outsider) == mine
    assert said_of(mine)[2] == "F"


def test_what_its_sender_may_not_see_does_not_make_a_row_each_time(
    way: str, outsider: User, project: Project, unassigned: Project
) -> None:
    put(1, FULL)
    Membership.objects.create(user=outsider, project=project, role=Role.CLINICIAN)

    # Of two projects none is theirs by itself: it goes to where they see nothing.
    mine = put(2, BLANK, actor=outsider)

    assert mine.conflict_of is not None
    assert put(3, BLANK, actor=outsider) == mine
    assert Patient.objects.count() == 2


def test_blank_row_elsewhere_takes_no_identity(
    way: str, project: Project, other_project: Project
) -> None:
    blank = put(1, BLANK, project=other_project)

    named = put(2, FULL, project=project)

    assert named.conflict_of == blank
    assert said_of(blank)[:3] == ("", None, "")


def renamed(asker: User, patient: Patient, *, has_new_id: bool) -> None:
    values = {"PatientName": "Othername^Greta"}
    if has_new_id:
        values["PatientID"] = "4712"
    edit_patient(
        asker=Asker(door="test", user=asker), patient_id=patient.pk, values=values, reason="wrong"
    )


@pytest.mark.parametrize("has_new_id", [True, False])
def test_former_id_or_name_alone_finds_nobody_elsewhere(
    has_new_id: bool, way: str, archive_admin: User, outsider: User, project: Project
) -> None:
    theirs = put(1, FULL, project=project)
    renamed(archive_admin, theirs, has_new_id=has_new_id)

    assert put(2, BLANK, actor=outsider).conflict_of == theirs
    assert put(3, BLANK | {"PatientName": NAME}, actor=outsider) != theirs
    assert put(4, BLANK, project=project) == theirs


@pytest.mark.parametrize("has_new_id", [True, False])
def test_who_says_all_that_was_known_then_is_told_how_it_goes_on(
    has_new_id: bool, way: str, archive_admin: User, outsider: User, project: Project
) -> None:
    theirs = put(1, FULL, project=project)
    renamed(archive_admin, theirs, has_new_id=has_new_id)

    assert put(2, FULL, actor=outsider) == theirs


# --- without identity and with


@pytest.mark.parametrize("who", [BLANK, FULL], ids=["blank", "full"])
def test_without_identity_never_joins_who_has_one(
    who: dict[str, str], way: str, project: Project
) -> None:
    named = put(1, FULL, project=project)

    assert put(2, who, project=project, more=REMOVED).conflict_of == named


def test_researcher_reads_no_name_by_the_id_of_what_is_without(
    way: str, project: Project, outsider: User
) -> None:
    put(1, FULL, project=project)
    put(2, BLANK, project=project, more=REMOVED)
    Membership.objects.filter(user=outsider).update(project=project, role=Role.RESEARCHER)

    assert [one.patient_name for one in Patient.objects.visible_to(outsider)] == [""]


def test_identity_never_comes_to_a_row_without(way: str, project: Project) -> None:
    blank = put(1, BLANK, project=project, more=REMOVED)

    named = put(2, FULL, project=project)

    assert named.conflict_of == blank
    assert said_of(blank)[:3] == ("", None, "")


def test_studies_without_identity_join_each_other(way: str, project: Project) -> None:
    first = put(1, BLANK, project=project, more=REMOVED)

    assert put(2, BLANK | {"PatientSex": "F"}, project=project, more=REMOVED) == first
    assert said_of(first)[2] == "F"


def test_row_of_both_kinds_takes_no_more_of_an_identity(way: str, project: Project) -> None:
    mixed = put(1, BLANK, project=project)
    Study.objects.create(patient=mixed, study_instance_uid="1.2.9", is_deidentified=True)

    assert put(2, BLANK, project=project) == mixed
    named = put(3, FULL, project=project)

    assert named.conflict_of == mixed
    assert said_of(mixed)[:3] == ("", None, "")


def test_one_instance_with_an_identity_makes_the_study_one(way: str, project: Project) -> None:
    named = put(1, FULL, project=project)
    without = study(2, BLANK, **REMOVED)
    content = study(2, BLANK, SOPInstanceUID="1.2.826.0.1.2.3")

    store(without, content, origin=Origin(door="test", project=project))

    found = Study.objects.get(study_instance_uid="1.2.826.0.1.2")
    assert (found.patient, found.is_deidentified) == (named, False)


# --- who joins


def test_in_the_same_project_the_id_is_enough(
    way: str, radiologist: User, project: Project
) -> None:
    patient = put(1, FULL | {"PatientSex": ""}, project=project)

    assert put(2, BLANK, project=project) == patient
    assert put(3, BLANK, actor=radiologist) == patient
    assert put(4, BLANK | {"PatientSex": "F"}, actor=radiologist) == patient
    assert said_of(patient)[2] == "F"


def test_what_no_door_claims_joins_each_other(way: str, project: Project) -> None:
    patient = put(1, FULL)

    assert put(2, BLANK) == patient
    assert put(3, BLANK, project=project) != patient


def test_full_identity_joins_across_projects(
    way: str, outsider: User, project: Project, other_project: Project
) -> None:
    patient = put(1, FULL, project=project)

    assert put(2, FULL, project=other_project) == patient
    assert put(3, FULL, actor=outsider) == patient


def test_whom_the_statement_is_sure_of_it_joins(
    monkeypatch: pytest.MonkeyPatch,
    radiologist: User,
    outsider: User,
    project: Project,
    unassigned: Project,
) -> None:
    monkeypatch.setattr(services, "_record", lambda *_: pytest.fail("it was not plain"))
    patient = put(1, FULL, project=project)

    assert put(2, BLANK, project=project) == patient
    assert put(3, BLANK, actor=radiologist) == patient
    assert put(4, FULL, actor=outsider) == patient
    assert put(5, FULL) == patient
    assert put(6, BLANK, is_trusted=True) == patient
    assert put(7, BLANK) == patient
    without = FULL | {"PatientID": "P-2"}
    assert put(8, without, more=REMOVED) == put(9, without, project=project, more=REMOVED)


def test_who_says_all_and_more_joins_without_writing(
    way: str, project: Project, other_project: Project
) -> None:
    patient = put(1, FULL | {"PatientSex": ""}, project=project)

    assert put(2, FULL, project=other_project) == patient
    assert said_of(patient)[2] == ""


@pytest.mark.parametrize("missing", ["PatientName", "PatientBirthDate", "PatientSex"])
def test_who_says_less_than_is_known_is_kept_apart(
    missing: str, way: str, project: Project, other_project: Project
) -> None:
    patient = put(1, FULL, project=project)

    assert put(2, FULL | {missing: ""}, project=other_project).conflict_of == patient


@pytest.mark.parametrize("role", [Role.SYSTEM, Role.CLINICIAN, Role.RADIOLOGY_ADMIN])
def test_who_stores_in_every_project_joins_everywhere(
    role: Role, way: str, django_user_model: type[User], project: Project, unassigned: Project
) -> None:
    user = django_user_model.objects.create_user("modality")
    grant_role(user=user, role=role, project=None)
    patient = put(1, FULL, project=project)

    assert put(2, BLANK, actor=user) == patient


def test_unassigned_is_seen_by_radiology_admins_alone(
    way: str, outsider: User, other_project: Project, unassigned: Project
) -> None:
    patient = put(1, FULL)

    assert put(2, BLANK, actor=outsider) != patient
    Membership.objects.filter(user=outsider).update(role=Role.RADIOLOGY_ADMIN)
    assert put(3, BLANK, actor=outsider) == patient


def test_account_of_a_device_says_what_it_sees(
    way: str, django_user_model: type[User], project: Project, other_project: Project
) -> None:
    account = django_user_model.objects.create_user("modality")
    patient = put(1, FULL, project=project)

    assert put(2, BLANK, project=other_project, account_id=account.pk) != patient
    grant_role(user=account, role=Role.SYSTEM, project=project)
    assert put(3, BLANK, project=other_project, account_id=account.pk) == patient


def test_operators_command_is_trusted(way: str, project: Project, other_project: Project) -> None:
    patient = put(1, FULL | {"PatientSex": ""}, project=project)

    same = put(2, BLANK | {"PatientSex": "F"}, project=other_project, is_trusted=True)

    assert same == patient
    assert said_of(patient)[2] == "F"
    assert put(3, BLANK, project=other_project, is_trusted=True, more=REMOVED) != patient


def test_deleted_study_is_seen_by_nobody(way: str, radiologist: User, project: Project) -> None:
    patient = put(1, FULL, project=project)
    Study.objects.update(withheld="deleted")

    assert put(2, BLANK, actor=radiologist) != patient
    assert put(3, FULL, actor=radiologist) == patient


def test_row_of_which_nothing_is_left_but_the_id_is_found_again(
    way: str, outsider: User, other_project: Project
) -> None:
    left = Patient.objects.create(dicom_patient_id=ID, is_research_refused=True)

    assert put(1, FULL, actor=outsider) == left
    assert said_of(left) == (NAME, date(1961, 2, 3), "F", None)


def test_study_that_is_here_keeps_its_patient(
    way: str, archive_admin: User, project: Project
) -> None:
    patient = put(1, FULL, project=project)
    more = study(1, BLANK, SOPInstanceUID="1.2.826.0.1.1.3")

    (result,) = store(more, origin=Origin(door="test", actor=archive_admin))

    assert result.outcome is Outcome.STORED
    assert list(Study.objects.values_list("patient", flat=True)) == [patient.pk]


def test_admin_sees_both_and_merges_them(
    way: str, archive_admin: User, outsider: User, project: Project, other_project: Project
) -> None:
    theirs = put(1, FULL, project=project)
    put(2, BLANK, actor=outsider)

    (conflict,) = identity_conflicts(archive_admin)
    assert conflict.known is not None
    assert conflict.known.patient_name == NAME
    asker = Asker(door="test", user=archive_admin)
    decide_same(asker=asker, patient_id=conflict.key, keeps=KNOWN, reason="one person")

    assert set(Study.objects.values_list("patient", flat=True)) == {theirs.pk}
    # Now they see them, as the admin said.
    assert put(3, BLANK, actor=outsider) == theirs


def test_merged_id_is_followed_by_who_sees_or_names_them(
    way: str, archive_admin: User, outsider: User, project: Project, other_project: Project
) -> None:
    former = put(1, FULL, project=project)
    target = put(2, FULL | {"PatientID": "4712"}, project=project)
    merge_patients(
        asker=Asker(door="test", user=archive_admin),
        source_id=former.pk,
        target_id=target.pk,
        reason="one person",
    )

    assert put(3, BLANK, actor=outsider).conflict_of == target
    assert put(4, FULL, actor=outsider) == target
    assert put(5, BLANK, project=project) == target


def test_peer_stores_with_the_sight_of_its_account(
    django_user_model: type[User], project: Project
) -> None:
    """What the listener says of a peer's account comes to the rule."""
    from archive.dimse.admission import Admission

    account = django_user_model.objects.create_user("modality")
    Peer.objects.create(ae_title="CT1", address="127.0.0.1", project=project, account=account)

    class Here:
        def call(self, work: Any) -> Any:
            return work()

    admission = Admission("TWINSIGHT", Here())
    admitted = admission.admit(called="TWINSIGHT", calling="CT1", address="127.0.0.1")

    assert admitted.origin is not None
    assert (admitted.origin.account_id, admitted.origin.project) == (account.pk, project)
