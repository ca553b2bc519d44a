import pytest
import torch

from inference.errors import BundleRunError, UnsupportedInputError
from inference.pipelines.back_off import Done, is_out_of_memory, with_back_off


class Card:
    """A device whose memory ends at some batch; the CPU's never does."""

    def __init__(self, fits, error=None):
        self.fits = fits
        self.error = error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        self.tried = []

    def step(self, device, batch):
        self.tried.append((device, batch))
        if device != "cpu" and batch > self.fits:
            raise self.error
        return f"{device} {batch}"


def test_work_that_fits_is_done_once():
    card = Card(fits=8)
    done = with_back_off(card.step, device="cuda:0", batch=8)
    assert done == Done("cuda:0 8", "cuda:0", 8, 0)
    assert done.note == ""


def test_batch_is_halved_until_it_fits():
    card = Card(fits=2)
    done = with_back_off(card.step, device="cuda:0", batch=8)
    assert card.tried == [("cuda:0", 8), ("cuda:0", 4), ("cuda:0", 2)]
    assert done.result == "cuda:0 2"
    assert "batches of 2" in done.note


def test_last_resort_is_the_cpu():
    card = Card(fits=0)
    done = with_back_off(card.step, device="cuda:0", batch=2)
    assert card.tried == [("cuda:0", 2), ("cuda:0", 1), ("cpu", 1)]
    assert done.device == "cpu"
    assert done.retreats == 2


def test_cpu_that_is_full_too_gives_up():
    def step(device, batch):
        raise MemoryError

    with pytest.raises(MemoryError):
        with_back_off(step, device="cuda", batch=2)


def test_other_errors_are_raised_at_once():
    card = Card(fits=0, error=UnsupportedInputError("no volume"))
    with pytest.raises(UnsupportedInputError):
        with_back_off(card.step, device="cuda", batch=4)
    assert len(card.tried) == 1


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
         True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (BundleRunError("The bundle failed (exit 1): OutOfMemoryError: CUDA out of memory."), True),
        (RuntimeError("Failed to allocate memory for requested buffer of size 1"), True),
        (RuntimeError("shape mismatch"), False),
        (BundleRunError("The bundle took more than 5 s."), False),
    ],
)  # fmt: skip
def test_is_out_of_memory_knows_the_ways_to_say_it(error, is_memory):
    assert is_out_of_memory(error) is is_memory
