"""The sealed table: who is told what is in it, and how its key is changed."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from archive.audit.types import Asker
from archive.deid.pseudonyms import Pseudonyms
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.models import (
    AuditEvent,
    Membership,
    Pseudonym,
    PseudonymRealm,
    Reidentification,
    Study,
)
from archive.research.errors import SealError
from archive.research.pseudonyms import open_realm
from archive.research.reidentification import realm_names, recent_questions, reidentify
from archive.research.sealing import changing_keys, seal, unseal
from tests.builders.identified import NAME, NUMBER, make_identified
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def copy(do, archive_admin, research, stored, uid_of):
    do(archive_admin, "research-copy", [uid_of(stored[0])], project="lung-study")
    return Study.objects.select_related("patient").get(projects=research)


def ask(user, realm, code, reason="A finding that cannot wait"):
    return reidentify(asker=Asker(door="portal", user=user), realm=realm, code=code, reason=reason)


def test_an_admin_of_both_is_told_by_either_name_and_it_is_on_record(
    archive_admin, research, copy, stored, uid_of
):
    realm = f"project:{research.pk}"
    assert realm_names(archive_admin) == {realm: "Lung study"}

    for code in (copy.patient.dicom_patient_id, copy.study_instance_uid):
        found = ask(archive_admin, realm, code)
        assert (found.patient_name, found.dicom_patient_id) == (NAME, NUMBER)
        uids = [one.study_instance_uid for one in found.studies]
        assert sorted(uids) == sorted([uid_of(stored[0]), uid_of(stored[3])])

    event = AuditEvent.objects.filter(act="reidentify").order_by("pk").last()
    asked = recent_questions(archive_admin)[0]
    assert event.details == {"realm": realm, "reidentification": asked.pk}
    assert (event.study_instance_uid, asked.reason) == (
        uid_of(stored[0]),
        "A finding that cannot wait",
    )


def test_others_are_not_told(archive_admin, radiologist, colleague, research, copy, project):
    realm = f"project:{research.pk}"
    # An admin of the research alone does not care for the patient.
    Membership.objects.create(user=colleague, project=research, role="radiology_admin")
    code = copy.patient.dicom_patient_id

    for user, where, what, why, error in (
        (radiologist, realm, code, "why", NotAllowedError),
        (archive_admin, "project:0", code, "why", NotAllowedError),
        (archive_admin, realm, "0123456789", "why", NotVisibleError),
        (colleague, realm, code, "why", NotVisibleError),
        (archive_admin, realm, code, " ", InvalidRequestError),
        (archive_admin, realm, "x" * 65, "why", InvalidRequestError),
    ):
        with pytest.raises(error):
            ask(user, where, what, why)
    assert Reidentification.objects.filter(is_answered=False).count() == 2
    assert AuditEvent.objects.filter(act="reidentify", outcome=4).count() == 2


def test_reasons_of_others_are_shown_in_ones_own_projects_alone(
    do, archive_admin, colleague, research, copy, uid_of, stored
):
    Membership.objects.create(user=colleague, project=research, role="radiology_admin")
    job = do(archive_admin, "research-export", [uid_of(stored[0])])
    for realm in (f"project:{research.pk}", f"job:{job.pk}"):
        ask(archive_admin, realm, open_realm(realm).code(stored[0].series.study.patient_id))

    assert [one.realm.name for one in recent_questions(archive_admin)] == [
        f"job:{job.pk}",
        f"project:{research.pk}",
    ]
    assert [one.realm.name for one in recent_questions(colleague)] == [f"project:{research.pk}"]


def test_two_patients_never_have_one_pseudonym(do, archive_admin, research, project, monkeypatch):
    monkeypatch.setattr(Pseudonyms, "code", lambda _self, _subject: "0123456789")
    rows = store_datasets(
        make_identified(), make_identified(PatientID="other", PatientName="A^B"), project=project
    )
    uids = [one.series.study.study_instance_uid for one in rows]

    job = do(archive_admin, "research-copy", uids, project="lung-study")

    assert sorted(job.items.values_list("state", flat=True)) == ["done", "failed"]
    assert "same pseudonym" in job.items.get(state="failed").message
    assert Study.objects.filter(projects=research).count() == 1


def test_a_new_key_seals_what_there_is_and_pseudonyms_stay(archive_admin, research, copy, settings):
    path = settings.TWINSIGHT_PSEUDONYM_KEYS_PATH
    assert path.stat().st_mode & 0o777 == 0o600
    (old,) = path.read_text().split()
    code = copy.patient.dicom_patient_id

    call_command("rotate_pseudonym_key")

    first, second = path.read_text().split()
    assert (second, first != old) == (old, True)
    call_command("rotate_pseudonym_key", forget=True)
    assert path.read_text().split() == [first]
    assert ask(archive_admin, f"project:{research.pk}", code).dicom_patient_id == NUMBER
    realm = open_realm(f"project:{research.pk}")
    assert code in set(Pseudonym.objects.filter(realm_id=realm.pk).values_list("code", flat=True))
    assert AuditEvent.objects.filter(act="rotate-pseudonym-key").count() == 2


def test_a_lost_key_is_never_made_anew(copy, settings):
    settings.TWINSIGHT_PSEUDONYM_KEYS_PATH.unlink()

    with pytest.raises(SealError, match="backup"):
        open_realm("job:1")
    with pytest.raises(CommandError, match="backup"):
        call_command("rotate_pseudonym_key")
    assert not settings.TWINSIGHT_PSEUDONYM_KEYS_PATH.exists()


def test_keys_are_changed_by_one_command_at_a_time(copy, settings):
    keys = settings.TWINSIGHT_PSEUDONYM_KEYS_PATH.read_text()

    with changing_keys():
        for options in ({}, {"forget": True}):
            with pytest.raises(CommandError, match="just now"):
                call_command("rotate_pseudonym_key", **options)

    assert settings.TWINSIGHT_PSEUDONYM_KEYS_PATH.read_text() == keys
    call_command("rotate_pseudonym_key")


def test_keys_of_the_environment(settings):
    settings.TWINSIGHT_PSEUDONYM_KEYS = ["first key"]
    sealed = seal("Zwetschge")
    settings.TWINSIGHT_PSEUDONYM_KEYS = ["second key", "first key"]
    open_realm("job:1")
    assert unseal(sealed) == "Zwetschge"
    call_command("rotate_pseudonym_key")
    with pytest.raises(CommandError, match="environment"):
        call_command("rotate_pseudonym_key", forget=True)
    settings.TWINSIGHT_PSEUDONYM_KEYS = ["second key"]

    with pytest.raises(SealError):
        unseal(sealed)
    assert open_realm("job:1").code(1)
    assert PseudonymRealm.objects.count() == 1
