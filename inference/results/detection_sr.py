"""Points, boxes and balls in the patient as a three-dimensional structured report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from inference.errors import ResultEncodingError
from inference.results.codes import (
    CERTAINTY,
    DIAMETER,
    MILLIMETRE,
    MORPHOLOGY,
    NODULE,
    PERCENT,
)
from inference.results.sources import prepared_sources
from inference.results.sr import Group, algorithm_item, report_of, statement_uid
from inference.results.types import Algorithm, CodeTriple, ResultIdentity, code_of

# Cosine between the image's normal and the patient's axis from which an image counts as axial.
_AXIAL = 0.9999


@dataclass(frozen=True)
class DetectedPlace:
    """One thing found, where it is in the patient, and how sure the model is.

    Attributes
    ----------
    probability : 0 to 1
    points_mm : (n, 3) in LPS: one for a point; two opposite corners for a box
    finding : what it is
    category : of what kind that is
    site : where in the body, if the model says it
    diameter_mm : if the model says it
    image : position in the source images of the one that shows it best
    """

    probability: float
    points_mm: tuple[tuple[float, float, float], ...]
    finding: CodeTriple = NODULE
    category: CodeTriple = MORPHOLOGY
    site: CodeTriple | None = None
    diameter_mm: float | None = None
    image: int = 0


def build_detection_sr(
    *,
    source_datasets: Sequence[Dataset],
    places: Sequence[DetectedPlace],
    algorithm: Algorithm,
    identity: ResultIdentity,
    notes: Sequence[str] = (),
) -> Dataset:
    """Write detections as a report with their places in the patient.

    Parameters
    ----------
    source_datasets : the images that were searched, of one series with a frame of reference
    places : a point becomes a planar group with a POINT, a box a volumetric group whose surface is
        a polygon at each end, and first one in the plane of its image, which viewers draw there
    algorithm : the model
    identity : UIDs, number and time of the new object
    notes : sentences for the reader

    Returns
    -------
    Comprehensive 3D SR (SOP class 1.2.840.10008.5.1.4.1.1.88.34), complete and unverified

    Raises
    ------
    ResultEncodingError
        There are no detections, or one has a wrong probability or number of points.

    References
    ----------
    DICOM PS3.16 TID 1500, TID 1410, TID 1411; PS3.3 C.18.9
    """
    if not places:
        raise ResultEncodingError("A detection report needs at least one detection.")
    if any(not 0.0 <= one.probability <= 1.0 for one in places):
        raise ResultEncodingError("A probability lies between 0 and 1.")
    sources = prepared_sources(source_datasets)
    groups = [
        _group(one, statement_uid(identity, number), number, sources, algorithm, notes)
        for number, one in enumerate(places, start=1)
    ]
    return report_of(sources, sources, groups, algorithm, identity)


def _group(
    place: DetectedPlace,
    uid: str,
    number: int,
    sources: Sequence[Dataset],
    algorithm: Algorithm,
    notes: Sequence[str],
) -> Group:
    about: dict[str, Any] = {
        "tracking_identifier": hd.sr.TrackingIdentifier(
            uid=uid, identifier=f"{place.finding[2]} {number}"
        ),
        "finding_category": code_of(place.category),
        "finding_type": code_of(place.finding),
        "finding_sites": [hd.sr.FindingSite(code_of(place.site))] if place.site else None,
        "algorithm_id": algorithm_item(algorithm, notes),
        "measurements": _numbers(place),
    }
    frame_of_reference = sources[0].FrameOfReferenceUID
    points = np.asarray(place.points_mm, dtype=np.float64)
    if points.shape == (1, 3):
        region = hd.sr.ImageRegion3D(hd.sr.GraphicTypeValues3D.POINT, points, frame_of_reference)
        return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            referenced_region=region, **about
        )
    if points.shape != (2, 3):
        raise ResultEncodingError("A detection is a point, or a box of two corners.")
    image = sources[place.image]
    surface = hd.sr.VolumeSurface(
        hd.sr.GraphicTypeValues3D.POLYGON,
        [*_on_image(points, image), *_ends_of_box(points)],
        frame_of_reference,
        source_images=[hd.sr.SourceImageForSegmentation(image.SOPClassUID, image.SOPInstanceUID)],
    )
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        referenced_volume_surface=surface, **about
    )


def _numbers(place: DetectedPlace) -> list[hd.sr.Measurement]:
    numbers = [
        hd.sr.Measurement(
            name=code_of(CERTAINTY),
            value=round(place.probability * 100.0, 2),
            unit=code_of(PERCENT),
        )
    ]
    if place.diameter_mm is not None:
        numbers.append(
            hd.sr.Measurement(
                name=code_of(DIAMETER),
                value=round(place.diameter_mm, 2),
                unit=code_of(MILLIMETRE),
            )
        )
    return numbers


def _on_image(corners: npt.NDArray[np.float64], image: Dataset) -> list[npt.NDArray[np.float64]]:
    """Return the closed rectangle where an axial image cuts the box; none for other images."""
    orientation, position = image.get("ImageOrientationPatient"), image.get("ImagePositionPatient")
    if not orientation or not position:
        return []
    axes = np.asarray(orientation, dtype=np.float64)
    z = float(position[2])
    is_axial = abs(np.cross(axes[:3], axes[3:])[2]) > _AXIAL
    is_between = corners[:, 2].min() < z < corners[:, 2].max()
    return [_rectangle(corners, z)] if is_axial and is_between else []


def _ends_of_box(corners: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Return the closed rectangles at the lower and at the upper end."""
    return [_rectangle(corners, z) for z in (corners[:, 2].min(), corners[:, 2].max())]


def _rectangle(corners: npt.NDArray[np.float64], z: float) -> npt.NDArray[np.float64]:
    (x0, y0, _), (x1, y1, _) = corners.min(axis=0), corners.max(axis=0)
    return np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z], [x0, y0, z]])
