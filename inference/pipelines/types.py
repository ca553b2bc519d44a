"""What the pipelines hand to each other and to whoever runs them."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

# Value, scheme designator and meaning of a DICOM coded concept.
CodeTriple = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class Volume:
    """A series as one regular grid.

    Attributes
    ----------
    array_zyx : (slices, rows, columns) float32, modality values (HU for CT), slices in the order
        of their position along the slice normal
    affine_lps : 4x4 float64, voxel index (column, row, slice) to patient coordinates in mm, LPS
    spacing_mm_zyx : distance of slices, of rows, of columns
    datasets : the source instances in slice order; one, if it holds all frames
    frame_order : for each slice, the 0-based position of its frame in `datasets`, counted through
    modality : DICOM modality of the series
    """

    array_zyx: npt.NDArray[np.float32]
    affine_lps: npt.NDArray[np.float64]
    spacing_mm_zyx: tuple[float, float, float]
    datasets: list[Dataset]
    frame_order: tuple[int, ...]
    modality: str = ""

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres, true for sheared grids too."""
        return float(abs(np.linalg.det(self.affine_lps[:3, :3]))) / 1000.0


@dataclass(frozen=True)
class Segment:
    """One structure of a label map.

    Attributes
    ----------
    number : 1-based number of the segment in the result
    label : name for people
    category, property_type : codes of DICOM's segmented property
    values : the label map's values that make up the segment; segments may share values
    """

    number: int
    label: str
    category: CodeTriple
    property_type: CodeTriple
    values: tuple[int, ...]


@dataclass(frozen=True)
class Measurement:
    """A number about one segment.

    Attributes
    ----------
    segment_number : the segment it was measured on
    name : code of what was measured
    value : the number
    unit : UCUM code of its unit
    derivation : code of how many values became one, such as *Mean*
    """

    segment_number: int
    name: CodeTriple
    value: float
    unit: CodeTriple
    derivation: CodeTriple | None = None


@dataclass(frozen=True, eq=False)
class SegmentationResult:
    """Label map, what its values mean, and what was measured on it.

    Attributes
    ----------
    mask_zyx : (slices, rows, columns) uint8 on the grid of the volume, 0 = nothing
    segments : structures that were looked for and found
    measurements : one volume in mL a segment
    device : ``cuda`` or ``cpu``, where it was computed
    notes : sentences for the reader of the result, such as what was not found
    probability_zyxc : (slices, rows, columns, segments) from 0 to 1, where the model says it
    """

    mask_zyx: npt.NDArray[np.uint8]
    segments: tuple[Segment, ...]
    measurements: tuple[Measurement, ...]
    device: str = "cpu"
    notes: tuple[str, ...] = field(default=())
    probability_zyxc: npt.NDArray[np.float32] | None = None
