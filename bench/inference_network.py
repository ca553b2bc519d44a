"""A network, a volume and a pipeline for `bench/inference.py`: like a clinical one, made here.

The network is MONAI's 3D UNet (16 to 128 channels) with random weights, whose classes are levelled
so that each gets a part of the image. What it finds means nothing; what it costs is real.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from monai.networks.nets.unet import UNet
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from bench.material import uid
from inference.pipelines.measuring import volume_measurements
from inference.pipelines.sliding_window import Labelled, Network, Windows, label_volume
from inference.pipelines.types import Segment, SegmentationResult

if TYPE_CHECKING:
    import numpy.typing as npt

    from inference.models import Run
    from inference.runs.types import RunOutcome

WINDOWS = Windows((64, 128, 128), overlap=0.25, batch=4)
PIPELINE = "bench_unet"
_TISSUE = ("85756007", "SCT", "Tissue")
SEGMENTS = tuple(
    Segment(number, f"Part {number}", _TISSUE, _TISSUE, (number,)) for number in (1, 2, 3)
)
_CLASSES = 4


class Levelled(torch.nn.Module):
    """A network none of whose classes wins everywhere."""

    def __init__(self, network: torch.nn.Module, probe: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        with torch.inference_mode():
            answer = network(probe)
        axes = (0, 2, 3, 4)
        self.register_buffer("level", torch.tensor(answer.mean(dim=axes, keepdim=True).numpy()))
        self.register_buffer("spread", torch.tensor(answer.std(dim=axes, keepdim=True).numpy()))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (n, 4, z, y, x)."""
        return (self.network(image) - self.level) / self.spread


@cache
def make_network() -> torch.nn.Module:
    """Return the same network each time."""
    torch.manual_seed(0)
    network = UNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=_CLASSES,
        channels=(16, 32, 64, 128),
        strides=(2, 2, 2),
        num_res_units=0,
    )
    probe = torch.from_numpy(scaled(phantom((64, 128, 128))))[None, None]
    return Levelled(network.eval(), probe).eval()


def phantom(shape: tuple[int, int, int], seed: int = 0) -> npt.NDArray[np.uint16]:
    """Return a head of nested ellipsoids with noise, 12 bits."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in shape), indexing="ij")
    radius = np.sqrt((z / 0.95) ** 2 + (y / 0.85) ** 2 + (x / 0.7) ** 2)
    image = np.select([radius < 0.35, radius < 0.6, radius < 0.85, radius < 0.95],
                      [2400.0, 1500.0, 900.0, 3000.0], 0.0)  # fmt: skip
    noise = np.random.default_rng(seed).normal(0, 60, shape)
    return np.clip(image + noise, 0, 4095).astype(np.uint16)


def scaled(array: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Return what the network takes."""
    return np.asarray(array, dtype=np.float32) / np.float32(2000)


def series_files(shape: tuple[int, int, int], number: int) -> list[bytes]:
    """Return the phantom as the files of one MR series; another number, another study."""
    return [_slice_file(plane, index, number) for index, plane in enumerate(phantom(shape, number))]


def run_unet(run: Run) -> RunOutcome:
    """Segment a series by the network: what the product does with any of its own networks."""
    from inference.runs.execution.devices import device_of  # noqa: PLC0415 after setup
    from inference.runs.execution.segmentation import (  # noqa: PLC0415
        read_run_volume,
        store_segmentation,
    )

    volume = read_run_volume(run)
    with device_of(run.model_version) as device:
        labelled = label(scaled(volume.array_zyx), device)
    measured = volume_measurements(labelled.labels_zyx, SEGMENTS, volume.voxel_ml)
    result = SegmentationResult(labelled.labels_zyx, SEGMENTS, measured, labelled.device)
    return store_segmentation(run, volume, result)


def label(image_zyx: npt.NDArray[np.float32], device: str) -> Labelled:
    """Label a volume as the product does."""
    digest = hashlib.sha256(b"bench unet").hexdigest()
    exports = Path(os.environ["TWINSIGHT_HOME"]) / "exports"
    network = Network(digest=digest, load=make_network, exports=exports)
    return label_volume(network, image_zyx[None], WINDOWS, device=device)


def bare_seconds(image_zyx: npt.NDArray[np.float32], device: str) -> float:
    """Time PyTorch and MONAI's sliding window alone, from an array to labels in memory."""
    network = make_network().to(device)
    started = time.perf_counter()
    with torch.inference_mode(), torch.autocast("cuda", enabled=device != "cpu"):
        image = torch.from_numpy(image_zyx)[None, None].to(device)
        answer = sliding_window_inference(
            image,
            WINDOWS.size_zyx,
            1 if device == "cpu" else WINDOWS.batch,
            network,
            overlap=WINDOWS.overlap,
            mode="gaussian",
        )
        torch.as_tensor(answer).argmax(dim=1).to(torch.uint8).cpu()
    seconds = time.perf_counter() - started
    make_network().to("cpu")
    return seconds


def _slice_file(plane: npt.NDArray[np.uint16], index: int, number: int) -> bytes:
    ds = Dataset()
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = uid("inference", number, index)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid("study", number), uid("series", number)
    ds.FrameOfReferenceUID = uid("frame", number)
    ds.PatientID, ds.PatientName = f"BENCH-{number}", "Bench^Mark"
    ds.PatientBirthDate, ds.PatientSex = "19700101", "O"
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20250102", "101112", "1", ""
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "MR", 1, index + 1
    ds.ReferringPhysicianName, ds.ImageType = "Nobody", ["ORIGINAL", "PRIMARY", "M"]
    ds.ScanningSequence, ds.SequenceVariant = "GR", "NONE"
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient = [-128, -128, 3 * index]
    ds.PixelSpacing, ds.SliceThickness = [1, 1], 3
    ds.Rows, ds.Columns = plane.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = np.ascontiguousarray(plane, dtype="<u2").tobytes()
    ds["PixelData"].VR = "OW"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    file = FileDataset("", ds, file_meta=meta, preamble=b"\0" * 128)
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
