"""Statements and measurements as DICOM structured reports after template TID 1500."""

from collections.abc import Sequence

import highdicom as hd
from pydicom import Dataset
from pydicom.sr.coding import Code

from inference.errors import ResultEncodingError
from inference.results.codes import CERTAINTY, PERCENT
from inference.results.seg import tracking_of
from inference.results.sources import finish_result, prepared_sources
from inference.results.types import (
    MANUFACTURER,
    Algorithm,
    Evaluation,
    MeasurementLike,
    ResultIdentity,
    SegmentLike,
    code_of,
    parameters_of,
)
from inference.results.uids import result_uid

_DEVICE = hd.sr.CodedConcept("121007", "DCM", "Device")
_PROCEDURES = {
    "CT": Code("25045-6", "LN", "CT unspecified body region"),
    "MR": Code("25056-3", "LN", "MRI unspecified body region"),
    "CR": Code("43468-8", "LN", "XR unspecified body region"),
    "DX": Code("43468-8", "LN", "XR unspecified body region"),
}
_IMAGING = Code("363679005", "SCT", "Imaging procedure")

Group = (
    hd.sr.MeasurementsAndQualitativeEvaluations
    | hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations
    | hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations
)


def build_classification_sr(
    *,
    source_datasets: Sequence[Dataset],
    evaluations: Sequence[Evaluation],
    algorithm: Algorithm,
    identity: ResultIdentity,
    notes: Sequence[str] = (),
) -> Dataset:
    """Write a classifier's statements with their probabilities as a report.

    Parameters
    ----------
    source_datasets : the images that were classified, of one series
    evaluations : statements, each in a measurement group of its own: the answer as a qualitative
        evaluation, its probability as *Certainty of Finding* in per cent
    algorithm : the model that made them
    identity : UIDs, number and time of the new object
    notes : sentences for the reader, kept among the algorithm's parameters

    Returns
    -------
    Comprehensive 3D SR (SOP class 1.2.840.10008.5.1.4.1.1.88.34), complete and unverified

    Raises
    ------
    ResultEncodingError
        There are no statements, or a probability is outside 0 to 1.

    References
    ----------
    DICOM PS3.16 TID 1500, TID 1501, TID 4019
    """
    if not evaluations:
        raise ResultEncodingError("A classification report needs at least one statement.")
    if any(not 0.0 <= one.probability <= 1.0 for one in evaluations):
        raise ResultEncodingError("A probability lies between 0 and 1.")
    sources = prepared_sources(source_datasets)
    images = [
        hd.sr.SourceImageForMeasurementGroup(ds.SOPClassUID, ds.SOPInstanceUID) for ds in sources
    ]
    groups = [
        hd.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(
                uid=statement_uid(identity, number),
                identifier=f"{one.name[2]} {number}",
            ),
            algorithm_id=algorithm_item(algorithm, notes),
            qualitative_evaluations=[
                hd.sr.QualitativeEvaluation(name=code_of(one.name), value=code_of(one.value))
            ],
            measurements=[
                hd.sr.Measurement(
                    name=code_of(CERTAINTY),
                    value=round(one.probability * 100.0, 2),
                    unit=code_of(PERCENT),
                )
            ],
            source_images=images,
        )
        for number, one in enumerate(evaluations, start=1)
    ]
    return report_of(sources, sources, groups, algorithm, identity)


def build_measurement_sr(
    *,
    source_datasets: Sequence[Dataset],
    seg: Dataset,
    seg_identity: ResultIdentity,
    segments: Sequence[SegmentLike],
    measurements: Sequence[MeasurementLike],
    algorithm: Algorithm,
    identity: ResultIdentity,
    notes: Sequence[str] = (),
) -> Dataset:
    """Write what was measured on the segments of a segmentation as a report that refers to it.

    Parameters
    ----------
    source_datasets : the images that were segmented, of one series
    seg : the segmentation, from `inference.results.seg.build_seg`
    seg_identity : its identity; tracking UIDs are the same in both objects
    segments : its segments
    measurements : numbers, one group a segment that has any
    algorithm : the model that made them
    identity : UIDs, number and time of the new object
    notes : sentences for the reader, kept among the algorithm's parameters

    Returns
    -------
    Comprehensive 3D SR (SOP class 1.2.840.10008.5.1.4.1.1.88.34), complete and unverified

    Raises
    ------
    ResultEncodingError
        There are no measurements.

    References
    ----------
    DICOM PS3.16 TID 1500, TID 1411, TID 4019
    """
    sources = prepared_sources(source_datasets)
    groups = []
    for segment in segments:
        numbers = [one for one in measurements if one.segment_number == segment.number]
        if numbers:
            tracking = tracking_of(seg_identity, segment)
            groups.append(
                _segment_group(sources, seg, segment, numbers, tracking, algorithm, notes)
            )
    if not groups:
        raise ResultEncodingError("A measurement report needs at least one measurement.")
    return report_of(sources, [*sources, seg], groups, algorithm, identity)


def _segment_group(
    sources: Sequence[Dataset],
    seg: Dataset,
    segment: SegmentLike,
    numbers: Sequence[MeasurementLike],
    tracking: tuple[str, str],
    algorithm: Algorithm,
    notes: Sequence[str],
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=tracking[0], identifier=tracking[1]),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=seg.SOPClassUID,
            sop_instance_uid=seg.SOPInstanceUID,
            segment_number=segment.number,
            source_series=hd.sr.SourceSeriesForSegmentation(sources[0].SeriesInstanceUID),
        ),
        finding_category=code_of(segment.category),
        finding_type=code_of(segment.property_type),
        algorithm_id=algorithm_item(algorithm, notes),
        measurements=[
            hd.sr.Measurement(
                name=code_of(one.name),
                value=round(one.value, 4),
                unit=code_of(one.unit),
                derivation=code_of(one.derivation) if one.derivation else None,
            )
            for one in numbers
        ],
    )


def statement_uid(identity: ResultIdentity, number: int) -> str:
    """Return the tracking UID of a statement or a detection, equal in SR and in the findings.

    Parameters
    ----------
    identity : of the report
    number : the statement's, from 1

    Returns
    -------
    UID
    """
    return result_uid(identity.sop_instance_uid, "statement", str(number))


def algorithm_item(algorithm: Algorithm, notes: Sequence[str]) -> hd.sr.AlgorithmIdentification:
    """Return what a measurement group says of the model.

    Parameters
    ----------
    algorithm : the model
    notes : sentences for the reader

    Returns
    -------
    content items after TID 4019
    """
    return hd.sr.AlgorithmIdentification(
        name=algorithm.name,
        version=algorithm.version,
        family=code_of(algorithm.family),
        manufacturer=MANUFACTURER,
        parameters=parameters_of(algorithm, notes),
    )


def report_of(
    sources: Sequence[Dataset],
    evidence: Sequence[Dataset],
    groups: Sequence[Group],
    algorithm: Algorithm,
    identity: ResultIdentity,
) -> Dataset:
    """Return a complete, unverified report of measurement groups.

    Parameters
    ----------
    sources : prepared headers of the images it is about
    evidence : these and what else the groups refer to
    groups : at least one
    algorithm : the model
    identity : UIDs, number and time of the new object

    Returns
    -------
    Comprehensive 3D SR

    Raises
    ------
    ResultEncodingError
        highdicom refuses it.
    """
    observer = hd.sr.ObserverContext(
        observer_type=_DEVICE,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=result_uid(algorithm.name, algorithm.version, algorithm.digest),
            name=algorithm.name,
            manufacturer_name=MANUFACTURER,
            model_name=algorithm.name,
            serial_number=algorithm.digest,
        ),
    )
    try:
        content = hd.sr.MeasurementReport(
            observation_context=hd.sr.ObservationContext(observer_device_context=observer),
            procedure_reported=_PROCEDURES.get(str(sources[0].get("Modality")), _IMAGING),
            imaging_measurements=groups,
        )
        result = hd.sr.Comprehensive3DSR(
            evidence=evidence,
            content=content,
            series_instance_uid=identity.series_instance_uid,
            series_number=identity.series_number,
            sop_instance_uid=identity.sop_instance_uid,
            instance_number=1,
            manufacturer=MANUFACTURER,
            is_complete=True,
            is_final=False,
            specific_character_set="ISO_IR 192",
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultEncodingError(f"The report can't be encoded: {error}") from error
    _set_apart(result)
    result.ManufacturerModelName = algorithm.name[:64]
    result.SoftwareVersions = algorithm.version[:64]
    result.DeviceSerialNumber = algorithm.digest[:64]
    return finish_result(result, sources[0], identity)


def _set_apart(container: Dataset) -> None:
    """Say that content items are read one by one: as running text, viewers leave out their names.

    References
    ----------
    DICOM PS3.3 C.18.8.1 Continuity of Content
    """
    container.ContinuityOfContent = "SEPARATE"
    for item in container.get("ContentSequence", []):
        if item.ValueType == "CONTAINER":
            _set_apart(item)
