"""Where a classifier looked: what hiding a patch costs, or Grad-CAM, by MONAI."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from monai.visualize.class_activation_maps import GradCAM
from monai.visualize.occlusion_sensitivity import OcclusionSensitivity
from torch import nn

# So much of the picture's side is hidden at once.
_PATCHES_A_SIDE = 7
_OVERLAP = 0.25
_BATCH = 16

Scores = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class HeatMap:
    """How much each place speaks for an answer.

    Attributes
    ----------
    values : (rows, columns) float32, 0 to 1, 1 = most
    strength : what the most telling place is worth: probability lost where it is hidden
    method : ``occlusion`` or ``grad-cam``
    """

    values: npt.NDArray[np.float32]
    strength: float
    method: str


class _Scored(nn.Module):
    """A function of arrays as the module that MONAI wants."""

    def __init__(self, scores: Scores) -> None:
        super().__init__()
        self._scores = scores

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        batch = np.ascontiguousarray(images.detach().numpy(), dtype=np.float32)
        return torch.from_numpy(np.asarray(self._scores(batch), dtype=np.float32)[:, np.newaxis])


def occlusion_map(scores: Scores, prepared: npt.NDArray[np.float32]) -> HeatMap:
    """Hide one patch after another and see how much of the answer's probability is lost.

    Parameters
    ----------
    scores : (n, channels, rows, columns) float32 to the answer's (n,) probabilities; any network
        or head behind it, so ONNX too
    prepared : (channels, rows, columns), what the classifier takes for the image

    Returns
    -------
    HeatMap
        on the grid of `prepared`

    References
    ----------
    Zeiler, Fergus: Visualizing and understanding convolutional networks, 2014
    """
    patch = max(2, min(prepared.shape[1:]) // _PATCHES_A_SIDE)
    occlude = OcclusionSensitivity(
        nn_module=_Scored(scores),
        mask_size=patch,
        n_batch=_BATCH,
        mode="mean_img",
        overlap=_OVERLAP,
        activate=False,
        verbose=False,
    )
    image = torch.from_numpy(prepared)[np.newaxis]
    whole = float(scores(prepared[np.newaxis])[0])
    with warnings.catch_warnings():
        # MONAI indexes with lists, which torch will one day refuse.
        warnings.simplefilter("ignore")
        hidden, _ = occlude(image)
    return _heat_map(whole - np.asarray(hidden[0, 0], dtype=np.float32), "occlusion")


def grad_cam_map(
    network: nn.Module, prepared: npt.NDArray[np.float32], answer: int, *, layer: str
) -> HeatMap:
    """Weigh the last feature maps of a torch network by the answer's gradient.

    Parameters
    ----------
    network : classifier in evaluation mode
    prepared : (channels, rows, columns), what it takes
    answer : index of the class
    layer : name of the layer, such as ``class_layers.relu`` of MONAI's DenseNet

    Returns
    -------
    HeatMap
        on the grid of `prepared`

    References
    ----------
    Selvaraju et al.: Grad-CAM, 2017
    """
    image = torch.from_numpy(prepared)[np.newaxis]
    cam = GradCAM(nn_module=network, target_layers=layer, postprocessing=lambda found: found)
    found = cam(x=image, class_idx=answer)
    return _heat_map(np.asarray(found[0, 0].detach(), dtype=np.float32), "grad-cam")


def _heat_map(values: npt.NDArray[np.float32], method: str) -> HeatMap:
    speaking = np.clip(values, 0.0, None)
    strength = float(speaking.max())
    scaled = speaking / strength if strength > 1e-6 else np.zeros_like(speaking)
    return HeatMap(scaled.astype(np.float32), strength, method)


def off_the_square(
    values: npt.NDArray[np.float32], rows: int, columns: int
) -> npt.NDArray[np.float32]:
    """Take a map off the square that an image was letterboxed into.

    Parameters
    ----------
    values : (side, side)
    rows, columns : of the image

    Returns
    -------
    (rows, columns) float32
    """
    side = values.shape[0]
    scale = side / max(rows, columns)
    height, width = max(1, round(rows * scale)), max(1, round(columns * scale))
    top, left = (side - height) // 2, (side - width) // 2
    inside = torch.from_numpy(values[top : top + height, left : left + width].copy())
    resized = torch.nn.functional.interpolate(
        inside[None, None], size=(rows, columns), mode="bilinear", align_corners=False
    )
    return np.asarray(resized[0, 0], dtype=np.float32)


def small_grid(values: npt.NDArray[np.float32], side: int = 32) -> npt.NDArray[np.uint8]:
    """Return a map so small that it travels with a page.

    Parameters
    ----------
    values : (rows, columns), 0 to 1
    side : of the longer side, in pixels

    Returns
    -------
    uint8, 255 = 1
    """
    scale = min(1.0, side / max(values.shape))
    size = tuple(max(1, round(length * scale)) for length in values.shape)
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(np.ascontiguousarray(values))[None, None], size=size, mode="area"
    )
    return np.asarray((resized[0, 0] * 255).round().clamp(0, 255), dtype=np.uint8)
