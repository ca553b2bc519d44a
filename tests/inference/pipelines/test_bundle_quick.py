from types import SimpleNamespace

import numpy as np
import pytest
import torch
from monai.data.meta_tensor import MetaTensor
from monai.inferers.inferer import SimpleInferer, SlidingWindowInferer
from torch import nn

from inference.pipelines import bundle_quick
from inference.pipelines.bundle_process import quick_inferer
from inference.pipelines.bundle_quick import QuickInferer, weights_digest
from inference.pipelines.onnx_cpu import CpuNetwork


def network():
    torch.manual_seed(0)
    layers = nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 3, 1)
    return nn.Sequential(*layers).eval()


def image():
    plain = torch.randn(1, 1, 9, 14, 11)
    return MetaTensor(plain, affine=torch.diag(torch.tensor([2.0, 3.0, 5.0, 1.0])))


@pytest.mark.parametrize(
    "inferer",
    [SimpleInferer(), SlidingWindowInferer(8, overlap=0.5), SlidingWindowInferer((8, -1, 16))],
    ids=["whole", "windows", "sides left open"],
)
def test_bundles_inferer_gives_the_same_with_a_quicker_network(inferer, tmp_path):
    inputs, module = image(), network()
    with torch.inference_mode():
        expected = inferer(inputs, module)
        found = QuickInferer(inferer, tmp_path)(inputs, module)
    assert torch.allclose(found.as_tensor(), expected.as_tensor(), atol=1e-4)
    assert np.allclose(found.affine, inputs.affine)
    assert list(tmp_path.glob("*.onnx"))


def test_network_is_the_quick_one(tmp_path):
    seen = []
    watching = QuickInferer(lambda inputs, net: seen.append(net) or net(inputs), tmp_path)
    with torch.inference_mode():
        watching(image(), network())
    assert isinstance(seen[0], CpuNetwork)


@pytest.mark.parametrize("inputs", [torch.zeros(1, 1, 4, 4, 4).half(), {"image": 1}])
def test_what_is_no_plain_image_is_left_alone(inputs, tmp_path):
    module = network()
    seen = []
    QuickInferer(lambda given, net: seen.append(net), tmp_path)(inputs, module)
    assert seen == [module]


def test_network_that_cannot_be_compared_runs_as_it_is(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(bundle_quick, "quickest_on_cpu", fail)
    inputs, module = image(), network()
    with torch.inference_mode():
        found = QuickInferer(SimpleInferer(), tmp_path)(inputs, module)
        assert torch.equal(found, module(inputs))


def test_digest_tells_weights_and_structures_apart():
    one, other = network(), network()
    assert weights_digest(one) == weights_digest(other)
    with torch.no_grad():
        other[0].bias += 1
    assert weights_digest(one) != weights_digest(other)
    padded = network()
    padded[0].padding_mode = "circular"
    assert weights_digest(one) != weights_digest(padded)


@pytest.mark.parametrize(
    ("device", "exports"), [("cuda:0", "/srv/exports"), ("cpu", "")], ids=["gpu", "no folder"]
)
def test_inferer_stays_on_a_gpu_or_without_a_folder(device, exports):
    own = SimpleInferer()
    assert quick_inferer(own, {"device": device, "exports": exports}) is own


def test_evaluator_without_an_inferer_stays_without():
    request = {"device": "cpu", "exports": "/srv/exports"}
    assert quick_inferer(getattr(SimpleNamespace(), "inferer", None), request) is None
