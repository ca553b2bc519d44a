"""The pages beside a study's images: tags, trail, downloads, reports, overlays."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from django.urls import reverse
from PIL import Image

from archive.dicom.reading import read_dataset
from archive.models import AuditEvent, BulkJob, Membership, Role, Study
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.datasets import make_dataset
from tests.builders.overlays import make_map, make_pdf, make_segmentation, make_text_report
from tests.builders.reports import code, content_item
from tests.builders.stored import store_datasets
from tests.factories.archive import StudyFactory

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

pytestmark = pytest.mark.django_db
REPORT_TEXT = "A nodule of 8 mm <b>left</b>"


class Case:
    """A chest CT with all that can lie beside it."""

    def __init__(self, project: Any) -> None:
        self.volume = chest_phantom()[24:30]
        self.images = make_ct_series(
            self.volume, WindowCenter=-200, WindowWidth=1600, BurnedInAnnotation="NO",
            RescaleSlope=1, RescaleIntercept=-1024, BodyPartExamined="CHEST",
        )  # fmt: skip
        self.images[0].private_block(0x0029, "Tester", create=True).add_new(1, "LO", "secret 7")
        mask = (self.volume == -800).astype(np.uint8)
        mask[self.volume == 600] = 2
        self.mask = mask
        heat = np.clip((self.volume + 1000) / 1600, 0, 1).astype(np.float32)
        self.segmentation = make_segmentation(self.images, mask)
        self.map = make_map(self.images, heat)
        self.report = make_text_report(self.images[0], REPORT_TEXT)
        self.letter = make_pdf(self.images[0], "Dear colleague", "Second page")
        others = (self.segmentation, self.map, self.report, self.letter)
        self.study = store_datasets(*self.images, *others, project=project)[0].series.study

    def url(self, name: str, *uids: str) -> str:
        """Return the address of a page of the study."""
        return reverse(f"portal:{name}", args=(self.study.study_instance_uid, *uids))

    @property
    def series_uid(self) -> str:
        """Of the CT."""
        return str(self.images[0].SeriesInstanceUID)


@pytest.fixture
def case(project) -> Case:
    return Case(project)


def _content(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_tags_show_nested_and_private_attributes_and_find_them(
    client: Client, radiologist, case: Case
) -> None:
    client.force_login(radiologist)
    address = case.url("study-tags")

    page = client.get(address, {"series": case.series_uid}).content.decode()
    assert "Patient&#x27;s Name" in page
    assert "secret 7" in page
    assert "private" in page

    found = client.get(
        address, {"series": case.series_uid, "q": "window CENTER"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "0028,1050" in found
    assert "0010,0010" not in found
    assert "<html" not in found

    nested = client.get(
        address, {"series": str(case.segmentation.SeriesInstanceUID), "q": "SegmentLabel"}
    ).content.decode()
    assert "0062,0002" in nested, "the sequence that it lies in stands above it"
    assert "Lung" in nested


@pytest.mark.parametrize("query", [{"series": "1.2.3"}, {"series": "x"}, {"instance": "1.2"}])
def test_tags_of_what_is_not_there_are_not_found(
    client: Client, radiologist, case: Case, query
) -> None:
    client.force_login(radiologist)
    assert client.get(case.url("study-tags"), query).status_code == 404


def test_trail_is_for_admins_and_auditors_and_reading_it_is_on_record(
    client: Client, radiologist, archive_admin, case: Case
) -> None:
    client.force_login(radiologist)
    client.get(case.url("study-detail"))
    assert client.get(case.url("study-history")).status_code == 403

    client.force_login(archive_admin)
    page = client.get(case.url("study-history"), {"kind": "reading"}).content.decode()
    assert "radiologist" in page
    assert "Opened the study" in page
    assert "Stored objects" not in page
    assert AuditEvent.objects.filter(act="trail", actor=archive_admin).count() == 1
    changed = client.get(case.url("study-history"), {"kind": "changing"}).content.decode()
    assert "Stored objects" in changed


def test_who_may_only_look_takes_nothing_out(client: Client, colleague, case: Case) -> None:
    client.force_login(colleague)
    assert client.get(case.url("study-download")).status_code == 403
    assert client.post(case.url("study-download-dicom")).status_code == 403
    assert client.get(case.url("series-volume", case.series_uid)).status_code == 403
    assert "Download" not in client.get(case.url("study-detail")).content.decode()
    assert not AuditEvent.objects.filter(act="export").exists()


def test_zip_holds_the_objects_as_they_are_served(client: Client, radiologist, case: Case) -> None:
    client.force_login(radiologist)

    response = client.post(case.url("study-download-dicom"), {"series": [case.series_uid]})

    assert response.status_code == 200
    event = AuditEvent.objects.get(act="export")
    assert event.details == {"kind": "dicom", "instances": 6, "deidentified": False}
    with zipfile.ZipFile(io.BytesIO(_content(response))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == 6
        assert all("Doe" not in name for name in names)
        uids = {read_dataset(io.BytesIO(archive.read(name))).SOPInstanceUID for name in names}
    assert uids == {image.SOPInstanceUID for image in case.images}


def test_anonymised_zip_names_nobody_and_reports_what_stayed(
    client: Client, radiologist, case: Case
) -> None:
    client.force_login(radiologist)

    response = client.post(case.url("study-download-anonymised"), {"dates": "remove"})

    content = _content(response)
    assert b"Doe" not in content
    assert case.study.study_instance_uid.encode() not in content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (report,) = json.loads(archive.read("manifest.json"))["studies"]
        names = [name for name in archive.namelist() if name.endswith(".dcm")]
    assert report["images"] == len(names) == 6
    left_out = {entry["reason"] for entry in report["left_out"]}
    assert left_out == {"not-an-image", "report", "document"}
    page = client.get(case.url("study-download")).content.decode()
    assert "An encapsulated document" in page
    assert ("Download anonymised ZIP" in page, "Clean and make ZIP" in page) == (True, False)
    assert AuditEvent.objects.get(act="export").details["deidentified"] is True


def test_what_has_to_be_cleaned_is_said_before_and_made_by_a_job(
    client: Client, radiologist, project
) -> None:
    images = make_ct_series(chest_phantom()[24:25], BodyPartExamined="HEAD")
    study = store_datasets(*images, project=project)[0].series.study
    client.force_login(radiologist)
    args = (study.study_instance_uid,)
    address = reverse("portal:study-download-anonymised", args=args)

    page = client.get(reverse("portal:study-download", args=args)).content.decode()
    assert "slice of a head" in page
    assert ("Download anonymised ZIP" in page, "Clean and make ZIP" in page) == (False, True)
    response = client.post(address, {"dates": "remove", "characteristics": "on"})

    job = BulkJob.objects.get()
    assert response["Location"] == reverse("portal:job-detail", args=(job.pk,))
    assert (job.act, job.options["within"], job.user) == ("research-export", "patient", radiologist)
    assert job.options["cleaning"]["dates"] == "remove"
    assert client.post(address, {"dates": "eternal"}).status_code == 422


def test_nothing_to_let_out_is_said_on_the_page(client: Client, radiologist, project) -> None:
    (photograph,) = store_datasets(make_dataset(Modality="XC"), project=project)
    client.force_login(radiologist)
    uid = photograph.series.study.study_instance_uid

    response = client.post(reverse("portal:study-download-anonymised", args=(uid,)), {})

    assert response.status_code == 422
    assert "it may show a face" in response.content.decode()
    assert not BulkJob.objects.exists()


def test_pictures_are_the_frames_in_order(client: Client, radiologist, case: Case) -> None:
    client.force_login(radiologist)

    response = client.get(case.url("series-pictures", case.series_uid), {"center": 0, "width": 100})

    with zipfile.ZipFile(io.BytesIO(_content(response))) as archive:
        assert archive.namelist() == [f"{number:05d}.png" for number in range(1, 7)]
        with Image.open(io.BytesIO(archive.read("00003.png"))) as picture:
            shown = np.asarray(picture.convert("L"))
    assert shown.shape == case.volume[2].shape
    assert (shown[case.volume[2] < -100] == 0).all()
    wrong = client.get(case.url("series-pictures", case.series_uid), {"center": 0, "width": 0})
    assert wrong.status_code == 422


def test_volume_is_read_by_others_where_it_lies(
    client: Client, radiologist, case: Case, tmp_path: Path
) -> None:
    import nibabel

    client.force_login(radiologist)
    response = client.get(case.url("series-volume", case.series_uid))

    file = tmp_path / "volume.nii.gz"
    file.write_bytes(_content(response))
    read = nibabel.load(file)
    assert np.array_equal(read.get_fdata().transpose(2, 1, 0), case.volume)
    # LPS of the images is RAS of the file.
    assert np.allclose(np.diag(read.affine), [-1, -1, 2, 1])
    assert np.allclose(read.get_qform(), read.get_sform(), atol=1e-4)


def test_what_is_no_volume_says_why(client: Client, radiologist, project) -> None:
    images = make_ct_series(chest_phantom()[24:28])
    images[2].ImagePositionPatient = images[1].ImagePositionPatient
    series = store_datasets(*images, project=project)[0].series
    client.force_login(radiologist)

    response = client.get(
        reverse(
            "portal:series-volume",
            args=(series.study.study_instance_uid, series.series_instance_uid),
        )
    )

    assert response.status_code == 422
    assert "at the same place" in response.content.decode()


def test_report_is_read_in_place_and_escaped(client: Client, radiologist, case: Case) -> None:
    client.force_login(radiologist)
    address = case.url("series-report", str(case.report.SeriesInstanceUID))

    fragment = client.get(address, headers={"HX-Request": "true"}).content.decode()

    assert "A nodule of 8 mm &lt;b&gt;left&lt;/b&gt;" in fragment
    assert "<html" not in fragment
    assert "Diagnostic imaging report" in client.get(address).content.decode()
    assert AuditEvent.objects.filter(act="report").exists()


def test_what_a_report_refers_to_is_folded_away(
    client: Client, radiologist, project, case: Case
) -> None:
    reference = content_item("UIDREF", "", name=code("112040", "DCM", "Tracking Identifier"))
    reference.UID = "1.2.840.99"
    report = make_text_report(case.images[0], "Clear.")
    report.ContentSequence.append(reference)
    store_datasets(report, project=project)
    client.force_login(radiologist)

    page = client.get(case.url("series-report", str(report.SeriesInstanceUID))).content.decode()

    said, folded = page.split("report-references")
    assert "Clear." in said
    assert "1.2.840.99" not in said
    assert "1 reference" in folded
    assert "1.2.840.99" in folded


def test_pages_of_a_pdf_are_pictures_with_their_text(
    client: Client, radiologist, case: Case
) -> None:
    client.force_login(radiologist)
    series = str(case.letter.SeriesInstanceUID)

    page = client.get(case.url("series-report", series)).content.decode()
    assert "Dear colleague" in page

    address = case.url("report-page", series, str(case.letter.SOPInstanceUID), "2")
    picture = client.get(address)
    assert picture["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(picture.content)) as drawn:
        assert drawn.width == 1240
        assert np.asarray(drawn.convert("L")).min() < 100, "there is text on it"
    assert client.get(address.replace("/2.png", "/3.png")).status_code == 404

    within = case.url("series-report", series)
    framed = client.get(within, {"framed": str(case.letter.SOPInstanceUID)})
    assert framed["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "Dear colleague" in framed.content.decode()
    assert "<script" not in framed.content.decode()
    assert client.get(within, {"framed": "1.2.3"}).status_code == 404


def _read_overlay(content: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack_from("<I", content)
    return json.loads(content[4 : 4 + length]), content[4 + length :]


def _bits_of(case: Case, content: bytes, uid: str, segment: int) -> np.ndarray:
    header, data = _read_overlay(content)
    drawn = np.zeros(case.volume[0].shape, np.uint8)
    for place, number, x, y, width, height, offset in header["planes"]:
        if header["frames"][place] != [uid, 1] or number != segment:
            continue
        size = (width * height + 7) // 8
        bits = np.frombuffer(data[offset : offset + size], np.uint8)
        plane = np.unpackbits(bits, bitorder="little")[: width * height]
        drawn[y : y + height, x : x + width] = plane.reshape(height, width)
    return drawn


def test_overlays_lie_on_the_frames_that_they_were_drawn_on(
    client: Client, radiologist, case: Case
) -> None:
    client.force_login(radiologist)

    listed = client.get(case.url("series-overlays", case.series_uid)).json()["overlays"]
    assert [one["title"] for one in listed] == ["Organs", "Heat"]
    assert [one["label"] for one in listed[0]["segments"]] == ["Lung", "Bone"]

    assert all(one["is_automatic"] for one in listed), "a person is told that no person drew it"

    answer = client.get(listed[0]["url"])
    for at, image in enumerate(case.images):
        for number in (1, 2):
            drawn = _bits_of(case, answer.content, str(image.SOPInstanceUID), number)
            assert np.array_equal(drawn, case.mask[at] == number), (at, number)
    again = client.get(listed[0]["url"], headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304

    header, data = _read_overlay(client.get(listed[1]["url"]).content)
    assert header["bits"] == 8
    assert max(data) == 255


def test_outsiders_find_none_of_the_pages(client: Client, outsider, case: Case) -> None:
    client.force_login(outsider)
    report = str(case.report.SeriesInstanceUID)
    letter = (str(case.letter.SeriesInstanceUID), str(case.letter.SOPInstanceUID), "1")
    overlay = (case.series_uid, str(case.segmentation.SOPInstanceUID))
    for name, uids in (
        ("study-tags", ()),
        ("study-history", ()),
        ("study-download", ()),
        ("series-pictures", (case.series_uid,)),
        ("series-volume", (case.series_uid,)),
        ("series-report", (report,)),
        ("report-page", letter),
        ("series-overlays", (case.series_uid,)),
        ("series-overlay", overlay),
    ):
        assert client.get(case.url(name, *uids)).status_code == 404, name
    for name in ("study-download-dicom", "study-download-anonymised"):
        assert client.post(case.url(name)).status_code == 404, name


def test_timeline_says_how_far_other_studies_lie(client: Client, radiologist, project) -> None:
    for date, words in (("20240101", "First"), ("20240301", "Second"), ("20260301", "Third")):
        images = make_ct_series(
            chest_phantom()[24:25], StudyDate=date, StudyDescription=words, PatientID="T-1"
        )
        store_datasets(*images, project=project)
    second = Study.objects.get(study_description="Second")
    client.force_login(radiologist)

    page = client.get(reverse("portal:study-detail", args=(second.study_instance_uid,)))

    text = page.content.decode()
    assert "60 days before" in text
    assert "2 years after" in text
    assert text.index("Third") < text.index("First")


def test_the_download_tab_is_for_researchers_where_nobody_has_an_identity(
    client: Client, django_user_model, project
) -> None:
    user = django_user_model.objects.create_user("both", password="a long enough password")
    for role in (Role.VIEWER, Role.RESEARCHER):
        Membership.objects.create(user=user, project=project, role=role)
    study = StudyFactory(projects=[project])
    client.force_login(user)
    page = reverse("portal:study-detail", args=(study.study_instance_uid,))
    tab = reverse("portal:study-download", args=(study.study_instance_uid,))
    assert f'href="{tab}"' not in client.get(page).content.decode()
    assert client.get(tab).status_code == 403

    Study.objects.filter(pk=study.pk).update(is_deidentified=True)

    assert f'href="{tab}"' in client.get(page).content.decode()
    assert client.get(tab).status_code == 200


def test_researchers_take_out_what_they_see(client: Client, django_user_model, project) -> None:
    user = django_user_model.objects.create_user("researcher", password="a long enough password")
    Membership.objects.create(user=user, project=project, role=Role.RESEARCHER)
    images = make_ct_series(chest_phantom()[24:25])
    study = store_datasets(*images, project=project)[0].series.study
    client.force_login(user)
    address = reverse("portal:study-download-dicom", args=(study.study_instance_uid,))
    assert client.post(address).status_code == 404

    Study.objects.filter(pk=study.pk).update(is_deidentified=True)

    assert client.post(address).status_code == 200
