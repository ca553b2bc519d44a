"""A head with a burned-in picture beside it, through the whole product: text and face are gone."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from pydicom.uid import generate_uid

from archive.bulk.exporting import open_result
from archive.bulk.working import work_on_job
from archive.collections.cases import add_case, describe_case
from archive.collections.types import CasePath
from archive.deid.text_reading import can_read_text, read_words
from archive.deid.text_regions import text_regions
from archive.deid.types import DatePolicy
from archive.dicom.reading import read_dataset
from archive.dicom.rendering import render_frame
from archive.errors import NotAcceptableError, NotAllowedError
from archive.models import AuditEvent, BulkJob, Patient
from archive.research.downloads import study_outlook, take_out
from archive.research.teaching.services import export_collection
from archive.research.teaching.types import ExportOptions
from archive.research.types import CleaningOptions
from tests.archive.deid.test_faces import phantom, slices, volume_of
from tests.archive.deid.test_pixels import NUMBER, TEXT, image_of, picture
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not can_read_text(), reason="the extra 'ocr' is not installed"),
]
MARKERS = (b"Doe", b"Jane", b"TEST-1", b"ACC-1", b"20240229", b"DOE")


@pytest.fixture
def head(project):
    """A CT of a head; a screen of it with text; one drawn of its face; a letter."""
    volume, nose, brain = phantom()
    same = {"StudyInstanceUID": generate_uid(), "BodyPartExamined": "HEAD"}
    dose = image_of(picture(TEXT, NUMBER), Modality="OT", **same)
    drawn = image_of(picture(), Modality="CT", **same)
    letter = make_dataset(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", Modality="DOC", Rows=None, PixelData=None,
        EncapsulatedDocument=b"%PDF of Mrs DOE", **same,
    )  # fmt: skip
    store_datasets(*slices(volume, **same), dose, drawn, letter, project=project)
    return same["StudyInstanceUID"], volume, nose, brain


def work(job, asker):
    work_on_job(job.pk, for_s=600)
    job.refresh_from_db()
    assert job.state == "done", list(job.items.values_list("message", flat=True))
    file, _name, _size = open_result(asker=asker, job_id=job.pk)
    with file, zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def check_pixels(files, head):
    """The face is off the slices, the text off the screen; nobody is named in any byte."""
    _uid, volume, nose, brain = head
    assert not [(name, one) for name in files for one in MARKERS if one in files[name]]
    images = [read_dataset(io.BytesIO(one)) for name, one in files.items() if name.endswith("dcm")]
    cuts = [ds for ds in images if ds.Modality == "CT" and ds.BodyPartExamined == "HEAD"]
    after = volume_of(sorted(cuts, key=lambda ds: float(ds.ImagePositionPatient[2])))
    assert (after[nose] <= -1000).all()
    assert np.array_equal(after[brain], volume[brain])
    (screen,) = [ds for ds in images if ds.Modality == "OT"]
    assert text_regions(read_words(render_frame(screen, 0)), screen.Rows, screen.Columns) == []
    codes = [{one.CodeValue for one in ds.DeidentificationMethodCodeSequence} for ds in images]
    assert {"113101", "113102"} <= set().union(*codes)
    assert screen.BurnedInAnnotation == "NO"


def test_a_study_is_cleaned_by_a_job_and_its_zip_says_what_was_removed(head, radiologist, asker):
    uid, *_more = head
    outlook = study_outlook(asker, uid)
    assert (outlook.read, outlook.heads, outlook.needs_cleaning) == (1, 60, True)
    held = {one.refusal.code: one.refusal.needs_a_look for one in outlook.left_out}
    assert held == {"rendering": True, "document": False}

    job = take_out(asker, uid, CleaningOptions(dates=DatePolicy.REMOVE))

    assert isinstance(job, BulkJob)
    files = work(job, asker)
    check_pixels(files, head)
    (said,) = [json.loads(files[name]) for name in files if name.endswith("study.json")]
    assert {one["reason"] for one in said["left_out"]} == {"rendering", "document"}
    assert (said["cleaned"]["texts_masked"], said["cleaned"]["frames_read"]) == (2, 1)
    done = [one for series in said["series"] for one in series["instances"]]
    assert sum(len(one.get("masked", ())) for one in done) == 2
    assert sum(one.get("face_removed", False) for one in done) == said["cleaned"]["faces_removed"]
    assert said["cleaned"]["faces_removed"] > 20
    assert AuditEvent.objects.get(act="export").details["job"] == job.pk
    # Two ways of one patient: the same pseudonyms, and no table that says for whom they stand.
    again = work(take_out(asker, uid, CleaningOptions(is_looked_at=True)), asker)
    assert {one for one in files if one.endswith("dcm")} <= set(again)
    Patient.objects.update(is_research_refused=True)
    with pytest.raises(NotAllowedError):
        open_result(asker=asker, job_id=job.pk)
    with pytest.raises(NotAllowedError):
        take_out(asker, uid, CleaningOptions())


def test_a_quiz_of_two_studies_is_cleaned_by_a_job_and_keeps_its_answers_apart(
    head, radiologist, asker, collection, project
):
    plain = {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "BodyPartExamined": "CHEST"}
    (chest,) = store_datasets(make_dataset(**plain), project=project)
    for uid in (head[0], chest.series.study.study_instance_uid):
        item, _ = add_case(radiologist, collection, CasePath(study_uid=uid), asker=asker)
        describe_case(radiologist, collection, item, asker=asker, diagnosis="SECRETOMA")

    job = export_collection(
        radiologist, collection, asker=asker, options=ExportOptions(is_quiz=True)
    )

    files = work(job, asker)
    check_pixels(files, head)
    manifest = json.loads(files["manifest.json"])
    first, second = manifest["cases"]
    assert (len(first["files"]), len(second["files"])) == (61, 1)
    assert first["cleaned"]["texts_masked"] == 2
    assert {one["reason"] for one in first["left_out"]} == {"rendering", "document"}
    assert second["cleaned"] == {"frames_read": 0, "texts_masked": 0, "faces_removed": 0}
    holding = {name for name, content in files.items() if b"SECRETOMA" in content}
    assert holding == {"index.html", "answers.json"}
    assert "2 places with text masked" in files["index.html"].decode()
    assert len(first["pictures"]) == 6
    kinds = AuditEvent.objects.filter(act="export").values_list("details__kind", flat=True)
    assert list(kinds) == ["quiz", "quiz"]


def test_what_turns_out_to_be_a_head_while_it_is_sent_stays_behind(asker, project):
    plain = {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}
    first = make_dataset(**plain, BodyPartExamined="CHEST")
    same = {
        "StudyInstanceUID": first.StudyInstanceUID,
        "SeriesInstanceUID": first.SeriesInstanceUID,
    }
    store_datasets(
        first,
        make_dataset(**plain, **same, BodyPartExamined="HEAD", InstanceNumber=2),
        project=project,
    )

    sent = take_out(asker, first.StudyInstanceUID, CleaningOptions())

    with zipfile.ZipFile(io.BytesIO(b"".join(sent.chunks))) as archive:
        names = archive.namelist()
        (said,) = json.loads(archive.read("manifest.json"))["studies"]
    assert sum(name.endswith(".dcm") for name in names) == said["images"] == 1
    assert [one["reason"] for one in said["left_out"]] == ["needs-cleaning"]
    assert not BulkJob.objects.exists()


def test_documents_alone_stay_behind_with_the_reason(asker, project):
    beside = {"Rows": None, "PixelData": None, "Modality": "DOC"}
    same = {"StudyInstanceUID": generate_uid(), **beside}
    kinds = ("104.1", "104.2", "104.3")
    store_datasets(
        *(
            make_dataset(
                SOPClassUID=f"1.2.840.10008.5.1.4.1.1.{kind}", EncapsulatedDocument=b"DOE ", **same
            )
            for kind in kinds
        ),
        project=project,
    )

    with pytest.raises(NotAcceptableError, match="An encapsulated document"):
        take_out(asker, same["StudyInstanceUID"], CleaningOptions())
    assert study_outlook(asker, same["StudyInstanceUID"]).left_out[0].count == len(kinds)
    assert not AuditEvent.objects.filter(act="export").exists()
