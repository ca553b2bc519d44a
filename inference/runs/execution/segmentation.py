"""A series to a label map, and the label map to SEG and SR."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop

from archive.retrieve.datasets import load_dataset
from inference.bundles.states import require_runnable, runs_own_code
from inference.bundles.trust import trusted_copy
from inference.pipelines.bundle_runner import segment_with_bundle
from inference.pipelines.extents import extent_measurements
from inference.pipelines.segmentation import segment_ct
from inference.pipelines.volumes import read_volume
from inference.results.seg import build_seg, do_overlap, tracking_of
from inference.results.sr import build_measurement_sr
from inference.results.types import SegmentationType
from inference.runs.execution.devices import exports_folder, on_device, with_note
from inference.runs.execution.inputs import image_instances
from inference.runs.execution.storing import algorithm_of, identity_of, store_once
from inference.runs.timing import RUN_SOFT_LIMIT_S
from inference.runs.types import FindingValue, RunOutcome

if TYPE_CHECKING:
    from pydicom import Dataset

    from inference.models import Run
    from inference.pipelines.types import Measurement, SegmentationResult, Volume
    from inference.results.types import ResultIdentity

# Inside the run's own time limit, so that a slow bundle ends with a reason.
BUNDLE_LIMIT_S = RUN_SOFT_LIMIT_S - 120


def run_ct_segmentation(run: Run) -> RunOutcome:
    """Segment body, bone and lung.

    Raises
    ------
    UnsupportedInputError
        The series is no regular CT volume.
    """
    volume = read_run_volume(run)
    return store_segmentation(run, volume, segment_ct(volume))


def run_bundle_segmentation(run: Run) -> RunOutcome:
    """Run a MONAI bundle: its own code where an admin trusted it, else its allowed parts only.

    Raises
    ------
    BundleNotTrustedError
        Nobody trusted its code, or its files changed since.
    UnsupportedInputError
        The series is no regular volume.
    """
    version = run.model_version
    require_runnable(version)
    own_code = runs_own_code(version)
    with trusted_copy(Path(version.bundle_path), version.digest) as bundle:
        volume = read_run_volume(run)
        done = on_device(
            version,
            lambda device, _batch: segment_with_bundle(
                bundle,
                volume,
                device,
                timeout_s=BUNDLE_LIMIT_S,
                is_trusted=own_code,
                exports=exports_folder(),
            ),
        )
        return store_segmentation(run, volume, with_note(done))


def read_run_volume(run: Run) -> Volume:
    """Read the series of a run as one volume.

    Raises
    ------
    UnsupportedInputError
        It is no regular one.
    """
    return read_volume([load_dataset(row) for row in image_instances(run.series)])


def store_segmentation(run: Run, volume: Volume, result: SegmentationResult) -> RunOutcome:
    """Store a label map as SEG, what was measured on it as SR, and say what was found."""
    if not result.segments or not result.mask_zyx.any():
        message = " ".join(result.notes) or gettext_noop("Nothing was found.")
        return RunOutcome(device=result.device, message=message)
    result = replace(
        result,
        measurements=(
            *result.measurements,
            *extent_measurements(result.mask_zyx, result.segments, volume),
        ),
    )
    algorithm = algorithm_of(run, device=result.device)
    title = run.model_version.name
    seg_identity = identity_of(run, "seg", f"{title}: segmentation")
    seg, note = _build_seg(run, volume, result, seg_identity)
    notes = (*result.notes, note) if note else result.notes
    sr_identity = identity_of(run, "sr", f"{title}: measurements")
    outputs = {"seg": store_once(run, seg_identity, lambda: seg)}
    outputs["sr"] = store_once(
        run,
        sr_identity,
        lambda: build_measurement_sr(
            source_datasets=volume.datasets,
            seg=seg,
            seg_identity=seg_identity,
            segments=result.segments,
            measurements=result.measurements,
            algorithm=algorithm,
            identity=sr_identity,
            notes=notes,
        ),
    )
    return RunOutcome(
        device=result.device,
        message=" ".join(notes),
        findings=_findings(result, seg_identity),
        outputs=outputs,
    )


def _build_seg(
    run: Run, volume: Volume, result: SegmentationResult, identity: ResultIdentity
) -> tuple[Dataset, str]:
    """Encode as the registry wants it; a note says why not, where that can't be."""
    wanted = str(run.model_version.config.get("segmentation_type") or SegmentationType.BINARY)
    kind = SegmentationType(wanted) if wanted in list(SegmentationType) else SegmentationType.BINARY
    note = ""
    if kind is SegmentationType.LABELMAP and do_overlap(result.mask_zyx, result.segments):
        kind = SegmentationType.BINARY
        note = "Segments overlap, so they are stored one by one and not as a label map."
    seg = build_seg(
        source_datasets=volume.datasets,
        mask_zyx=result.mask_zyx,
        segments=result.segments,
        algorithm=algorithm_of(run, device=result.device),
        identity=identity,
        frame_order=volume.frame_order,
        segmentation_type=kind,
        probability_zyxc=result.probability_zyxc,
    )
    return seg, note


def _findings(result: SegmentationResult, identity: ResultIdentity) -> tuple[FindingValue, ...]:
    segments = {segment.number: segment for segment in result.segments}
    return tuple(
        FindingValue(
            kind="measurement",
            name=_name_of(one),
            label=segments[one.segment_number].label,
            value=round(one.value, 3),
            unit=one.unit[0],
            tracking_uid=tracking_of(identity, segments[one.segment_number])[0],
        )
        for one in result.measurements
        if one.segment_number in segments
    )


def _name_of(measurement: Measurement) -> str:
    how = f"{measurement.derivation[2]} " if measurement.derivation else ""
    return f"{how}{measurement.name[2]}"[:64]
