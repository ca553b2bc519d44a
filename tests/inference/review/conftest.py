"""A stored radiograph, and a model's report on it."""

import pytest
from django.utils import timezone

from archive.audit.types import Asker
from archive.dicom.writing import write_part10
from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, Origin
from archive.models import Instance
from archive.retrieve.datasets import load_dataset
from inference.models import Finding, ModelVersion, Run
from inference.results.sr import build_classification_sr
from inference.results.types import Algorithm, Evaluation, ResultIdentity
from inference.results.uids import result_uid
from tests.builders.datasets import as_part10, make_dataset
from tests.factories.inference import ModelVersionFactory

STATEMENTS = (("finding", "pneumonia", 0.81), ("finding", "effusion", 0.55))


def store(content, project=None):
    with spool_stream([content]) as spool:
        (result,) = ingest_files(
            files=[IncomingFile(spool)], origin=Origin(door="test", project=project)
        )
    assert result.is_accepted, result
    return Instance.objects.select_related("series__study", "blob").get(
        sop_instance_uid=result.sop_instance_uid
    )


def the_version():
    known = ModelVersion.objects.filter(name="chest-head").first()
    return known or ModelVersionFactory(name="chest-head", version="2")


@pytest.fixture
def make_result(project):
    """Store an image of a study of its own, and a classifier's report on it with its run."""

    def make(number=1, *, version=None, projects=None, **run_fields):
        image = store(
            as_part10(
                make_dataset(
                    StudyInstanceUID=f"1.2.3.{number}",
                    SeriesInstanceUID=f"1.2.3.{number}.1",
                    SOPInstanceUID=f"1.2.3.{number}.1.1",
                    PatientID=f"P{number}",
                    PatientName=f"Review^Case{number}",
                )
            ),
            projects or project,
        )
        version = version or the_version()
        run = Run.objects.create(
            model_version=version,
            study=image.series.study,
            series=image.series,
            state=Run.State.SUCCEEDED,
            not_before=timezone.now(),
            finished_at=timezone.now(),
            input_digest=f"{number:064x}",
            **run_fields,
        )
        report = build_classification_sr(
            source_datasets=[load_dataset(image, stop_before_pixels=True)],
            evaluations=[
                Evaluation(
                    name=("121071", "DCM", "Finding"),
                    value=(label.upper(), "99TWINSIGHT", label),
                    probability=probability,
                )
                for _, label, probability in STATEMENTS
            ],
            algorithm=Algorithm(name=version.name, version=version.version, digest=version.digest),
            identity=ResultIdentity(
                series_instance_uid=result_uid(str(run.pk), "series"),
                sop_instance_uid=result_uid(str(run.pk), "instance"),
                timestamp=run.created_at,
                series_number=9001,
                series_description="chest-head: classification",
            ),
        )
        stored = store(write_part10(report))
        run.outputs = {"sr": stored.sop_instance_uid}
        run.save()
        for place, (name, label, probability) in enumerate(STATEMENTS, start=1):
            Finding.objects.create(
                run=run,
                series=run.series,
                kind="classification",
                name=name,
                label=label,
                probability=probability,
                tracking_uid=result_uid(stored.sop_instance_uid, "statement", str(place)),
            )
        return run

    return make


@pytest.fixture
def result(make_result):
    return make_result()


@pytest.fixture
def asker(radiologist):
    radiologist.first_name, radiologist.last_name = "Ada", "Reader"
    radiologist.save()
    return Asker(door="portal", user=radiologist)
