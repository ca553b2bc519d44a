"""What a person takes out of the archive from a study's page: files as they are served."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.access.study_roles import require_may_export
from archive.audit.collections import record_export
from archive.dicom.nifti import DATA_TYPES, NiftiVolume, gzipped_nifti
from archive.dicom.pixels import decode_frame
from archive.dicom.stacking import stack_of
from archive.dicom.windowing import apply_modality
from archive.errors import ArchiveError, LimitExceededError, NotAcceptableError
from archive.retrieve.datasets import load_dataset, mapped_dataset
from archive.retrieve.files import outgoing_file
from archive.retrieve.rendering import Rendering, rendered_frame
from archive.retrieve.selectors import series_instances, visible_instances, visible_series
from archive.retrieve.zipping import stream_zip

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    from django.contrib.auth.models import User

    from archive.audit.types import Asker
    from archive.dicom.stacking import Stack
    from archive.dicom.windowing import Window
    from archive.models import Instance
    from archive.models.querysets import AnyUser

MAX_PICTURES = 10_000
_UNSAFE = re.compile(r"[^A-Z0-9]+")
# The file's own values fit: stored as they are, scaled by the header.
_AS_STORED = {"uint8": "uint8", "int8": "int16", "int16": "int16", "uint16": "uint16"}


@dataclass(frozen=True)
class Download:
    """A file to send; its chunks can be read once."""

    filename: str
    content_type: str
    chunks: Iterator[bytes]


def download_study(
    user: User, study_uid: str, *, asker: Asker, series_uids: Collection[str] = ()
) -> Download:
    """Prepare a ZIP of a study's objects; the trail has it before the first byte leaves.

    Parameters
    ----------
    user
        the asker, who may take images out of the study's project
    study_uid
        Study Instance UID
    asker
        for the record
    series_uids
        only these of its series; none means all

    Returns
    -------
    a ZIP with a folder a series; names are numbers, none is out of a file

    Raises
    ------
    NotVisibleError
        There is nothing of that in the user's rights.
    NotAllowedError
        The user may look, no more.
    """
    require_may_export(user, study_uid)
    return download_for_link(user, study_uid, asker=asker, series_uids=series_uids)


def download_for_link(
    user: AnyUser,
    study_uid: str,
    *,
    asker: Asker,
    series_uids: Collection[str] = (),
    images: Mapping[str, Collection[str]] | None = None,
) -> Download:
    """Prepare the same for who may take it by something else than a role: a share link.

    Parameters
    ----------
    user, study_uid, asker, series_uids
        as for `download_study`; whether the link allows it is the caller's matter
    images
        of series that are there in part alone, the SOP Instance UIDs

    Raises
    ------
    NotVisibleError
        There is nothing of that in the user's rights.
    """
    parts = images or {}
    instances = [
        one
        for one in visible_instances(user, study_instance_uid=study_uid)
        if (not series_uids or one.series.series_instance_uid in series_uids)
        and one.sop_instance_uid
        in parts.get(one.series.series_instance_uid, (one.sop_instance_uid,))
    ]
    if not instances:
        raise NotAcceptableError(
            gettext("Nothing of this study was chosen."), code="nothing-chosen"
        )
    _record(asker, study_uid, instances, kind="dicom")
    return Download(
        f"study-{_tail(study_uid)}.zip", "application/zip", stream_zip(_files(instances))
    )


def download_pictures(
    user: User, study_uid: str, series_uid: str, *, asker: Asker, window: Window | None = None
) -> Download:
    """Prepare a ZIP of a series' frames as PNG, in the order in which they are read.

    Parameters
    ----------
    user, study_uid, asker
        as for `download_study`
    series_uid
        Series Instance UID
    window
        what they are shown in; by default the images' own

    Raises
    ------
    NotAcceptableError
        The series holds no images.
    LimitExceededError
        It has more than `MAX_PICTURES` frames.
    """
    require_may_export(user, study_uid)
    images = _images(user, study_uid, series_uid)
    frames = [
        (image, number)
        for image in images
        for number in range(1, (image.number_of_frames or 1) + 1)
    ]
    if len(frames) > MAX_PICTURES:
        raise LimitExceededError(
            gettext("A download holds up to %(most)s pictures.") % {"most": MAX_PICTURES}
        )
    _record(asker, study_uid, images, kind="png")
    name = f"series-{_tail(series_uid)}-png.zip"
    return Download(name, "application/zip", stream_zip(_pictures(frames, window)))


def download_volume(user: User, study_uid: str, series_uid: str, *, asker: Asker) -> Download:
    """Prepare a series as one NIfTI-1 file: modality values, the affine in RAS.

    Stored integers stay as they are with slope and intercept in the header where those are the
    same in all slices; else values are floats.

    Parameters
    ----------
    user, study_uid, series_uid, asker
        as for `download_pictures`

    Raises
    ------
    NotAcceptableError
        The series is no single regular volume; the message says why.
    PixelDecodingError
        Its first slice can't be decoded.
    """
    require_may_export(user, study_uid)
    images = _images(user, study_uid, series_uid)
    headers = [load_dataset(image, stop_before_pixels=True) for image in images]
    if any(int(ds.get("SamplesPerPixel", 1) or 1) != 1 for ds in headers):
        raise NotAcceptableError(
            gettext("Colour images have no values to measure."), code="no-volume"
        )
    stack = stack_of(headers)
    first = stack.places[0]
    with mapped_dataset(images[first.dataset]) as ds:
        sample = decode_frame(ds, first.frame)
    has_table = any("ModalityLUTSequence" in ds for ds in headers)
    rescale = None if has_table else stack.rescale
    dtype = _AS_STORED.get(sample.dtype.name, "float32") if rescale else "float32"
    is_stored = dtype != "float32" and dtype in DATA_TYPES
    slope, intercept = rescale if rescale is not None and is_stored else (1.0, 0.0)
    volume = NiftiVolume(
        shape=(sample.shape[1], sample.shape[0], len(stack.places)),
        affine_lps=stack.affine_lps,
        dtype=dtype,
        slope=slope,
        intercept=intercept,
        description="Twinsight",
    )
    _record(asker, study_uid, images, kind="nifti")
    slices = _slices(images, stack, is_stored=is_stored)
    name = f"series-{_tail(series_uid)}.nii.gz"
    return Download(name, "application/gzip", gzipped_nifti(volume, slices))


def _images(user: User, study_uid: str, series_uid: str) -> list[Instance]:
    series = visible_series(user, study_uid, series_uid)
    images = [one for one in series_instances(series.pk) if one.has_pixel_data]
    if not images:
        raise NotAcceptableError(gettext("The series holds no images."), code="no-image")
    return images


def _files(instances: Sequence[Instance]) -> Iterator[tuple[str, Iterator[bytes | memoryview]]]:
    missing: list[str] = []
    counts: dict[str, int] = {}
    for instance in instances:
        folder = series_folder(instance)
        counts[folder] = counts.get(folder, 0) + 1
        try:
            file = outgoing_file(instance, wanted=("*",))
        except ArchiveError as error:
            missing.append(f"{instance.sop_instance_uid}: {error.message}\n")
            continue
        yield f"{folder}/{counts[folder]:05d}.dcm", file.chunks
    if missing:
        yield "missing.txt", iter(["".join(missing).encode()])


def series_folder(instance: Instance) -> str:
    """Return a folder for an instance's series: number, modality and its key, nothing more.

    Parameters
    ----------
    instance
        with its series loaded
    """
    series = instance.series
    modality = _UNSAFE.sub("", (series.modality or "").upper())[:16] or "OT"
    number = series.series_number if series.series_number is not None else 0
    return f"{abs(number):04d}-{modality}-{series.pk}"


def _pictures(
    frames: Sequence[tuple[Instance, int]], window: Window | None
) -> Iterator[tuple[str, list[bytes]]]:
    rendering = Rendering(format="png", window=window)
    missing: list[str] = []
    for at, (image, number) in enumerate(frames, start=1):
        try:
            yield f"{at:05d}.png", [rendered_frame(image, number, rendering)]
        except ArchiveError as error:
            missing.append(f"{at:05d}: {error.message}\n")
    if missing:
        yield "missing.txt", ["".join(missing).encode()]


def _slices(
    images: Sequence[Instance], stack: Stack, *, is_stored: bool
) -> Iterator[npt.NDArray[np.generic]]:
    for place in stack.places:
        with mapped_dataset(images[place.dataset]) as ds:
            frame = decode_frame(ds, place.frame)
            yield frame if is_stored else apply_modality(frame, ds, place.frame)


def _record(asker: Asker, study_uid: str, instances: Sequence[Instance], *, kind: str) -> None:
    record_export(
        asker,
        study_instance_uid=study_uid,
        instances=len(instances),
        is_deidentified=False,
        details={"kind": kind},
    )


def _tail(uid: str) -> str:
    """Return the end of a UID: enough to tell two files apart."""
    return uid[-12:].strip(".") or "1"
