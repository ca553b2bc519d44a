"""Every status and reason of a store that the conformance statement names, over the wire."""

import io
import json

import pytest

from archive.audit.types import Asker
from archive.curation.removals import remove_objects
from archive.curation.types import ObjectPath
from archive.dicom.reading import read_dataset
from archive.dicom.xml_reading import read_native_xml
from archive.models import Instance, Study
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.multipart import DICOM_MULTIPART, related

pytestmark = pytest.mark.django_db

URL = "/dicom-web/studies"
STUDY = "1.2.826.0.1.9.44"


def post(client, *contents, url=URL):
    return client.post(url, data=related(list(contents)), content_type=DICOM_MULTIPART)


def sent(**attributes):
    return as_part10(make_dataset(StudyInstanceUID=STUDY, **attributes))


def of_unknown_syntax():
    return sent().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.9.9\0")


def the_same_uid_again(web):
    ds = make_dataset(StudyInstanceUID=STUDY)
    post(web, as_part10(ds))
    ds.StudyDescription = "other"
    return as_part10(ds)


def what_was_deleted(web, archive_admin):
    content = sent()
    post(web, content)
    remove_objects(
        asker=Asker(door="test", user=archive_admin), path=ObjectPath(STUDY), reason="wrong"
    )
    return content


def another_patient(web):
    post(web, sent(PatientID="A", PatientName="One^A"))
    return sent(PatientID="B", PatientName="Two^B", SOPInstanceUID="1.2.3.4.77")


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("unknown syntax", 0xC122),
        ("no stored object", 0x0122),
        ("other content", 0x0111),
        ("deleted before", 0x0124),
        ("another patient", 0xA900),
        ("another study than the path's", 0xA901),
        ("not DICOM", 0xC000),
    ],
)
def test_none_stored_is_409_with_the_reason(web, archive_admin, case, reason):
    contents = {
        "unknown syntax": of_unknown_syntax,
        "no stored object": lambda: sent(SOPClassUID="1.2.840.10008.1.1"),
        "other content": lambda: the_same_uid_again(web),
        "deleted before": lambda: what_was_deleted(web, archive_admin),
        "another patient": lambda: another_patient(web),
        "another study than the path's": sent,
        "not DICOM": lambda: b"not DICOM at all",
    }
    content = contents[case]()
    url = f"{URL}/1.2.3" if "path" in case else URL

    response = post(web, content, url=url)

    assert response.status_code == 409
    answer = json.loads(response.content)
    (failure,) = answer.get("00081198", answer.get("0008119A"))["Value"]
    assert failure["00081197"]["Value"] == [reason]


def test_coerced_is_202_with_a_warning_and_what_is_served_says_so(web):
    content = sent(PatientID="A\nB", AccessionNumber="4711")

    response = post(web, content)

    assert response.status_code == 202
    (item,) = json.loads(response.content)["00081199"]["Value"]
    assert item["00081196"]["Value"] == [0xB000]
    (original,) = item["04000561"]["Value"]
    assert original["04000550"]["Value"] == [{"00100020": {"vr": "LO"}}]
    instance = Instance.objects.select_related("series__study__patient").get()
    assert instance.series.study.patient.dicom_patient_id == "A B"

    path = f"{URL}/{STUDY}/series/{instance.series.series_instance_uid}"
    path += f"/instances/{instance.sop_instance_uid}"
    served = web.get(path, headers={"accept": "application/dicom; transfer-syntax=*"})
    ds = read_dataset(io.BytesIO(b"".join(served)))
    assert ds.PatientID == "A B"
    assert ds.AccessionNumber == "4711"
    (modified,) = ds.OriginalAttributesSequence
    assert modified.ReasonForTheAttributeModification == "COERCE"
    assert modified.ModifiedAttributesSequence[0].PatientID == ""
    (nonconforming,) = modified.NonconformingModifiedAttributesSequence
    assert nonconforming.SelectorAttribute == 0x00100020
    assert nonconforming.NonconformingDataElementValue == b"A\nB "
    (metadata,) = web.get(f"{path}/metadata").json()
    assert metadata["00100020"]["Value"] == ["A B"]
    assert "04000561" in metadata
    # Sent again it is the same: what is stored never changes.
    assert post(web, content).status_code == 202
    assert Instance.objects.count() == 1


def test_sound_identifiers_are_left_alone(web):
    assert post(web, sent(PatientID="A B", StudyID=" 7 ")).status_code == 200
    assert Instance.objects.get().coerced == {}
    assert Study.objects.get().dicom_study_id == "7"


def test_results_come_in_xml_where_that_is_asked(web):
    good, bad = sent(), b"not DICOM"

    response = web.post(
        URL,
        data=related([good, bad]),
        content_type=DICOM_MULTIPART,
        headers={"accept": "application/dicom+xml"},
    )

    assert response.status_code == 202
    assert response["Content-Type"] == "application/dicom+xml"
    answer = read_native_xml(response.content)
    (stored,) = answer["00081199"]["Value"]
    assert stored["00081155"]["Value"] == [Instance.objects.get().sop_instance_uid]
    assert answer["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]
