from __future__ import annotations

import json
import pickle  # noqa: TID251 what is refused

import pytest
import torch

from archive.audit.types import Asker
from archive.errors import InvalidRequestError
from archive.models import AuditEvent
from inference.bundles.registry import register_bundle
from inference.bundles.states import trust_version
from inference.bundles.trust import digest_bundle
from inference.errors import BundleInvalidError
from inference.models import ModelVersion
from tests.builders.bundles import make_threshold_bundle
from tests.builders.declared_bundles import make_declared_bundle, zipped

pytestmark = pytest.mark.django_db

ASKER = Asker(door="test")


@pytest.fixture
def register(tmp_path):
    def take_in(bundle, name="small", **more):
        return register_bundle(
            asker=ASKER, bundle_dir=bundle, models_dir=tmp_path / "models", name=name, **more
        )

    return take_in


def audited() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("act", flat=True))


def change_json(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("weights", ["model.pt", "model.onnx"])
def test_register_tries_a_bundle_and_keeps_what_it_measured(register, tmp_path, weights):
    bundle = zipped(make_declared_bundle(tmp_path / "b", weights=weights), tmp_path / "packed")

    version = register(bundle, source="https://example.org/b.zip")

    checks = version.checks
    assert checks["passed"]
    assert checks["trust_needed"] == []
    assert checks["input_shape"] == [1, 1, 64, 64, 48]
    assert checks["output_shape"] == [1, 2, 64, 64, 48]
    assert checks["weights"] == f"models/{weights}"
    assert checks["seconds"] > 0
    assert checks["memory_mb"] > 50
    assert version.state == ModelVersion.State.DRAFT
    assert version.task == ModelVersion.Task.SEGMENT
    assert version.inputs == {"modalities": ["MR"]}
    assert version.intended_use == "tests"
    assert version.card.startswith("# Small UNet")
    assert version.source == "https://example.org/b.zip"
    assert not version.is_trusted
    assert version.digest == digest_bundle(tmp_path / "b")


def test_a_bundle_that_imports_os_is_taken_in_and_never_run(register, tmp_path):
    marker = tmp_path / "ran"
    bundle = make_threshold_bundle(tmp_path / "b", threshold=1, run=f"$open({str(marker)!r}, 'w')")
    change_json(bundle / "configs" / "inference.json", imports=["$import os"])

    version = register(bundle)

    assert not version.is_trusted
    assert not version.checks["passed"]
    assert any("'$import os'" in one for one in version.checks["trust_needed"])
    assert not marker.exists()


def test_trust_by_digest_runs_the_code_and_is_audited(register, tmp_path):
    bundle = make_threshold_bundle(tmp_path / "b", threshold=500)
    version = register(bundle)

    with pytest.raises(InvalidRequestError, match=version.digest):
        trust_version(asker=ASKER, name="small", version="1.0.0", digest="0" * 64)
    trusted = trust_version(asker=ASKER, name="small", version="1.0.0", digest=version.digest)

    assert trusted.is_trusted
    assert trusted.checks["passed"]
    assert trusted.checks["output_shape"] == [48, 64, 64]
    assert audited() == ["register-model", "trust-model"]
    assert AuditEvent.objects.last().details["digest"] == version.digest


def test_trust_of_another_digest_is_refused(register, tmp_path):
    bundle = make_declared_bundle(tmp_path / "b")
    for argument, words in (("trust_digest", "trusted"), ("pinned_digest", "asked for")):
        with pytest.raises(InvalidRequestError, match=words):
            register(bundle, **{argument: "0" * 64})
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("name", ["", "a/b", "../x", "x" * 65])
def test_names_that_no_address_could_hold_are_refused(register, tmp_path, name):
    with pytest.raises(InvalidRequestError, match="name is 1 to 64"):
        register(tmp_path, name=name)


def test_an_output_of_another_shape_than_stated_is_refused(register, tmp_path):
    with pytest.raises(BundleInvalidError, match="2x64x64x48; the metadata says 3x64x64x48"):
        register(make_declared_bundle(tmp_path / "b", channels=3))
    assert not ModelVersion.objects.exists()


def test_corrupted_weights_are_refused(register, tmp_path):
    bundle = make_declared_bundle(tmp_path / "b")
    path = bundle / "models" / "model.pt"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    with pytest.raises(BundleInvalidError, match=r"^model\.pt holds no readable"):
        register(bundle)
    assert not ModelVersion.objects.exists()


def test_a_pickle_is_never_loaded(register, tmp_path):
    bundle = make_declared_bundle(tmp_path / "b")
    (bundle / "models" / "model.pt").write_bytes(pickle.dumps(Exception))

    version = register(bundle)

    assert not version.checks["passed"]
    assert "is a pickle that names" in version.checks["trust_needed"][0]
    with pytest.raises(BundleInvalidError, match="The bundle failed"):
        trust_version(asker=ASKER, name="small", version="1.0.0", digest=version.digest)
    version.refresh_from_db()
    assert not version.is_trusted


def test_weights_of_another_network_are_refused(register, tmp_path):
    network = {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2}
    other = network | {"channels": [8, 16], "strides": [2]}
    with pytest.raises(BundleInvalidError, match=r"^model\.pt doesn't fit the network"):
        register(make_declared_bundle(tmp_path / "b", config={"network_def": other}))


def test_what_metadata_lacks_is_named(register, tmp_path):
    wrong = {"network_data_format": {"inputs": {"image": {"num_channels": "one"}}}}
    with pytest.raises(BundleInvalidError, match=r"num_channels .*outputs\.pred is missing"):
        register(make_declared_bundle(tmp_path / "b", metadata=wrong))
    with pytest.raises(BundleInvalidError, match="pipeline is none of"):
        register(
            make_declared_bundle(tmp_path / "c", metadata={"twinsight": {"pipeline": "lite0"}})
        )


def test_other_files_under_a_known_version_are_refused(register, tmp_path):
    bundle = make_declared_bundle(tmp_path / "b", weights="model.onnx")
    first = register(bundle)
    assert register(bundle) == first
    (bundle / "docs" / "more.md").write_text("more")
    with pytest.raises(InvalidRequestError, match="other files"):
        register(bundle)


def test_a_new_version_takes_the_rules_of_the_one_before(register, tmp_path):
    first = register(make_declared_bundle(tmp_path / "b", weights="model.onnx"))
    first.routing_rules.update(description_contains="t1", minimum_instances=20)

    second = register(
        make_declared_bundle(tmp_path / "c", weights="model.onnx", metadata={"version": "2"})
    )

    rule = second.routing_rules.get()
    assert (rule.modalities, rule.description_contains) == (["MR"], "t1")
    assert first.routing_rules.count() == 1


DECLARED = {
    "task": "classify",
    "pipeline": "classifier",
    "inputs": {"modalities": ["DX"], "views": ["PA"], "dimensions": 2},
    "labels": [{"name": "pneumonia", "code": "233604007", "scheme": "SCT"}],
    "licence": "Apache-2.0",
    "metrics": {"auc": 0.9},
}


def make_classifier(folder, classes):
    """Write a bundle whose network tells two classes apart, and says it were so many."""
    shape = {"num_channels": 1, "spatial_shape": [32, 32]}
    formats = {
        "inputs": {"image": shape},
        "outputs": {"pred": {"num_channels": classes}},
    }
    metadata = {"twinsight": DECLARED, "network_data_format": formats}
    bundle = make_declared_bundle(folder, weights="model.onnx", metadata=metadata)
    network = torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(1, 2)
    )
    torch.jit.script(network).save(str(bundle / "models" / "model.ts"))
    (bundle / "models" / "model.onnx").unlink()
    return bundle


def test_a_classifier_declares_itself(register, tmp_path):
    version = register(make_classifier(tmp_path / "b", 2))

    assert version.task == ModelVersion.Task.CLASSIFY
    assert version.pipeline == "classifier"
    assert version.inputs == DECLARED["inputs"]
    assert version.labels == DECLARED["labels"]
    assert version.metrics == {"auc": 0.9}
    assert version.licence == "Apache-2.0"
    assert version.checks["input_shape"] == [1, 1, 32, 32]
    assert version.checks["output_shape"] == [1, 2]
    assert version.checks["format"] == "torchscript"


def test_a_classifier_of_other_classes_than_stated_is_refused(register, tmp_path):
    with pytest.raises(BundleInvalidError, match="The output has the shape 2; the metadata says 3"):
        register(make_classifier(tmp_path / "b", 3))
