"""Correcting a study on its pages, deciding an identity, and who sees none of it."""

import pytest

from archive.corrections.messages import keep_message
from archive.models import Correction, Patient, Series, Study
from tests.archive.corrections.served import file_of
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
STUDY = "1.2.826.0.1.9.92"
PAGE = f"/corrections/studies/{STUDY}/"


@pytest.fixture(autouse=True)
def stored(project):
    return store_datasets(
        make_dataset(
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=f"{STUDY}.1",
            SOPInstanceUID=f"{STUDY}.1.1",
            PatientName="Doe^<b>Jane",
            AccessionNumber="",
        ),
        make_dataset(
            StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.2", PatientName="Doe^<b>Jane"
        ),
        make_dataset(PatientID="TEST-2", PatientName="Roe^Mary"),
        project=project,
    )


def text_of(response):
    assert response.status_code == 200
    return response.content.decode()


def test_each_part_is_corrected_and_undone(client, archive_admin, other_project):
    client.force_login(archive_admin)
    assert PAGE in text_of(client.get(f"/studies/{STUDY}/"))
    for part in ("patient", "whose", "study", "order", "series", "project", "hold", "history"):
        page = text_of(client.get(f"{PAGE}?part={part}"))
        assert "<b>Jane" not in page
    target = Patient.objects.get(dicom_patient_id="TEST-2")
    assert "Mary" in text_of(client.get(f"{PAGE}?part=whose&q=roe"))

    def post(act, **form):
        return text_of(client.post(f"{PAGE}{act}/", {"reason": "wrong", **form}, follow=True))

    assert "is corrected" in post("patient", PatientName="Doe^Janet", PatientSex="F")
    assert "is corrected" in post("study", StudyDate="2024-03-02", AccessionNumber="A-5")
    edited = {"edited": f"{STUDY}.1", "SeriesDescription": "axial"}
    assert "is corrected" in post("edit-series", **edited)
    assert "other patient now" in post("whose", patient=target.pk)
    assert "under legal hold" in post("hold")
    assert "hold is lifted" in post("hold", lift="1")
    assert "project of the study" in post("project", project="neurology", copy="1")
    assert "this study now" in post("series", series=f"{STUDY}.2", target="new")
    ds = file_of(f"{STUDY}.1.1")
    assert (ds.PatientID, ds.StudyDate, ds.SeriesDescription) == ("TEST-2", "20240302", "axial")
    assert Series.objects.get(series_instance_uid=f"{STUDY}.2").study.study_instance_uid != STUDY
    listed = text_of(client.get("/corrections/"))
    assert "A-5" in listed
    assert "axial" in text_of(client.get(f"{PAGE}?part=history"))
    for correction in Correction.objects.order_by("-pk"):
        assert "is undone" in text_of(
            client.post(f"/corrections/{correction.pk}/undo/", follow=True)
        )
    assert file_of(f"{STUDY}.1.1").StudyDate == "20240229"
    assert Study.objects.count() == 2


def test_what_is_wrong_is_said_beside_the_form(client, archive_admin):
    client.force_login(archive_admin)
    for act, form, words in (
        ("patient", {"PatientBirthDate": "31.1.70", "reason": "x"}, "is no date"),
        ("patient", {"PatientName": "Doe^Janet", "reason": " "}, "Say why"),
        ("whose", {"patient": "nobody", "reason": "x"}, "Choose one"),
        ("series", {"reason": "x"}, "Choose series"),
        ("project", {"project": "nowhere", "reason": "x"}, "no such project"),
    ):
        page = text_of(client.post(f"{PAGE}{act}/", form))
        assert words in page, act
        assert 'role="alert"' in page
    assert client.post(f"{PAGE}nothing/", {"reason": "x"}).status_code == 404
    assert not Correction.objects.exists()


def test_an_identity_in_doubt_is_decided(client, archive_admin, project):
    client.force_login(archive_admin)
    store_datasets(make_dataset(PatientName="Other^Name"), project=project)
    conflict = Patient.objects.get(conflict_of__isnull=False)
    address = f"/identity/{conflict.pk}"
    assert f"{address}/same/" in text_of(client.get("/identity/"))
    assert "Say why" in text_of(client.post(f"{address}/same/", {"keeps": "known"}, follow=True))
    different = {"patient_id": "TEST-3", "reason": "two persons"}
    assert "two patients" in text_of(client.post(f"{address}/different/", different, follow=True))
    assert f"{address}/same/" not in text_of(client.get("/identity/"))
    client.post(f"/corrections/{Correction.objects.get().pk}/undo/")
    same = {"keeps": "later", "reason": "married"}
    assert "one patient now" in text_of(client.post(f"{address}/same/", same, follow=True))
    assert file_of(f"{STUDY}.1.1").PatientName == "Other^Name"


def test_messages_that_failed_are_listed_and_tried_again(client, archive_admin, radiologist):
    key = keep_message(b"MSH|...", None, "127.0.0.1")
    client.force_login(archive_admin)
    assert "interrupted" in text_of(client.get("/messages/?state=failed"))
    assert "tried again" in text_of(client.post(f"/messages/{key}/retry/", follow=True))
    assert "did not fail" in text_of(client.post(f"/messages/{key}/retry/", follow=True))
    client.force_login(radiologist)
    assert client.get("/messages/").status_code == 403
    assert client.post(f"/messages/{key}/retry/").status_code == 403


def test_others_have_no_such_pages(client, radiologist, outsider):
    for user, status in ((radiologist, 403), (outsider, 404)):
        client.force_login(user)
        assert client.get(PAGE).status_code == status
        assert client.post(f"{PAGE}study/", {"reason": "x"}).status_code == status
        assert client.get("/corrections/").status_code == 403
        assert client.get("/corrections/unmatched/").status_code == 403
    assert PAGE.encode() not in client.get(f"/studies/{STUDY}/").content
