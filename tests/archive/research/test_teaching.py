"""T84 through the whole product: stored, collected, exported, and no marker in any byte."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile

import pydicom
import pytest

from archive.audit.types import Asker
from archive.bulk.exporting import open_result
from archive.bulk.services import start_job
from archive.bulk.types import Work
from archive.bulk.working import work_on_job
from archive.collections.cases import add_case, describe_case
from archive.collections.errors import InvalidCollectionError
from archive.collections.services import change_collection, create_collection, share_collection
from archive.collections.types import CasePath
from archive.deid import treatment
from archive.deid.identifiers import holds_word, words_of
from archive.deid.types import DatePolicy
from archive.errors import NotAcceptableError, NotAllowedError, NotVisibleError
from archive.models import AuditEvent, Blob, BulkJob, Instance, Membership, Study
from archive.research.teaching.naming import names_patient
from archive.research.teaching.planning import plan_export
from archive.research.teaching.services import export_collection
from archive.research.teaching.types import ExportOptions
from archive.research.teaching.working import finish_teaching, write_cases
from archive.storage.stores import blob_store
from tests.archive.deid.test_engine import MOMENTS, TEXTS, UIDS, planted_file
from tests.builders.datasets import make_dataset as make_any
from tests.builders.stored import store_bytes, store_datasets
from tests.factories.archive import PatientFactory, StudyFactory

pytestmark = pytest.mark.django_db
ROOT = "1.2.840.10008.5.1.4.1.1"
PLAIN = ExportOptions()


def make_dataset(**attributes):
    """Return a slice as a scanner makes it, of no head: nothing in its pixels has to be cleaned."""
    plain = {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "BodyPartExamined": "CHEST"}
    return make_any(**{**plain, **attributes})


@pytest.fixture
def collect(radiologist, asker, collection):
    """Put a stored image's series or study into the collection."""

    def put(instance, *, whole_study=False, **texts):
        series = instance.series
        path = (
            CasePath(study_uid=series.study.study_instance_uid)
            if whole_study
            else CasePath(series_uid=series.series_instance_uid)
        )
        item, _ = add_case(radiologist, collection, path, asker=asker)
        if texts:
            describe_case(radiologist, collection, item, asker=asker, **texts)
        return item

    return put


@pytest.fixture
def export(radiologist, asker, collection):
    def made(options=PLAIN, *, pk=None):
        found = export_collection(radiologist, pk or collection, asker=asker, options=options)
        return _opened(found, asker)

    return made


def _opened(made, asker):
    """Return what a ZIP holds, and its bytes: sent at once, or made by a job."""
    if isinstance(made, BulkJob):
        work_on_job(made.pk, for_s=600)
        file, _name, _size = open_result(asker=asker, job_id=made.pk)
        with file:
            content = file.read()
    else:
        content = b"".join(made.chunks)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        entries = {name: archive.read(name) for name in archive.namelist()}
    # A marker must not hide between the entries either.
    return entries, content


def _datasets(entries):
    return [
        pydicom.dcmread(io.BytesIO(content))  # noqa: TID251 a reader that is not ours
        for name, content in entries.items()
        if name.endswith(".dcm")
    ]


def _markers():
    moments = [value.encode() for value in MOMENTS.values()]
    uids = [uid.encode() for uid in UIDS.values()]
    return [b"MARK", b"1.2.999.", *uids, *moments]


@pytest.mark.parametrize(("dates", "is_quiz", "keeps"), [
    (DatePolicy.REMOVE, False, True), (DatePolicy.SHIFT, True, True),
    (DatePolicy.SHIFT, False, False), (DatePolicy.REMOVE, True, False),
])  # fmt: skip
def test_no_marker_leaves_in_any_output(collect, export, project, dates, is_quiz, keeps, tmp_path):
    # By a job: nothing says which part of the body it is, so that a face is looked for.
    (stored,) = store_bytes(planted_file(), project=project)
    item = collect(stored, title="A case", note="Of interest", diagnosis="Nodule")
    options = ExportOptions(
        is_quiz=is_quiz,
        dates=dates,
        keeps_patient_characteristics=keeps,
        looked_at=frozenset({item}),
    )

    entries, content = export(options)

    assert len(TEXTS) + len(MOMENTS) + len(UIDS) > 40
    for marker in _markers():
        assert marker not in content, marker
        for name, entry in entries.items():
            assert marker not in entry, (marker, name)
            assert marker.decode() not in name
    (ds,) = _datasets(entries)
    assert ds.PatientIdentityRemoved == "YES"
    assert ds.pixel_array.shape == (16, 12)
    if shutil.which("dcmdump"):
        path = tmp_path / "left.dcm"
        path.write_bytes(next(one for name, one in entries.items() if name.endswith(".dcm")))
        assert subprocess.run(["dcmdump", "-q", path], check=False).returncode == 0


def test_file_holds_pages_pictures_and_a_manifest(collect, export, project):
    stored = store_datasets(make_dataset(NumberOfFrames=10, PatientAge="041Y"), project=project)[0]
    collect(stored, title="A title", note="A note", diagnosis="A diagnosis")

    entries, _ = export()

    manifest = json.loads(entries["manifest.json"])
    (case,) = manifest["cases"]
    assert manifest["deidentification"]["codes"][0]["value"] == "113100"
    assert (case["title"], case["diagnosis"], case["age"]) == ("A title", "A diagnosis", "041Y")
    assert [file["path"] for file in case["files"]] == ["case-001/dicom/image-0001.dcm"]
    assert case["pictures"] == [f"case-001/picture-{n:02d}.png" for n in range(1, 7)]
    assert all(entries[name][:4] == b"\x89PNG" for name in case["pictures"])
    page = entries["index.html"].decode()
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert all(f'src="{name}"' in page for name in case["pictures"])
    assert "answers.json" not in entries


def test_quiz_keeps_its_answers_apart(collect, export, project):
    stored = store_datasets(make_dataset(), project=project)[0]
    collect(stored, title="A title", note="A note", diagnosis="A diagnosis")

    entries, _ = export(ExportOptions(is_quiz=True))

    assert b"A diagnosis" not in entries["manifest.json"]
    assert b"A title" not in entries["manifest.json"]
    assert json.loads(entries["answers.json"])["cases"][0]["diagnosis"] == "A diagnosis"
    page = entries["index.html"].decode()
    before, after = page.split("<details", 1)
    assert "A diagnosis" not in before
    assert "A title" not in before
    assert "A diagnosis" in after


def test_text_of_people_is_escaped(collect, export, project):
    stored = store_datasets(make_dataset(), project=project)[0]
    collect(stored, title="<script>alert(1)</script>", note="<img src=x onerror=alert(1)>")

    page = export()[0]["index.html"].decode()

    assert "<script" not in page
    assert "<img src=x" not in page


def test_uids_are_consistent_over_the_whole_file_and_from_one_export_to_the_next(
    collect, export, project, radiologist, asker
):
    first = make_dataset(InstanceNumber=1)
    uids = {"StudyInstanceUID": first.StudyInstanceUID, "FrameOfReferenceUID": "1.2.3.4"}
    first.FrameOfReferenceUID = "1.2.3.4"
    second = make_dataset(InstanceNumber=2, SeriesInstanceUID=first.SeriesInstanceUID, **uids)
    other = make_dataset(PatientID="OTHER", PatientName="Roe^Ann")
    images = store_datasets(first, second, other, project=project)
    collect(images[0])
    collect(images[2])

    datasets = _datasets(export()[0])
    again = _datasets(export()[0])

    one, two, three = datasets
    assert one.StudyInstanceUID == two.StudyInstanceUID != three.StudyInstanceUID
    assert one.FrameOfReferenceUID == two.FrameOfReferenceUID != "1.2.3.4"
    assert one.PatientID == two.PatientID != three.PatientID
    assert [ds.SOPInstanceUID for ds in datasets] == [ds.SOPInstanceUID for ds in again]
    pk = create_collection(radiologist, asker=asker, name="Another")
    path = CasePath(series_uid=images[0].series.series_instance_uid)
    add_case(radiologist, pk, path, asker=asker)
    assert _datasets(export(pk=pk)[0])[0].StudyInstanceUID != one.StudyInstanceUID


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"BurnedInAnnotation": "YES"}, "burned-in"),
        ({"Modality": "US"}, "look-first"),
        ({"SOPClassUID": f"{ROOT}.7"}, "look-first"),
    ],
)
def test_pictures_with_writing_leave_after_a_look_that_is_on_record(
    radiologist, collect, export, collection, project, attributes, reason, monkeypatch
):
    """As long as nothing is installed that reads them."""
    monkeypatch.setattr(treatment, "can_read_text", lambda: False)
    held, plain = store_datasets(make_dataset(**attributes), make_dataset(), project=project)
    item = collect(held)
    collect(plain)

    without, _ = export()
    with_look, _ = export(ExportOptions(looked_at=frozenset({item})))

    manifest = json.loads(without["manifest.json"])
    assert [len(case["files"]) for case in manifest["cases"]] == [0, 1]
    assert manifest["cases"][0]["left_out"][0]["reason"] == reason
    assert "case-001" not in str(list(without))
    assert plan_export(radiologist, collection, PLAIN).cases[0].outlook.needs_a_look
    assert len(_datasets(with_look)) == 2
    looks = AuditEvent.objects.filter(event_id="110106").order_by("pk")
    assert [event.details["looked_at"] for event in looks] == [[], [item], []]


def test_reports_and_documents_stay_behind_with_their_reason(collect, export, project):
    image = make_dataset()
    same = {"StudyInstanceUID": image.StudyInstanceUID, "Rows": None, "PixelData": None}
    report = make_dataset(SOPClassUID=f"{ROOT}.88.22", Modality="SR", **same)
    document = make_dataset(SOPClassUID=f"{ROOT}.104.1", Modality="DOC", **same)
    document.EncapsulatedDocument = b"%PDF MARKDOCUMENT"
    stored = store_datasets(image, report, document, project=project)
    collect(stored[0], whole_study=True)

    entries, content = export()

    assert len(_datasets(entries)) == 1
    assert b"MARKDOCUMENT" not in content
    left = json.loads(entries["manifest.json"])["cases"][0]["left_out"]
    assert {(one["reason"], one["count"]) for one in left} == {("report", 1), ("document", 1)}
    assert "An encapsulated document" in entries["index.html"].decode()


def test_texts_that_name_the_patient_hold_their_case_back(collect, export, project):
    named, plain = store_datasets(
        make_dataset(PatientName="Lindström^Åsa"), make_dataset(), project=project
    )
    item = collect(named, title="Asa, 41", diagnosis="Nodule")
    collect(plain)

    entries, content = export()

    reasons = json.loads(entries["manifest.json"])["cases"][0]["left_out"]
    assert reasons[0]["reason"] == "names-patient"
    assert b"Asa, 41" not in content
    assert len(_datasets(export(ExportOptions(looked_at=frozenset({item})))[0])) == 2


def test_texts_that_come_to_name_the_patient_while_a_job_runs_stay_behind(
    radiologist, asker, collection, project
):
    """Images were written when a case was harmless; its texts are read at the end."""
    (chest,) = store_datasets(make_dataset(PatientName="Doe^Jane"), project=project)
    uid = chest.series.study.study_instance_uid
    item, _ = add_case(radiologist, collection, CasePath(study_uid=uid), asker=asker)
    asked = {"collection": str(collection), "quiz": "no"}
    job = start_job(asker=asker, act="teaching-file", options=asked, study_uids=[uid])
    options = {name: value for name, value in job.options.items() if name != "_asker"}
    work = Work(asker=asker, job=job.pk, options=options, keep=lambda: None)
    write_cases(work, uid)
    describe_case(radiologist, collection, item, asker=asker, note="Jane Doe came again")

    with pytest.raises(NotAcceptableError):
        finish_teaching(work)

    assert BulkJob.objects.get(pk=job.pk).result_until is None
    describe_case(radiologist, collection, item, asker=asker, note="She came again")
    finish_teaching(work)
    assert BulkJob.objects.get(pk=job.pk).result_until is not None


def test_name_of_the_collection_that_names_a_patient_stays_behind(
    radiologist, asker, collect, collection, export, project
):
    stored = store_datasets(make_dataset(PatientName="Doe^Jane"), project=project)[0]
    collect(stored)
    change_collection(radiologist, collection, asker=asker, name="For Mrs Doe", description="d")

    made = export_collection(radiologist, collection, asker=asker, options=PLAIN)

    assert made.filename == "teaching-file-teaching-file.zip"
    entries, _ = _opened(made, asker)
    assert b"Doe" not in b"".join(entries.values())
    assert b"were left out" in entries["index.html"]


@pytest.mark.parametrize(
    ("text", "is_naming"),
    [
        ("Doe", True),
        ("seen in DOE's film", True),
        ("jané", True),
        ("number ab-12345 of the clinic", True),
        ("accession acc-77", True),
        ("a doer of deeds", False),
        ("of no one", False),
        ("", False),
    ],
)
def test_words_that_name_somebody(text, is_naming):
    patient = PatientFactory.build(patient_name="Doe^Jane^Of", dicom_patient_id="AB-12345")
    study = StudyFactory.build(patient=patient, accession_number="ACC-77")

    assert names_patient([text], study) is is_naming


@pytest.mark.parametrize(
    ("name", "text", "is_naming"),
    [
        ("Wang^Wei=王^伟", "患者王伟,左肺结节", True),
        ("王^小東", "王 小東 様", True),
        ("Yamada^Taro=山田^太郎=やまだ^たろう", "山田さんの胸部CT", True),
        ("Yamada^Taro=山田^太郎=ﾔﾏﾀﾞ^ﾀﾛｳ", "ヤマダ タロウ", True),
        ("Kim^Hui Jung=金^熙重=김^희중", "김희중의 흉부", True),
        ("Wang^Wei=王^伟", "左肺上叶结节", False),
        ("Yamada^Taro=山田^太郎", "田んぼ, Taroko", False),
    ],
)
def test_names_in_scripts_without_spaces(name, text, is_naming):
    patient = PatientFactory.build(patient_name=name, dicom_patient_id="AB-12345")

    assert names_patient([text], StudyFactory.build(patient=patient)) is is_naming
    assert holds_word(text, frozenset(words_of(name))) is is_naming


def test_damaged_image_is_left_out_and_the_rest_leaves(collect, export, project):
    good, bad = store_datasets(make_dataset(), make_dataset(), project=project)
    collect(good)
    collect(bad)
    blob_store().delete(bad.blob.sha256)

    entries, _ = export()

    cases = json.loads(entries["manifest.json"])["cases"]
    assert [len(case["files"]) for case in cases] == [1, 0]
    assert cases[1]["left_out"][0]["reason"] == "blob-missing"
    assert Blob.objects.count() == 2


def test_frame_leaves_with_its_picture_alone(radiologist, asker, collection, export, project):
    stored = store_datasets(make_dataset(NumberOfFrames=5), project=project)[0]
    path = CasePath(instance_uid=stored.sop_instance_uid, frame=4)
    add_case(radiologist, collection, path, asker=asker)

    entries, _ = export()

    assert sorted(name for name in entries if name.endswith(".png")) == ["case-001/picture-01.png"]


def test_each_study_is_on_record_before_the_first_byte(
    radiologist, asker, collect, collection, project
):
    for image in store_datasets(make_dataset(), make_dataset(), project=project):
        collect(image)

    made = export_collection(radiologist, collection, asker=asker, options=PLAIN)

    events = AuditEvent.objects.filter(event_id="110106")
    assert {event.study_instance_uid for event in events} == set(
        Study.objects.values_list("study_instance_uid", flat=True)
    )
    assert all(event.details["deidentified"] is True for event in events)
    assert all(event.details["instances"] == 1 for event in events)
    made.chunks.close()


@pytest.mark.parametrize("role", ["viewer", "annotator", "researcher"])
def test_roles_that_only_look_take_nothing_out(
    radiologist, colleague, asker, collect, collection, project, as_role, role
):
    collect(store_datasets(make_dataset(), project=project)[0])
    share_collection(radiologist, collection, asker=asker, project=project.slug)
    as_role(colleague, role)
    Study.objects.update(is_deidentified=True)

    with pytest.raises(NotAllowedError):
        plan_export(colleague, collection, PLAIN)
    assert not AuditEvent.objects.filter(event_id="110106").exists()


def test_case_of_a_project_in_which_one_only_looks_stays(
    radiologist, asker, collect, collection, export, project, other_project
):
    collect(store_datasets(make_dataset(), project=project)[0])
    Membership.objects.create(user=radiologist, project=other_project, role="viewer")
    collect(store_datasets(make_dataset(), project=other_project)[0])

    cases = json.loads(export()[0]["manifest.json"])["cases"]

    assert [len(case["files"]) for case in cases] == [1, 0]
    assert cases[1]["left_out"][0]["reason"] == "no-right"


def test_quiz_is_taken_out_by_its_editors_alone(
    radiologist, colleague, asker, quiz, project, as_role
):
    stored = store_datasets(make_dataset(), project=project)[0]
    path = CasePath(instance_uid=stored.sop_instance_uid)
    add_case(radiologist, quiz, path, asker=asker)
    share_collection(radiologist, quiz, asker=asker, project=project.slug)

    with pytest.raises(NotAllowedError):
        plan_export(as_role(colleague, "clinician"), quiz, PLAIN)
    assert plan_export(as_role(colleague, "radiology_admin"), quiz, PLAIN).image_count == 1


def test_empty_and_hidden_collections_export_nothing(
    radiologist, outsider, asker, collection, collect, project
):
    with pytest.raises(InvalidCollectionError) as caught:
        export_collection(radiologist, collection, asker=asker, options=PLAIN)
    assert caught.value.code == "nothing-to-export"
    collect(store_datasets(make_dataset(), project=project)[0])
    with pytest.raises(NotVisibleError):
        export_collection(
            outsider, collection, asker=Asker(door="tests", user=outsider), options=PLAIN
        )
    assert Instance.objects.count() == 1


def test_exported_files_can_be_stored_again(collect, export, project, other_project):
    collect(store_datasets(make_dataset(), project=project)[0])
    entries, _ = export()
    contents = [one for name, one in entries.items() if name.endswith(".dcm")]

    (stored,) = store_bytes(*contents, project=other_project)

    assert stored.series.study.study_instance_uid.startswith("2.25.")
