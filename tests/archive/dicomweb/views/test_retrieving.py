from __future__ import annotations

import io

import pydicom
import pytest

from archive.models import AuditEvent
from archive.storage.stores import blob_store
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.multipart import content_of, parts_of
from tests.builders.stored import store_bytes, store_datasets

pytestmark = pytest.mark.django_db

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DICOM_PARTS = 'multipart/related; type="application/dicom"'
OCTETS = 'multipart/related; type="application/octet-stream"'


def url_of(instance, suffix=""):
    series = instance.series
    return (
        f"/dicom-web/studies/{series.study.study_instance_uid}"
        f"/series/{series.series_instance_uid}/instances/{instance.sop_instance_uid}{suffix}"
    )


@pytest.fixture
def ct(project):
    ds = make_dataset(NumberOfFrames=3)
    (instance,) = store_datasets(ds, project=project)
    return instance, ds


def read(content):
    return pydicom.dcmread(io.BytesIO(content))  # noqa: TID251 the test reads as a client does


def test_a_file_leaves_as_it_came_but_for_its_preamble(web, project):
    content = b"MZ" + b"x" * 126 + as_part10(make_dataset())[128:]
    (instance,) = store_bytes(content, project=project)

    single = web.get(url_of(instance), HTTP_ACCEPT="application/dicom")
    ((part_type, part),) = parts_of(web.get(url_of(instance), HTTP_ACCEPT=DICOM_PARTS))

    assert content_of(single) == part == bytes(128) + content[128:]
    assert single["Content-Type"] == part_type == f"application/dicom; transfer-syntax={EXPLICIT}"
    assert single["X-Content-Type-Options"] == "nosniff"
    assert single["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG])
@pytest.mark.parametrize("wanted", ["", "; transfer-syntax=*", f"; transfer-syntax={EXPLICIT}"])
def test_what_the_web_must_not_see_is_transcoded(web, project, syntax, wanted):
    ds = make_dataset(transfer_syntax=EXPLICIT)
    plain = ds.PixelData
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax == BIG:
        ds["PixelData"].value = swapped(plain)
    (instance,) = store_datasets(ds, project=project)

    ((part_type, part),) = parts_of(web.get(url_of(instance), HTTP_ACCEPT=DICOM_PARTS + wanted))

    back = read(part)
    assert part_type.endswith(EXPLICIT)
    assert back.file_meta.TransferSyntaxUID == EXPLICIT
    assert back.PixelData == plain
    assert back.PatientName == ds.PatientName
    assert back.Rows == ds.Rows


def swapped(data):
    return b"".join(data[start : start + 2][::-1] for start in range(0, len(data), 2))


def test_a_study_and_a_series_leave_file_by_file(web, project):
    datasets = [
        make_dataset(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1", InstanceNumber=number)
        for number in (1, 2, 3)
    ]
    store_datasets(*datasets, project=project)

    for path in ("/dicom-web/studies/1.2.3", "/dicom-web/studies/1.2.3/series/1.2.3.1"):
        response = web.get(path)
        assert response.streaming
        parts = parts_of(response)
        assert [read(part).InstanceNumber for _, part in parts] == [1, 2, 3]


def test_a_transfer_is_audited(web, ct, radiologist):
    instance, _ = ct

    web.get(url_of(instance))

    event = AuditEvent.objects.get(act="retrieve")
    assert (event.actor, event.details) == (radiologist, {"instances": 1})
    assert event.study_instance_uid == instance.series.study.study_instance_uid


@pytest.mark.parametrize(
    "accept", ["text/html", "image/jpeg", DICOM_PARTS + "; transfer-syntax=1.2.840.10008.1.2.4.50"]
)
def test_what_can_not_be_made_is_406(web, ct, accept):
    assert web.get(url_of(ct[0]), HTTP_ACCEPT=accept).status_code == 406


def test_a_single_file_is_to_be_had_of_one_instance_only(web, ct):
    study = f"/dicom-web/studies/{ct[0].series.study.study_instance_uid}"

    assert web.get(study, HTTP_ACCEPT="application/dicom").status_code == 406
    response = web.get(url_of(ct[0]) + "?accept=application/dicom", HTTP_ACCEPT="*/*")
    assert response["Content-Type"].startswith("application/dicom;")


@pytest.mark.parametrize(
    "suffix",
    ["", "/metadata", "/frames/1", "/rendered", "/thumbnail", "/bulkdata/7FE00010"],
)
def test_absent_and_forbidden_are_the_same_404(web, browser, outsider, ct, suffix):
    url = url_of(ct[0], suffix)

    forbidden = browser(outsider).get(url)
    absent = web.get(url.replace("/instances/1.", "/instances/2.999."))

    assert (forbidden.status_code, absent.status_code) == (404, 404)
    assert forbidden.content == absent.content


def test_a_wrong_parent_is_not_found(web, ct):
    assert web.get(url_of(ct[0]).replace("/studies/1.", "/studies/2.999.")).status_code == 404


def test_nothing_is_sent_without_a_login(client, ct):
    assert client.get(url_of(ct[0])).status_code == 401


@pytest.mark.parametrize(
    "accept", [OCTETS, f"{OCTETS}; transfer-syntax=*", "*/*", 'multipart/related; type="*/*"']
)
def test_native_frames_are_little_endian_samples(web, ct, accept):
    instance, ds = ct
    size = len(ds.PixelData) // 3

    response = web.get(url_of(instance, "/frames/3,1"), HTTP_ACCEPT=accept)

    assert f"transfer-syntax={EXPLICIT}" in response["Content-Type"]
    assert parts_of(response) == [
        (f"application/octet-stream; transfer-syntax={EXPLICIT}", ds.PixelData[2 * size :]),
        (f"application/octet-stream; transfer-syntax={EXPLICIT}", ds.PixelData[:size]),
    ]


@pytest.mark.parametrize(
    ("numbers", "status"), [("0", 404), ("4", 404), ("1,4", 404), ("x", 400), ("1,,2", 400)]
)
def test_frames_that_are_not_there(web, ct, numbers, status):
    assert web.get(url_of(ct[0], f"/frames/{numbers}")).status_code == status


def test_frames_can_be_had_only_as_they_are_or_plain(web, ct):
    url = url_of(ct[0], "/frames/1")

    assert web.get(url, HTTP_ACCEPT="image/png").status_code == 406
    syntax = f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.4.50"
    assert web.get(url, HTTP_ACCEPT=syntax).status_code == 406
    single = web.get(url, HTTP_ACCEPT="application/octet-stream")
    assert content_of(single) == ct[1].PixelData[: len(ct[1].PixelData) // 3]


def test_compressed_frames_leave_as_stored_or_decoded(web, project, shared_data):
    content = (shared_data / "dicom/wg04/CT1_JLSL.dcm").read_bytes()
    plain = read((shared_data / "dicom/wg04/CT1_UNC.dcm").read_bytes())
    (instance,) = store_bytes(content, project=project)
    url, syntax = url_of(instance, "/frames/1"), "1.2.840.10008.1.2.4.80"

    # The call of OHIF, without quotes.
    as_stored = web.get(
        url, HTTP_ACCEPT="multipart/related; type=application/octet-stream; transfer-syntax=*"
    )
    as_jpeg_ls = web.get(url, HTTP_ACCEPT='multipart/related; type="image/jls"')
    decoded = web.get(url, HTTP_ACCEPT=OCTETS)

    assert f"transfer-syntax={syntax}" in as_stored["Content-Type"]
    ((stored_type, stored),) = parts_of(as_stored)
    assert stored_type == f"application/octet-stream; transfer-syntax={syntax}"
    assert stored.startswith(b"\xff\xd8")
    assert parts_of(as_jpeg_ls) == [(f"image/jls; transfer-syntax={syntax}", stored)]
    assert parts_of(decoded)[0][1] == plain.PixelData


def test_bulk_data_of_compressed_pixels_is_their_frames(web, project, shared_data):
    content = (shared_data / "dicom/pydicom/OBXXXX1A_rle_2frame.dcm").read_bytes()
    (instance,) = store_bytes(content, project=project)

    response = web.get(
        url_of(instance, "/bulkdata/7FE00010"), HTTP_ACCEPT=f"{OCTETS}; transfer-syntax=*"
    )

    assert len(parts_of(response)) == 2
    assert "1.2.840.10008.1.2.5" in response["Content-Type"]


@pytest.mark.parametrize("path", ["7FE00011", "00100010", "x", "00081140/0/7FE00010", "../../x"])
def test_bulk_data_that_is_not_there_is_404(web, ct, path):
    assert web.get(url_of(ct[0], f"/bulkdata/{path}")).status_code == 404


def test_an_etag_spares_the_bytes(web, ct):
    for suffix in ("", "/frames/1"):
        url = url_of(ct[0], suffix)
        first = web.get(url)
        content_of(first)
        assert web.get(url, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304
    # Who has it already has looked at it again.
    again = AuditEvent.objects.get(act="unchanged")
    assert (again.event_id, again.study_instance_uid) == (
        "110103",
        ct[0].series.study.study_instance_uid,
    )


def test_a_missing_blob_is_404_with_a_reason(web, ct):
    blob_store().delete(ct[0].blob.sha256)

    response = web.get(url_of(ct[0]))

    assert response.status_code == 404
    assert response.json()["code"] == "blob-missing"


def test_a_study_with_a_lost_file_leaves_without_it_and_says_so(web, project):
    datasets = [make_dataset(StudyInstanceUID="1.2.3", InstanceNumber=n) for n in (1, 2)]
    lost, kept = store_datasets(*datasets, project=project)
    blob_store().delete(lost.blob.sha256)

    response = web.get("/dicom-web/studies/1.2.3")

    assert response.status_code == 206
    assert "1 files are missing" in response["Warning"]
    ((_, part),) = parts_of(response)
    assert read(part).SOPInstanceUID == kept.sop_instance_uid
    blob_store().delete(kept.blob.sha256)
    assert web.get("/dicom-web/studies/1.2.3").status_code == 404


def test_a_study_says_its_length_where_its_files_go_out_as_they_are(web, project):
    plain = [make_dataset(StudyInstanceUID="1.2.7"), make_dataset(StudyInstanceUID="1.2.7")]
    store_datasets(*plain, project=project)

    response = web.get("/dicom-web/studies/1.2.7", HTTP_ACCEPT=DICOM_PARTS)
    made = web.get(
        "/dicom-web/studies/1.2.7",
        HTTP_ACCEPT=f"{DICOM_PARTS}; transfer-syntax=1.2.840.10008.1.2.5",
    )

    assert int(response["Content-Length"]) == len(content_of(response))
    assert "Content-Length" not in made
    assert len(parts_of(made)) == 2
