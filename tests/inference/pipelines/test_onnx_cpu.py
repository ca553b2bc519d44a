import json
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from inference.pipelines import onnx_cpu
from inference.pipelines.onnx_cpu import (
    LEAST_AGREEMENT,
    Trial,
    label_agreement,
    quickest_on_cpu,
)

DIGEST = "ab" * 32


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 3, 1)).eval()


def probes(count=2, size=8):
    torch.manual_seed(1)
    return [torch.randn(1, 1, size, size, size) for _ in range(count)]


def test_label_agreement_counts_equal_labels():
    one = torch.tensor([[[2.0, 0.0, 5.0, 1.0], [1.0, 3.0, 4.0, 0.0]]])
    other = torch.tensor([[[2.0, 5.0, 9.0, 1.0], [1.0, 3.0, 0.0, 0.5]]])
    assert label_agreement(one, one) == 1
    assert label_agreement(one, other) == 0.75
    assert label_agreement(torch.tensor([[1.0], [-1.0]]), torch.tensor([[3.0], [4.0]])) == 0.5


def test_label_agreement_of_broken_answers_is_zero():
    one = torch.zeros(1, 2, 4)
    assert label_agreement(one, torch.zeros(1, 2, 5)) == 0
    assert label_agreement(one, one + float("nan")) == 0


def test_every_runtime_labels_as_torch_does(tmp_path):
    network = small_network()

    quick = quickest_on_cpu(network, probes(), folder=tmp_path, digest=DIGEST)

    by_name = {trial.runtime: trial for trial in quick.trials}
    assert by_name["onnxruntime"].agreement >= LEAST_AGREEMENT
    if find_spec("openvino"):
        assert by_name["openvino"].agreement >= LEAST_AGREEMENT
    # Another shape and number than the probes' are answered too.
    batch = torch.randn(3, 1, 6, 7, 9)
    with torch.inference_mode():
        assert torch.allclose(quick(batch), network(batch), atol=1e-4)


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime", "openvino"])
def test_each_runtime_answers_as_the_module(tmp_path, runtime):
    if not find_spec(runtime):
        pytest.skip(f"{runtime} is not installed")
    network, batch = small_network(), probes()[0]
    path = tmp_path / "network.onnx"
    onnx_cpu._export(network, batch, path)

    answer = onnx_cpu._runtime(runtime, network, path)(batch)

    with torch.inference_mode():
        assert torch.allclose(answer, network(batch), atol=1e-4)


def test_quick_runtime_that_labels_otherwise_is_not_used(tmp_path, monkeypatch):
    """A runtime may be as quick as it likes: its labels decide."""
    honest = onnx_cpu._runtime

    def lying(name, network, path):
        if name == "torch":
            return honest(name, network, path)
        return lambda batch: honest("torch", network, path)(batch).flip(1)

    monkeypatch.setattr(onnx_cpu, "_runtime", lying)

    quick = quickest_on_cpu(small_network(), probes(), folder=tmp_path, digest=DIGEST)

    assert quick.runtime == "torch"
    assert all(one.agreement < LEAST_AGREEMENT for one in quick.trials if one.runtime != "torch")


@pytest.mark.parametrize(
    ("agreement", "chosen"), [(0.9989, "torch"), (0.9991, "onnxruntime"), (1.0, "onnxruntime")]
)
def test_least_agreement_is_where_it_says(agreement, chosen):
    trials = (Trial("torch", 2.0, 1.0), Trial("onnxruntime", 1.0, agreement))
    assert onnx_cpu._best(trials) == chosen


def test_quickest_of_equals_is_used_even_if_that_is_torch():
    trials = (Trial("torch", 1.0, 1.0), Trial("onnxruntime", 2.0, 1.0))
    assert onnx_cpu._best(trials) == "torch"


def test_comparison_is_made_once(tmp_path, monkeypatch):
    network = small_network()
    first = quickest_on_cpu(network, probes(), folder=tmp_path, digest=DIGEST)
    monkeypatch.setattr(onnx_cpu, "_compare", lambda *_: pytest.fail("compared again"))
    again = quickest_on_cpu(network, probes(), folder=tmp_path, digest=DIGEST)
    assert again.trials == first.trials


def test_other_weights_or_shape_are_compared_anew(tmp_path):
    network = small_network()
    quickest_on_cpu(network, probes(), folder=tmp_path, digest=DIGEST)
    quickest_on_cpu(network, probes(), folder=tmp_path, digest="cd" * 32)
    quickest_on_cpu(network, probes(size=6), folder=tmp_path, digest=DIGEST)
    assert len(list(tmp_path.glob("*.onnx"))) == 2
    assert len(list(tmp_path.glob("*.json"))) == 3


def test_damaged_files_are_made_anew(tmp_path):
    network = small_network()
    quickest_on_cpu(network, probes(), folder=tmp_path, digest=DIGEST)
    (record,) = tmp_path.glob("*.json")
    record.write_text("{ not json")
    quickest_on_cpu(network, probes(), folder=tmp_path, digest=DIGEST)
    assert json.loads(record.read_text())
    # The record says that ONNX Runtime was best, but its file is damaged.
    trials = [Trial("torch", 9, 1.0), Trial("onnxruntime", 1, 1.0)]
    record.write_text(json.dumps([vars(one) for one in trials]))
    (exported,) = tmp_path.glob("*.onnx")
    exported.write_bytes(b"no model")
    quick = quickest_on_cpu(network, probes(), folder=tmp_path, digest=DIGEST)
    batch = probes()[0]
    with torch.inference_mode():
        assert torch.allclose(quick(batch), network(batch), atol=1e-4)


class Unexportable(nn.Module):
    def forward(self, image):
        return image.sort(dim=2)[0] * torch.special.bessel_j0(image)


def test_network_that_no_runtime_knows_stays_with_torch(tmp_path):
    quick = quickest_on_cpu(Unexportable().eval(), probes(), folder=tmp_path, digest=DIGEST)
    assert quick.runtime == "torch"
    assert [one.runtime for one in quick.trials] == ["torch"]
