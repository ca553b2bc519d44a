"""The whole archive with its images in a bucket, and what a sender hears when that is away."""

from __future__ import annotations

import io
import json

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage

from archive.access.services import register_peer
from archive.audit.types import Asker
from archive.curation.purging import purge_due
from archive.curation.removals import remove_objects
from archive.curation.types import ObjectPath
from archive.dicom.reading import read_dataset
from archive.dimse.listener import Listener
from archive.ingest.verification import Verdict, verify_blobs
from archive.models import Blob, Instance, OutboxEvent, Quarantine, Removal, StorageSample
from archive.statistics.sampling import take_sample
from archive.storage.stores import blob_store
from tests.builders.datasets import as_part10, make_dataset
from tests.builders.multipart import DICOM_MULTIPART, related

pytestmark = pytest.mark.django_db(transaction=True)

STUDIES = "/dicom-web/studies"
STUDY = f"{STUDIES}/1.2.3"


@pytest.fixture
def web(s3_storage, radiologist):
    client = Client()
    client.force_login(radiologist)
    return client


def image(number):
    return make_dataset(
        StudyInstanceUID="1.2.3",
        SeriesInstanceUID="1.2.3.1",
        SOPInstanceUID=f"1.2.3.1.{number}",
        PatientID="S3",
    )


def stow(web, *datasets):
    body = related([as_part10(ds) for ds in datasets])
    return web.post(
        STUDIES, data=body, content_type=DICOM_MULTIPART, HTTP_ACCEPT="application/dicom+json"
    )


def rows():
    return [kind.objects.count() for kind in (Instance, Blob, Quarantine, OutboxEvent)]


def forget_copies():
    for blob in Blob.objects.all():
        blob_store().cache.remove(blob.sha256)


def test_images_come_are_found_read_shown_verified_and_purged(
    web, s3_storage, archive_admin, settings
):
    assert stow(web, image(1), image(2)).status_code == 200
    assert len(s3_storage.keys()) == 2
    forget_copies()

    found = json.loads(web.get(STUDIES, {"PatientID": "S3"}).content)
    assert [item["0020000D"]["Value"] for item in found] == [["1.2.3"]]
    study = b"".join(web.get(STUDY, HTTP_ACCEPT=DICOM_MULTIPART).streaming_content)
    assert study.count(b"DICM") == 2
    forget_copies()
    one = f"{STUDY}/series/1.2.3.1/instances/1.2.3.1.1"
    answer = web.get(f"{one}/rendered", HTTP_ACCEPT="image/png")
    assert answer.status_code == 200
    Image.open(io.BytesIO(answer.getvalue())).load()
    assert json.loads(web.get(f"{one}/metadata").content)[0]["00100020"]["Value"] == ["S3"]

    assert [checked.verdict for checked in verify_blobs(settle_s=0)] == [Verdict.GOOD] * 2
    first, second = Blob.objects.order_by("pk")
    s3_storage.client.delete_object(
        Bucket=s3_storage.name, Key=blob_store().place.key(first.sha256)
    )
    s3_storage.client.put_object(
        Bucket=s3_storage.name, Key=blob_store().place.key(second.sha256), Body=b"flipped"
    )
    verdicts = [checked.verdict for checked in verify_blobs(settle_s=0)]
    assert verdicts == [Verdict.MISSING, Verdict.DAMAGED]
    forget_copies()
    assert web.get(STUDY, HTTP_ACCEPT=DICOM_MULTIPART).status_code == 404

    settings.TWINSIGHT_STORAGE_CAPACITY_BYTES = 0
    assert (take_sample().total_bytes, take_sample().free_bytes) == (0, 0)
    settings.TWINSIGHT_STORAGE_CAPACITY_BYTES = 1 << 40
    assert take_sample().total_bytes == 1 << 40
    web.force_login(archive_admin)
    StorageSample.objects.update(total_bytes=0, free_bytes=0, blob_bytes=12_000)
    page = web.get("/manage/storage/")
    assert page.status_code == 200
    assert "11.7" in page.content.decode()

    remove_objects(
        asker=Asker(door="test", user=archive_admin), path=ObjectPath("1.2.3"), reason="wrong"
    )
    Removal.objects.update(purge_after=timezone.now())
    while purge_due():
        pass
    assert s3_storage.keys() == []
    assert not any(place.is_file() for place in (blob_store().root / "sha256").rglob("*"))


def test_sender_is_told_when_the_bucket_is_away_and_nothing_is_half_done(web, s3_storage):
    assert Client().get("/readyz").json()["storage"] == "ok"
    s3_storage.line.cut()
    before = rows()

    refused = stow(web, image(1))

    assert refused.status_code == 503
    assert refused["Retry-After"]
    assert s3_storage.endpoint not in refused.content.decode()
    # Now it is known, and the next is refused before its bytes come.
    assert stow(web, image(2)).status_code == 503
    assert rows() == before
    assert list((blob_store().root / "spool").iterdir()) == []
    assert Client().get("/readyz").json()["storage"] == "failed"

    s3_storage.line.mend()
    blob_store().line.circuit.mend()
    assert stow(web, image(1), image(2)).status_code == 200
    assert len(s3_storage.keys()) == 2
    s3_storage.line.cut()
    assert web.get(STUDY, HTTP_ACCEPT=DICOM_MULTIPART).status_code == 200  # of the copies
    forget_copies()
    assert web.get(STUDY, HTTP_ACCEPT=DICOM_MULTIPART).status_code == 503


def test_c_store_hears_a700_midway_and_the_same_association_goes_on(s3_storage, project):
    register_peer(ae_title="SCANNER", address="127.0.0.1", project=project)
    with Listener(ae_title="TWINTEST", bind="127.0.0.1", port=0) as listener:
        ae = AE(ae_title="SCANNER")
        ae.add_requested_context(CTImageStorage)
        association = ae.associate("127.0.0.1", listener.port, ae_title="TWINTEST")
        said = [association.send_c_store(image(1)).Status]
        s3_storage.line.cut_after(10)
        said += [association.send_c_store(image(number)).Status for number in (2, 3)]
        s3_storage.line.mend()
        blob_store().line.circuit.mend()
        said += [association.send_c_store(image(number)).Status for number in (2, 3)]
        association.release()

    assert said == [0, 0xA700, 0xA700, 0, 0]
    assert Instance.objects.count() == Blob.objects.count() == 3
    for blob in Blob.objects.all():
        with blob_store().original(blob.sha256) as stream:
            assert read_dataset(io.BytesIO(stream.read())).PatientID == "S3"
