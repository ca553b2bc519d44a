"""A label map as a DICOM Segmentation on the source series' own grid."""

from collections.abc import Sequence

import highdicom as hd
import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from inference.errors import ResultEncodingError
from inference.results.sources import finish_result, prepared_sources
from inference.results.types import (
    MANUFACTURER,
    Algorithm,
    ResultIdentity,
    SegmentLike,
    code_of,
)
from inference.results.uids import result_uid


def build_seg(
    *,
    source_datasets: Sequence[Dataset],
    mask_zyx: npt.NDArray[np.uint8],
    segments: Sequence[SegmentLike],
    algorithm: Algorithm,
    identity: ResultIdentity,
    frame_order: Sequence[int] | None = None,
) -> Dataset:
    """Encode a label map as a binary segmentation; frames without a segment are left out.

    Parameters
    ----------
    source_datasets : the images in slice order, one a slice; or one multi-frame image
    mask_zyx : (slices, rows, columns) uint8 label map on the sources' grid
    segments : what the map's values mean; segments may share values and so overlap
    algorithm : the model that made it
    identity : UIDs, number and time of the new object
    frame_order : for a multi-frame source, each slice's 0-based frame in it; as stored if absent

    Returns
    -------
    Segmentation (SOP class 1.2.840.10008.5.1.4.1.1.66.4), explicit little endian

    Raises
    ------
    ResultEncodingError
        The map is empty or on another grid, or the sources can't be referred to.

    References
    ----------
    DICOM PS3.3 A.51, C.8.20
    """
    sources = prepared_sources(source_datasets)
    mask = _in_source_order(mask_zyx, frame_order) if len(sources) == 1 else mask_zyx
    _check_grid(sources, mask)
    channels = np.stack([np.isin(mask, segment.values) for segment in segments], axis=-1)
    if not channels.any():
        raise ResultEncodingError("Nothing was segmented, so there is no segmentation to write.")
    try:
        result = hd.seg.Segmentation(
            source_images=sources,
            pixel_array=channels.astype(np.uint8),
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_describe(one, algorithm, identity) for one in segments],
            series_instance_uid=identity.series_instance_uid,
            series_number=identity.series_number,
            sop_instance_uid=identity.sop_instance_uid,
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=algorithm.name[:64],
            software_versions=algorithm.version[:64],
            device_serial_number=algorithm.digest[:64],
            content_label="SEGMENTATION",
            content_description=f"{algorithm.name} {algorithm.version}"[:64],
            transfer_syntax_uid=ExplicitVRLittleEndian,
            omit_empty_frames=True,
            specific_character_set="ISO_IR 192",
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultEncodingError(f"The segmentation can't be encoded: {error}") from error
    _fix_dimension_uids(result, identity)
    return finish_result(result, sources[0], identity)


def tracking_of(identity: ResultIdentity, segment: SegmentLike) -> tuple[str, str]:
    """Return the tracking UID and identifier of a segment, equal in SEG and SR.

    Parameters
    ----------
    identity : identity of the SEG
    segment : one of its segments

    Returns
    -------
    UID and text
    """
    uid = result_uid(identity.sop_instance_uid, "tracking", str(segment.number))
    return uid, f"{segment.label} {segment.number}"


def _in_source_order(
    mask_zyx: npt.NDArray[np.uint8], frame_order: Sequence[int] | None
) -> npt.NDArray[np.uint8]:
    if frame_order is None or len(frame_order) != len(mask_zyx):
        return mask_zyx
    ordered = np.empty_like(mask_zyx)
    ordered[list(frame_order)] = mask_zyx
    return ordered


def _check_grid(sources: Sequence[Dataset], mask: npt.NDArray[np.uint8]) -> None:
    first = sources[0]
    slices = len(sources) if len(sources) > 1 else int(first.get("NumberOfFrames", None) or 1)
    expected = (slices, int(first.get("Rows", 0)), int(first.get("Columns", 0)))
    if mask.shape != expected:
        raise ResultEncodingError(f"The mask is {mask.shape}, the images are {expected}.")


def _describe(
    segment: SegmentLike, algorithm: Algorithm, identity: ResultIdentity
) -> hd.seg.SegmentDescription:
    tracking_uid, tracking_id = tracking_of(identity, segment)
    return hd.seg.SegmentDescription(
        segment_number=segment.number,
        segment_label=segment.label[:64],
        segmented_property_category=code_of(segment.category),
        segmented_property_type=code_of(segment.property_type),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=algorithm.name[:64],
            family=code_of(algorithm.family),
            version=algorithm.version[:64],
            source=MANUFACTURER,
        ),
        tracking_uid=tracking_uid,
        tracking_id=tracking_id,
    )


def _fix_dimension_uids(result: Dataset, identity: ResultIdentity) -> None:
    """Replace highdicom's random dimension UIDs, which would make each encoding another one."""
    known: dict[str, str] = {}
    items = [*result.get("DimensionOrganizationSequence", [])]
    items += [*result.get("DimensionIndexSequence", [])]
    for item in items:
        old = str(item.DimensionOrganizationUID)
        known.setdefault(old, result_uid(identity.sop_instance_uid, "dimension", str(len(known))))
        item.DimensionOrganizationUID = known[old]
