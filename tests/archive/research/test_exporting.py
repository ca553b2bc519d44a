"""Cohorts as a file, in a bucket, on their way to a peer: images, labels, and nobody's name."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import boto3
import pytest
from django.contrib.auth.models import User
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from archive.audit.types import Asker
from archive.bulk.exporting import open_result
from archive.deid import treatment
from archive.dicom.reading import read_dataset
from archive.errors import InvalidRequestError, NotAllowedError
from archive.models import (
    AuditEvent,
    Collection,
    CollectionItem,
    Forward,
    Membership,
    Patient,
    Peer,
    Study,
)
from inference.models import Label
from inference.training.label_files import read_labels
from tests.builders.identified import WORDS, make_identified
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db


@pytest.fixture
def labels(stored, radiologist):
    first, second, _report, other = stored
    study, series = first.series.study, first.series
    made = [
        {"study": study, "label_set": "Chest", "label": "nodule"},
        {
            "study": study,
            "series": series,
            "instance": second,
            "label_set": "Chest",
            "label": "=1+1",
            "frame": 1,
            "region": [1, 2, 3, 4],
        },
        {"study": other.series.study, "label_set": "Chest", "label": "Ottilie's nodule"},
    ]
    for one in made:
        Label.objects.create(**one, created_by=radiologist)


@pytest.fixture
def bucket(settings):
    """Return a client of an S3 server that is one, over HTTP."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings.TWINSIGHT_S3_ACCESS_KEY, settings.TWINSIGHT_S3_SECRET_KEY = "key", "secret"
    at = f"endpoint=http://{host}:{port}&region=us-east-1"
    settings.TWINSIGHT_EXPORT_BUCKETS = [
        f"trial=s3://cohorts/out?{at}",
        f"wrong=s3://elsewhere?{at}",
    ]
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket="cohorts")
    yield client
    client.close()
    server.stop()


def unpacked(user, job):
    file, _name, _size = open_result(asker=Asker(door="portal", user=user), job_id=job.pk)
    with file, zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def check_cohort(files, stored, uid_of):
    """Nobody is named; manifest, tables and images agree."""
    words = [*WORDS, *(one.sop_instance_uid for one in stored), *map(uid_of, stored)]
    assert not [(name, word) for name in files for word in words if word.encode() in files[name]]
    assert not [(name, word) for name in files for word in words if word in name]
    manifest = json.loads(files["manifest.json"])
    images = {name: files[name] for name in files if name.endswith(".dcm")}
    said = {one["instance"] for study in manifest["studies"] for series in study["series"]
            for one in series["instances"]}  # fmt: skip
    read = [read_dataset(io.BytesIO(content)) for content in images.values()]
    assert {ds.SOPInstanceUID for ds in read} == said
    assert {ds.PatientIdentityRemoved for ds in read} == {"YES"}
    assert manifest["patients"] == len({ds.PatientID for ds in read}) == 1
    return manifest, read


def test_a_cohort_is_one_file_with_labels_and_nobody_is_named(
    do, radiologist, stored, labels, uid_of
):
    job = do(radiologist, "research-export", sorted({uid_of(one) for one in stored}))

    assert (job.state, job.number_done) == ("done", 2)
    files = unpacked(radiologist, job)
    manifest, read = check_cohort(files, stored, uid_of)
    assert len(read) == 3
    left_out = [one["reason"] for study in manifest["studies"] for one in study["left_out"]]
    assert left_out == ["report"]
    rows = list(csv.DictReader(io.StringIO(files["labels.csv"].decode())))
    assert sorted(row["label"] for row in rows) == ["'=1+1", "nodule"]
    assert {row["annotator_code"] for row in rows} != {""}
    assert b"radiologist" not in files["labels.csv"]
    # They may be read in again where the images went.
    again = list(read_labels(files["labels.csv"].decode().splitlines()))
    known = {ds.SOPInstanceUID for ds in read} | {ds.StudyInstanceUID for ds in read}
    assert {one.instance or one.study for one in again} <= known
    assert AuditEvent.objects.filter(act="export", details__kind="cohort").count() == 2


def test_more_stays_and_goes_along_where_it_is_asked_for(do, radiologist, stored, uid_of):
    options = {"texts": "scanner", "content": "reports"}

    job = do(radiologist, "research-export", [uid_of(stored[0])], **options)

    manifest, read = check_cohort(unpacked(radiologist, job), stored, uid_of)
    assert {ds.Modality for ds in read} == {"CT", "SR"}
    assert manifest["studies"][0]["left_out"] == []
    (image, *_more) = [ds for ds in read if ds.Modality == "CT"]
    assert "113105" in {code.CodeValue for code in image.DeidentificationMethodCodeSequence}
    assert (image.StudyDescription or "").strip() in {"", "Thorax", "Thorax of"}


def test_of_a_collection_only_its_cases_leave_and_its_pseudonyms_stay(
    do, radiologist, stored, uid_of
):
    collection = Collection.objects.create(owner=radiologist, name="Mine")
    study = stored[0].series.study
    CollectionItem.objects.create(
        collection=collection, study=study, series=stored[0].series, instance=stored[1],
        position=1, added_by=radiologist,
    )  # fmt: skip
    options = {"collection": str(collection.pk), "dates": "remove", "characteristics": "no"}

    jobs = [do(radiologist, "research-export", [uid_of(stored[0])], **options) for _ in range(2)]

    first, second = [unpacked(radiologist, job) for job in jobs]
    _manifest, (image,) = check_cohort(first, stored, uid_of)
    assert not image.StudyDate
    assert not image.PatientSex
    assert first.keys() == second.keys()
    for wrong in ({"dates": "x"}, {"characteristics": "x"}, {"texts": "x"}, {"content": "x"}):
        with pytest.raises(InvalidRequestError):
            do(radiologist, "research-export", [uid_of(stored[0])], **wrong)


def test_a_file_is_not_given_once_the_patient_refused(do, radiologist, stored, uid_of):
    job = do(radiologist, "research-export", [uid_of(stored[0])])
    Patient.objects.update(is_research_refused=True)

    with pytest.raises(NotAllowedError, match="refused"):
        unpacked(radiologist, job)
    again = do(radiologist, "research-export", [uid_of(stored[0])])
    assert (again.state, again.items.get().state) == ("failed", "failed")
    assert "refused" in again.items.get().message


def test_researchers_take_out_what_is_without_identity_alone(
    do, archive_admin, research, stored, project, uid_of
):
    do(archive_admin, "research-copy", [uid_of(stored[0])], project="lung-study")
    researcher = User.objects.create_user("researcher")
    for place in (research, project):
        Membership.objects.create(user=researcher, project=place, role="researcher")
    copy = Study.objects.get(projects=research).study_instance_uid

    job = do(researcher, "research-export", [copy])

    assert job.state == "done"
    with pytest.raises(InvalidRequestError):
        do(researcher, "research-export", [uid_of(stored[0])])


def test_a_bucket_gets_the_same_and_a_wrong_one_says_so(
    do, archive_admin, bucket, stored, labels, uid_of
):
    uids = sorted({uid_of(one) for one in stored})

    job = do(archive_admin, "research-bucket", uids, bucket="trial")
    wrong = do(archive_admin, "research-bucket", uids[:1], bucket="wrong")

    assert (job.state, job.number_done) == ("done", 2)
    keys = [one["Key"] for one in bucket.list_objects_v2(Bucket="cohorts")["Contents"]]
    folder = f"out/job-{job.pk}/"
    files = {
        key.removeprefix(folder): bucket.get_object(Bucket="cohorts", Key=key)["Body"].read()
        for key in keys
    }
    assert len(check_cohort(files, stored, uid_of)[1]) == 3
    assert (wrong.state, "NoSuchBucket" in wrong.items.get().message) == ("failed", True)
    with pytest.raises(InvalidRequestError):
        do(archive_admin, "research-bucket", uids, bucket="nowhere")


def test_a_peer_is_sent_the_copy_and_never_the_original(
    do, archive_admin, research, stored, uid_of
):
    peer = Peer.objects.create(ae_title="TRIAL", address="127.0.0.1", port=1)

    job = do(
        archive_admin, "research-send", [uid_of(stored[0])], peer=str(peer.pk), project="lung-study"
    )

    assert job.state == "done", job.items.get().message
    sent = Forward.objects.filter(peer=peer)
    assert {one.study for one in sent} == set(Study.objects.filter(projects=research))
    assert sent.count() == 2


def test_nobody_has_looked_at_a_list_of_studies(do, archive_admin, project, uid_of, monkeypatch):
    monkeypatch.setattr(treatment, "can_read_text", lambda: False)
    burned = {"BurnedInAnnotation": "YES", "BodyPartExamined": "CHEST"}
    rows = store_datasets(make_identified(**burned), make_identified(**burned), project=project)
    uids = [uid_of(one) for one in rows]
    asked = {"looked_at": "yes"}

    both = do(archive_admin, "research-export", uids, **asked)
    one = do(archive_admin, "research-export", uids[:1], **asked)

    assert {item.state for item in both.items.all()} == {"failed"}
    assert "identity" in both.items.first().message
    assert one.items.get().state == "done"
    said = AuditEvent.objects.filter(details__kind="cohort").values_list("details__looked_at")
    assert sorted(said) == [(False,), (False,), (True,)]
