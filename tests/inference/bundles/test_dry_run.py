from __future__ import annotations

from dataclasses import replace

import pytest

from inference.bundles.dry_run import check_output, phantom_shape, try_bundle
from inference.errors import BundleInvalidError
from inference.pipelines.bundle_metadata import Declaration, TensorFormat, read_metadata
from tests.builders.bundles import make_threshold_bundle
from tests.builders.declared_bundles import make_declared_bundle

_LOOK = """
import os, resource, sys
with open({path!r}, "w") as seen:
    print(sorted(os.environ), resource.getrlimit(resource.RLIMIT_AS)[0] >> 20, file=seen)
    print(sorted(name for name in sys.modules if name.startswith("torch.distributed")), file=seen)
"""


@pytest.fixture
def metadata(tmp_path):
    return read_metadata(make_declared_bundle(tmp_path / "small", weights="model.npz"))


def answer(*output, size=(64, 64, 48)):
    return {"input_shape": [1, 1, *size], "output_shape": list(output), "is_finite": True}


@pytest.mark.parametrize("shape", [(1, 3, 64, 64, 48), (1, 2, 32, 64, 48), (1, 2), (1,)])
def test_the_output_of_a_segmentation_has_its_channels_and_the_size_of_the_input(metadata, shape):
    check_output(answer(1, 2, 64, 64, 48), metadata)
    with pytest.raises(BundleInvalidError, match="the metadata says 2x64x64x48"):
        check_output(answer(*shape), metadata)


def test_a_classifier_answers_one_number_a_class(metadata):
    classes = replace(metadata, declared=Declaration(task="classify"))
    check_output(answer(1, 2), classes)
    check_output(answer(1, 2, 1, 1), classes)
    with pytest.raises(BundleInvalidError):
        check_output(answer(1, 2, 64, 64, 48), classes)


def test_numbers_that_are_none_are_refused(metadata):
    with pytest.raises(BundleInvalidError, match="numbers that are none"):
        check_output(answer(1, 2, 64, 64, 48) | {"is_finite": False}, metadata)


def test_the_phantom_is_as_large_as_the_bundle_says(metadata):
    assert phantom_shape(metadata) == (64, 64, 64)
    silent = replace(metadata, image=TensorFormat())
    assert phantom_shape(silent) == (64, 64, 64)
    assert phantom_shape(replace(silent, declared=Declaration(task="classify"))) == (64, 64)
    three = Declaration(task="classify", inputs={"dimensions": 3})
    assert phantom_shape(replace(silent, declared=three)) == (64, 64, 64)


def test_a_label_that_nobody_named_is_refused(tmp_path):
    bundle = make_threshold_bundle(tmp_path / "b", threshold=500)
    script = bundle / "scripts" / "threshold.py"
    script.write_text(script.read_text().replace("= (data[", "= 7 * (data["))
    with pytest.raises(BundleInvalidError, match="the value 7, which channel_def doesn't name"):
        try_bundle(bundle, read_metadata(bundle), is_trusted=True)


def test_a_bundle_that_never_ends_is_ended(tmp_path):
    bundle = make_threshold_bundle(tmp_path / "b", threshold=1, run="$__import__('time').sleep(99)")
    with pytest.raises(BundleInvalidError, match="more than 12 s"):
        try_bundle(bundle, read_metadata(bundle), is_trusted=True, timeout_s=12)


def test_a_bundle_has_neither_network_nor_secrets_nor_all_the_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    seen = tmp_path / "seen"
    bundle = make_threshold_bundle(tmp_path / "b", threshold=500)
    script = bundle / "scripts" / "threshold.py"
    script.write_text(_LOOK.format(path=str(seen)) + script.read_text())

    measured = try_bundle(bundle, read_metadata(bundle), is_trusted=True)

    text = seen.read_text()
    assert "DATABASE_URL" not in text
    assert "SECRET" not in text
    assert "OMP_WAIT_POLICY" in text, "how its threads wait is the machine's affair"
    assert "24576" in text
    assert "torch.distributed.fsdp" not in text, "what trains one network on many machines"
    assert measured["memory_mb"] > 50
