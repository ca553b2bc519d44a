import pytest
import torch

from inference.pipelines.devices import choose_device


def test_choose_device_says_cpu_where_torch_finds_no_gpu():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert choose_device() == "cpu"


@pytest.mark.gpu
def test_choose_device_says_cuda_where_torch_finds_a_gpu():
    if not torch.cuda.is_available():
        pytest.skip("this machine has no GPU")
    assert choose_device() == "cuda"
