"""A label map as a DICOM Segmentation on the source series' own grid."""

from collections.abc import Sequence
from typing import Any, TypeVar

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
    SegmentationType,
    SegmentLike,
    code_of,
    parameters_of,
)
from inference.results.uids import result_uid

_Number = TypeVar("_Number", np.uint8, np.float32)


def build_seg(
    *,
    source_datasets: Sequence[Dataset],
    mask_zyx: npt.NDArray[np.uint8],
    segments: Sequence[SegmentLike],
    algorithm: Algorithm,
    identity: ResultIdentity,
    frame_order: Sequence[int] | None = None,
    segmentation_type: SegmentationType = SegmentationType.BINARY,
    probability_zyxc: npt.NDArray[np.float32] | None = None,
) -> Dataset:
    """Encode a label map as a segmentation; frames without a segment are left out.

    Parameters
    ----------
    source_datasets : the images in slice order, one a slice; or one multi-frame image
    mask_zyx : (slices, rows, columns) uint8 label map on the sources' grid
    segments : what the map's values mean; segments may share values and so overlap
    algorithm : the model that made it
    identity : UIDs, number and time of the new object
    frame_order : for a multi-frame source, each slice's 0-based frame in it; as stored if absent
    segmentation_type : how it is encoded; a label map holds no segments that overlap
    probability_zyxc : (slices, rows, columns, segments) from 0 to 1, in the order of `segments`,
        for a fractional one; without it a voxel is in a segment or not

    Returns
    -------
    Segmentation (SOP class 1.2.840.10008.5.1.4.1.1.66.4), or Label Map Segmentation
    (1.2.840.10008.5.1.4.1.1.66.7), explicit little endian

    Raises
    ------
    ResultEncodingError
        The map is empty or on another grid, the sources can't be referred to, or the segments of a
        label map overlap.

    References
    ----------
    DICOM PS3.3 A.51, A.51.5, C.8.20
    """
    sources = prepared_sources(source_datasets)
    mask = _in_source_order(mask_zyx, frame_order) if len(sources) == 1 else mask_zyx
    _check_grid(sources, mask)
    channels = np.stack([np.isin(mask, segment.values) for segment in segments], axis=-1)
    if not channels.any():
        raise ResultEncodingError("Nothing was segmented, so there is no segmentation to write.")
    probability = probability_zyxc
    if probability is not None and len(sources) == 1:
        probability = _in_source_order(probability, frame_order)
    pixels = _pixels(channels, segments, segmentation_type, probability)
    try:
        result = hd.seg.Segmentation(
            source_images=sources,
            pixel_array=pixels,
            segmentation_type=segmentation_type.value,
            segment_descriptions=[_describe(one, algorithm, identity) for one in segments],
            **_equipment(algorithm, identity),
            transfer_syntax_uid=ExplicitVRLittleEndian,
            omit_empty_frames=True,
            specific_character_set="ISO_IR 192",
            fractional_type=_fractional_type(probability),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultEncodingError(f"The segmentation can't be encoded: {error}") from error
    fix_dimension_uids(result, identity)
    return finish_result(result, sources[0], identity)


def _equipment(algorithm: Algorithm, identity: ResultIdentity) -> dict[str, Any]:
    about = f"{algorithm.name} {algorithm.version}"
    return {
        "series_instance_uid": identity.series_instance_uid,
        "series_number": identity.series_number,
        "sop_instance_uid": identity.sop_instance_uid,
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": algorithm.name[:64],
        "software_versions": algorithm.version[:64],
        "device_serial_number": algorithm.digest[:64],
        "content_label": "SEGMENTATION",
        "content_description": f"{algorithm.notice}. {about}"[:64]
        if algorithm.notice
        else about[:64],
    }


def do_overlap(mask_zyx: npt.NDArray[np.uint8], segments: Sequence[SegmentLike]) -> bool:
    """Say whether segments share voxels, which a label map can't express.

    Parameters
    ----------
    mask_zyx : label map
    segments : what its values mean

    Returns
    -------
    whether a value that occurs belongs to two segments
    """
    values = [value for segment in segments for value in segment.values]
    shared = {value for value in values if values.count(value) > 1}
    return bool(shared) and bool(np.isin(mask_zyx, list(shared)).any())


def _pixels(
    channels: npt.NDArray[np.bool_],
    segments: Sequence[SegmentLike],
    segmentation_type: SegmentationType,
    probability: npt.NDArray[np.float32] | None,
) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    if segmentation_type is SegmentationType.FRACTIONAL:
        if probability is None:
            return channels.astype(np.float32)
        if probability.shape != channels.shape:
            raise ResultEncodingError("The probabilities are on another grid than the label map.")
        return np.clip(probability, 0.0, 1.0).astype(np.float32)
    if segmentation_type is SegmentationType.BINARY:
        return channels.astype(np.uint8)
    if (channels.sum(axis=-1) > 1).any():
        raise ResultEncodingError("A label map can't hold segments that overlap.")
    numbers = np.array([segment.number for segment in segments], dtype=np.uint8)
    return np.asarray((channels * numbers).sum(axis=-1), dtype=np.uint8)


def _fractional_type(probability: npt.NDArray[np.float32] | None) -> str:
    kinds = hd.seg.SegmentationFractionalTypeValues
    return str((kinds.OCCUPANCY if probability is None else kinds.PROBABILITY).value)


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
    mask_zyx: npt.NDArray[_Number], frame_order: Sequence[int] | None
) -> npt.NDArray[_Number]:
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
            parameters=dict(one.split("=", 1) for one in parameters_of(algorithm, ())),
        ),
        tracking_uid=tracking_uid,
        tracking_id=tracking_id,
    )


def fix_dimension_uids(result: Dataset, identity: ResultIdentity) -> None:
    """Replace highdicom's random dimension UIDs, which would make each encoding another one.

    Parameters
    ----------
    result : object of highdicom, changed
    identity : its identity
    """
    known: dict[str, str] = {}
    items = [*result.get("DimensionOrganizationSequence", [])]
    items += [*result.get("DimensionIndexSequence", [])]
    for item in items:
        old = str(item.DimensionOrganizationUID)
        known.setdefault(old, result_uid(identity.sop_instance_uid, "dimension", str(len(known))))
        item.DimensionOrganizationUID = known[old]
