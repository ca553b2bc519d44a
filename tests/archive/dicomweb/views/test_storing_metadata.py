"""STOW-RS of metadata with bulk data: files are put together that say the same."""

import base64
import io
import json

import pytest
from pydicom.encaps import generate_frames

from archive.dicom.dicom_json import dataset_to_json
from archive.dicom.reading import read_dataset
from archive.models import Instance, Quarantine
from archive.retrieve.datasets import open_instance
from archive.storage.stores import blob_store
from tests.builders.datasets import make_dataset
from tests.builders.multipart import BOUNDARY

pytestmark = pytest.mark.django_db

URL = "/dicom-web/studies"
JSON, XML = "application/dicom+json", "application/dicom+xml"
PIXELS = "urn:pixels"


def body(*parts):
    sent = b""
    for content_type, location, content in parts:
        head = f"--{BOUNDARY}\r\nContent-Type: {content_type}\r\n"
        if location:
            head += f"Content-Location: {location}\r\n"
        sent += head.encode() + b"\r\n" + content + b"\r\n"
    return sent + f"--{BOUNDARY}--\r\n".encode()


def post(client, sent, inner=JSON, url=URL):
    content_type = f'multipart/related; type="{inner}"; boundary={BOUNDARY}'
    return client.post(url, data=sent, content_type=content_type)


def metadata(ds, pixels=PIXELS):
    document = dataset_to_json(ds, bulk_data_uri=lambda _path: pixels)
    return json.dumps(document).encode()


def stored():
    with open_instance(Instance.objects.select_related("blob").get()) as file:
        return read_dataset(io.BytesIO(file.read()))


def no_stray_file():
    return list((blob_store().root / "spool").iterdir()) == []


def same(left, right):
    left, right = (dataset_to_json(one) for one in (left, right))
    for document in (left, right):
        document.pop("00080005", None)
    assert left == right


def test_json_with_bulk_data_is_the_same_object(web):
    ds = make_dataset(
        PatientName="Müller^Jürgen=山田",
        StudyDescription="Größe",
        SliceThickness="1.25",
        ImagePositionPatient=[1.5, -2.25, 0.1234567890123],
        InstanceNumber=7,
    )

    response = post(
        web,
        body(
            (JSON, "", b"[" + metadata(ds) + b"]"),
            ("application/octet-stream", PIXELS, ds.PixelData),
        ),
    )

    assert response.status_code == 200, response.content
    found = stored()
    assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert found.PixelData == ds.PixelData
    assert str(found.PatientName) == "Müller^Jürgen=山田"
    same(found, ds)
    assert no_stray_file()


def test_bulk_data_may_come_first_and_be_shared(web):
    datasets = [make_dataset(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4") for _ in "ab"]
    pixels = datasets[0].PixelData

    response = post(
        web,
        body(
            ("application/octet-stream", PIXELS, pixels),
            *((JSON, "", metadata(ds)) for ds in datasets),
        ),
    )

    assert response.status_code == 200
    answer = json.loads(response.content)
    assert len(answer["00081199"]["Value"]) == 2


def test_frames_of_compressed_pixel_data_come_as_parts(web):
    frames = [b"\xff\xd8\xff\xe0 one frame\xff\xd9", b"\xff\xd8\xff\xe0 and one\xff\xd9"]
    ds = make_dataset(NumberOfFrames=2)

    response = post(
        web,
        body(
            (JSON, "", metadata(ds)),
            *(
                ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", PIXELS, frame)
                for frame in frames
            ),
        ),
    )

    assert response.status_code == 200, response.content
    found = stored()
    assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"
    sent = list(generate_frames(found.PixelData, number_of_frames=2))
    assert [frame.rstrip(b"\0") for frame in sent] == frames


def test_one_object_alone_needs_no_multipart(web):
    ds = make_dataset()
    document = json.loads(metadata(ds))
    document["7FE00010"] = {
        "vr": "OW",
        "InlineBinary": base64.b64encode(ds.PixelData).decode(),
    }

    response = web.post(URL, data=json.dumps([document]), content_type=JSON)

    assert response.status_code == 200, response.content
    assert stored().PixelData == ds.PixelData


def test_native_xml_with_bulk_data(web):
    ds = make_dataset(StudyInstanceUID="1.2.3")
    xml = f"""<?xml version="1.0" encoding="UTF-8"?>
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
{
        "".join(
            f'<DicomAttribute tag="{tag}" vr="{vr}"><Value number="1">{value}</Value>'
            "</DicomAttribute>"
            for tag, vr, value in (
                ("00080016", "UI", ds.SOPClassUID),
                ("00080018", "UI", ds.SOPInstanceUID),
                ("0020000D", "UI", "1.2.3"),
                ("0020000E", "UI", ds.SeriesInstanceUID),
                ("00280002", "US", ds.SamplesPerPixel),
                ("00280010", "US", ds.Rows),
                ("00280011", "US", ds.Columns),
                ("00280100", "US", ds.BitsAllocated),
                ("00280101", "US", ds.BitsStored),
                ("00280103", "US", ds.PixelRepresentation),
            )
        )
    }
<DicomAttribute tag="00280004" vr="CS"><Value number="1">MONOCHROME2</Value></DicomAttribute>
<DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic>
<FamilyName>Ångström</FamilyName><GivenName>Ada</GivenName></Alphabetic></PersonName></DicomAttribute>
<DicomAttribute tag="00081140" vr="SQ"><Item number="1">
<DicomAttribute tag="00081155" vr="UI"><Value number="1">1.2.9</Value></DicomAttribute>
</Item></DicomAttribute>
<DicomAttribute tag="7FE00010" vr="OW"><BulkData uri="{PIXELS}"/></DicomAttribute>
</NativeDicomModel>""".encode()

    response = post(
        web, body((XML, "", xml), ("application/octet-stream", PIXELS, ds.PixelData)), inner=XML
    )

    assert response.status_code == 200, response.content
    found = stored()
    assert found.PatientName == "Ångström^Ada"
    assert found.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.9"
    assert found.PixelData == ds.PixelData


def test_bulk_data_that_no_part_holds_are_never_fetched(web):
    good, bad = make_dataset(), make_dataset()

    response = post(
        web,
        body(
            (JSON, "", metadata(bad, "http://127.0.0.1:9/secret")),
            (JSON, "", metadata(good)),
            ("application/octet-stream", PIXELS, good.PixelData),
        ),
    )

    assert response.status_code == 202
    answer = json.loads(response.content)
    (failure,) = answer["00081198"]["Value"]
    assert failure["00081155"]["Value"] == [bad.SOPInstanceUID]
    assert failure["00081197"]["Value"] == [0xC000]
    assert Quarantine.objects.get().reason_code == "bulk-data-missing"
    assert Instance.objects.get().sop_instance_uid == good.SOPInstanceUID
    assert no_stray_file()


@pytest.mark.parametrize(
    ("inner", "content"),
    [
        (JSON, b"{"),
        (JSON, b"[1]"),
        (JSON, b"[" * 100_000),
        (JSON, b'{"00100020": {"vr": "LO", "Value": [NaN]}}'),
        (JSON, b"\xff\xfe"),
        (XML, b"<NativeDicomModel>"),
        (XML, b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><NativeDicomModel/>'),
        (XML, b"<Item/>"),
        (XML, b"<a>" * 1000),
    ],
)
def test_malformed_metadata_are_400(web, inner, content):
    response = post(web, body((inner, "", content)), inner=inner)

    assert response.status_code == 400
    assert Instance.objects.count() == 0
    assert no_stray_file()


@pytest.mark.parametrize(
    "change",
    [
        {"0010": {"vr": "LO"}},
        {"00100020": "text"},
        {"00100020": {"vr": "ZZ"}},
        {"00100020": {"vr": "LO", "Value": "no list"}},
        {"00100010": {"vr": "PN", "Value": [3]}},
        {"00280010": {"vr": "US", "Value": ["many"]}},
        {"00280010": {"vr": "US", "Value": [10**12]}},
        {"00091010": {"vr": "OB", "InlineBinary": "!!"}},
        {"00081140": {"vr": "SQ", "Value": [[]] * 2 + ["x"]}},
        {"00200032": {"vr": "DS", "Value": [{}]}},
        {"00091011": {"vr": "OB", "BulkDataURI": 5}},
    ],
)
def test_an_attribute_that_is_none_costs_its_instance_only(web, change):
    good, bad = make_dataset(), make_dataset()
    document = {**json.loads(metadata(bad)), **change}

    response = post(
        web,
        body(
            (JSON, "", json.dumps([document, json.loads(metadata(good))]).encode()),
            ("application/octet-stream", PIXELS, good.PixelData),
        ),
    )

    assert response.status_code == 202, response.content
    (failure,) = json.loads(response.content)["00081198"]["Value"]
    assert failure["00081155"]["Value"] == [bad.SOPInstanceUID]
    assert failure["00081197"]["Value"] == [0xC000]


def test_bulk_data_needs_a_location(web):
    ds = make_dataset()

    response = post(web, body((JSON, "", metadata(ds)), ("image/jpeg", "", b"x")))

    assert response.status_code == 400


def test_metadata_have_a_limit(web, monkeypatch):
    monkeypatch.setattr("archive.dicomweb.store_metadata.MAX_METADATA_BYTES", 100)

    assert post(web, body((JSON, "", metadata(make_dataset())))).status_code == 413
