"""A bundle that detects, from registration to boxes in the patient and in the findings."""

from __future__ import annotations

import highdicom as hd
import pytest

from archive.audit.types import Asker
from archive.models import Instance
from archive.retrieve.datasets import open_instance
from inference.bundles.registry import register_bundle
from inference.bundles.trust import digest_bundle
from inference.errors import BundleInvalidError
from inference.models import Finding, ModelVersion
from inference.pipelines import bundle_packages
from tests.builders.bundles import make_finding_bundle
from tests.builders.ct_series import chest_phantom, make_ct_series
from tests.builders.nodule_case import run_once
from tests.builders.stored import store_datasets

pytestmark = pytest.mark.django_db
ASKER = Asker(door="test")


@pytest.fixture
def series(project):
    """A CT with one bright block."""
    hu = chest_phantom()[:12].copy()
    hu[hu > 500] = 40
    hu[4:8, 60:66, 70:78] = 900
    return store_datasets(*make_ct_series(hu), project=project)[0].series


@pytest.fixture
def make_version(tmp_path):
    def make(bundle):
        version = register_bundle(
            asker=ASKER,
            bundle_dir=bundle,
            models_dir=tmp_path / "models",
            name="finder",
            trust_digest=digest_bundle(bundle),
        )
        version.state = ModelVersion.State.ACTIVE
        version.save()
        return version

    return make


def test_what_a_bundle_finds_is_a_finding_and_a_report(tmp_path, series, make_version):
    version = make_version(make_finding_bundle(tmp_path / "finder", threshold=500))
    assert version.task == ModelVersion.Task.DETECT
    assert version.checks["passed"]

    run = run_once(version, series)

    finding = Finding.objects.get(run=run)
    assert (finding.kind, finding.label) == ("detection", "bright nodule")
    assert finding.probability == pytest.approx(0.9)
    assert finding.location["mm"] == pytest.approx([69.5, 59.5, 7.0, 77.5, 65.5, 15.0])
    boxes = {tuple(box) for _, _, *box in finding.location["slices"]}
    assert boxes == {(69.5, 59.5, 8.0, 6.0)}
    stored = Instance.objects.get(sop_instance_uid=run.outputs["sr3d"])
    with open_instance(stored) as file:
        report = hd.sr.srread(file)
    (group,) = report.content.get_volumetric_roi_measurement_groups()
    assert group.finding_type.meaning == "Nodule"
    assert "heatmap" not in run.outputs


def test_a_retinanet_without_torchvision_is_refused_with_what_to_install(
    tmp_path, make_version, monkeypatch
):
    monkeypatch.setattr(bundle_packages, "find_spec", lambda _name: None)
    bundle = make_finding_bundle(tmp_path / "finder", threshold=500)
    (bundle / "configs" / "inference.json").write_text('{"network": {"_target_": "RetinaNet"}}')

    with pytest.raises(BundleInvalidError, match="pip install 'torchvision"):
        make_version(bundle)
    assert not ModelVersion.objects.exists()
