"""A nodule found and an answer explained, from stored images to what the viewer draws."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import highdicom as hd
import numpy as np
import pytest

from archive.audit.types import Asker
from archive.errors import NotAllowedError, NotVisibleError
from archive.models import Instance
from archive.retrieve.datasets import load_dataset, open_instance
from inference.errors import RunConflictError
from inference.models import Finding, ModelVersion
from inference.runs.defaults import install_defaults
from inference.runs.explanations import request_explanation
from inference.runs.marks import marks_of_series
from inference.runs.tasks import explain_run_task
from tests.builders.nodule_case import make_detector, run_once, store_chest

if TYPE_CHECKING:
    from pathlib import Path

    from archive.models import Project, Series

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def chest(project: Project) -> Series:
    return store_chest(project)


@pytest.fixture
def detector() -> ModelVersion:
    return make_detector()


def as_file(uid: str) -> io.BytesIO:
    with open_instance(Instance.objects.get(sop_instance_uid=uid)) as stream:
        return io.BytesIO(stream.read())


def test_a_nodule_is_found_reported_and_drawn(
    chest: Series, detector: ModelVersion, radiologist: object
) -> None:
    run = run_once(detector, chest)

    found = list(run.findings.order_by("-probability"))
    assert found
    best = found[0]
    assert best.kind == Finding.Kind.DETECTION
    assert best.label == "lung nodule"
    low, high = np.split(np.array(best.location["mm"]), 2)
    assert np.all(high > low)
    image = load_dataset(Instance.objects.get(sop_instance_uid=best.location["image"]))
    assert low[2] <= float(image.ImagePositionPatient[2]) <= high[2]
    report = hd.sr.srread(as_file(run.outputs["sr3d"]))
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert {group.tracking_uid for group in groups} == {one.tracking_uid for one in found}
    heat = load_dataset(Instance.objects.get(sop_instance_uid=run.outputs["heatmap"]))
    assert heat.SOPClassUID == "1.2.840.10008.5.1.4.1.1.30"
    assert heat.ContentDescription.startswith("Not for diagnostic use")
    assert run.timings.keys() >= {"read", "infer", "store"}

    (box, *_) = marks_of_series(radiologist, chest.series_instance_uid).boxes
    assert box["says"] == "lung nodule"
    drawn = {image for image, *_ in box["slices"]}
    assert drawn <= set(chest.instances.values_list("sop_instance_uid", flat=True))
    assert box["notice"] == "Not for diagnostic use"


def test_a_rejected_detection_is_drawn_no_more(
    chest: Series, detector: ModelVersion, radiologist: object
) -> None:
    run = run_once(detector, chest)
    run.findings.update(review=Finding.Review.REJECTED)
    assert marks_of_series(radiologist, chest.series_instance_uid).boxes == []


def test_marks_of_what_one_does_not_see_are_not_found(chest: Series, outsider: object) -> None:
    with pytest.raises(NotVisibleError):
        marks_of_series(outsider, chest.series_instance_uid)


def test_an_answer_is_explained_when_somebody_asks(
    chest: Series, settings: object, models_dir: Path, radiologist: object
) -> None:
    settings.TWINSIGHT_MODELS_DIR = models_dir
    install_defaults()
    run = run_once(ModelVersion.objects.get(name="modality-body-part"), chest)
    assert "heatmap" not in run.outputs
    (open_one,) = marks_of_series(radiologist, chest.series_instance_uid).unexplained
    said = run.findings.get(name="body_part").label
    assert open_one["says"] == said

    request_explanation(asker=Asker("test", radiologist), run_id=run.pk)
    explain_run_task(run.pk)

    run.refresh_from_db()
    stored = load_dataset(Instance.objects.get(sop_instance_uid=run.outputs["heatmap"]))
    assert stored.SOPClassUID == "1.2.840.10008.5.1.4.1.1.30"
    assert (stored.Rows, stored.Columns) == (256, 256)
    marks = marks_of_series(radiologist, chest.series_instance_uid)
    assert marks.unexplained == []
    (heat,) = marks.heat
    assert heat["says"] == said
    grid = np.frombuffer(base64.b64decode(heat["values"]), dtype=np.uint8)
    assert grid.size == heat["rows"] * heat["columns"]
    assert grid.max() > 200
    with pytest.raises(RunConflictError):
        request_explanation(asker=Asker("test", radiologist), run_id=run.pk)


def test_who_may_only_look_asks_for_no_explanation(
    chest: Series, settings: object, models_dir: Path, colleague: object
) -> None:
    settings.TWINSIGHT_MODELS_DIR = models_dir
    install_defaults()
    run = run_once(ModelVersion.objects.get(name="modality-body-part"), chest)
    with pytest.raises(NotAllowedError):
        request_explanation(asker=Asker("test", colleague), run_id=run.pk)
