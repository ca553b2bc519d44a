"""Faces in volumes of heads: found by a classical surface, no network."""

from __future__ import annotations

from collections import defaultdict
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from archive.deid.identifiers import UNREADABLE
from archive.dicom.geometry import slice_normal
from archive.dicom.image_pixel import describe_pixels
from archive.dicom.pixels import decode_frame
from archive.dicom.stacking import places_of, stack_of
from archive.errors import InvalidInstanceError, NotAcceptableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from pydicom.dataset import Dataset

    from archive.dicom.stacking import Stack

    Mask = npt.NDArray[np.bool_]

FACE_MODALITIES = frozenset({"CT", "MR"})
_PARTS = frozenset(
    {
        "BRAIN", "CSKULL", "EYE", "FACE", "FACIAL", "HEAD", "HEADNECK", "HEADANDNECK", "IAC", "JAW",
        "MANDIBLE", "MAXILLA", "NECK", "NOSE", "ORBIT", "PITUITARY", "SELLA", "SINUS", "SKULL",
        "TEMPORALBONE", "TMJ", "WHOLEBODY",
    }
)  # fmt: skip
_WORDS = (
    "brain", "cerebr", "cran", "face", "facial", "head", "hirn", "kopf", "neuro", "orbit",
    "schadel", "schädel", "sinus", "skull",
)  # fmt: skip
_DESCRIPTIONS = ("StudyDescription", "SeriesDescription", "ProtocolName")
# From fewer and thicker slices no surface is rebuilt.
_LEAST_FRAMES, _THICKEST_MM = 8, 8.0
# The surface is looked for at about this spacing.
_COARSE_MM = 2.0


def may_show_face(ds: Dataset) -> bool:
    """Whether an image belongs to a volume from which a face may be rebuilt: CT or MR of a head.

    Parameters
    ----------
    ds
        the data set as stored; pixels are not needed

    Returns
    -------
    true also where nothing says which part of the body it is
    """
    modality = str(ds.get("Modality", "")).strip().upper()
    return modality in FACE_MODALITIES and "Rows" in ds and (_is_said(ds) or not _part(ds))


def find_face(datasets: Sequence[Dataset]) -> Mapping[str, Mask]:
    """Find the face in a series.

    Parameters
    ----------
    datasets
        every image of the series as stored, with pixels, in any order

    Returns
    -------
    SOP Instance UID as stored -> (frames, rows, columns), true where the face is; empty where
    the images are no volume with a face

    Raises
    ------
    PixelDecodingError
        Pixels can't be decoded.
    InvalidInstanceError
        What says where the images lie is not what it should be.
    NotAcceptableError
        ``face-unclear``: a head, but no regular volume; its face can't be looked for.

    References
    ----------
    DICOM PS3.15 E.3.2 (Clean Recognizable Visual Features)
    """
    found: dict[str, Mask] = {}
    try:
        for group in _groups(datasets):
            found.update(_face_in(group))
    except UNREADABLE as error:
        raise InvalidInstanceError("Where the images of a head lie can't be read.") from error
    return found


def _face_in(datasets: Sequence[Dataset]) -> dict[str, Mask]:
    first = datasets[0]
    frames = sum(describe_pixels(ds).frames for ds in datasets)
    if frames < _LEAST_FRAMES or _thickness_mm(first) > _THICKEST_MM:
        return {}
    try:
        stack = stack_of(datasets, skips_repeated=True)
    except NotAcceptableError as error:
        if not _is_said(first):
            return {}
        message = "These images of a head are no regular volume: its face can't be looked for."
        raise NotAcceptableError(message, code="face-unclear") from error
    return _face_of(datasets, stack) if len(stack.places) >= _LEAST_FRAMES else {}


def _thickness_mm(ds: Dataset) -> float:
    return float(ds.get("SpacingBetweenSlices") or ds.get("SliceThickness") or 0.0)


def _part(ds: Dataset) -> str:
    return "".join(str(ds.get("BodyPartExamined") or "").upper().split())


def _is_said(ds: Dataset) -> bool:
    if _part(ds) in _PARTS:
        return True
    texts = " ".join(str(ds.get(keyword) or "") for keyword in _DESCRIPTIONS).casefold()
    return any(word in texts for word in _WORDS)


def _groups(datasets: Sequence[Dataset]) -> list[list[Dataset]]:
    """Take apart what shares a series but no volume: orientations, sizes."""
    groups: dict[tuple[str, ...], list[Dataset]] = defaultdict(list)
    for ds in datasets:
        if "PixelData" not in ds or "Rows" not in ds:
            continue
        turned = [str(round(float(part), 2)) for part in ds.get("ImageOrientationPatient") or []]
        keywords = ("Rows", "Columns")
        groups[*turned, *(str(ds.get(keyword, "")) for keyword in keywords)].append(ds)
    return list(groups.values())


def _face_of(datasets: Sequence[Dataset], stack: Stack) -> dict[str, Mask]:
    # Rules about images are asked in every process, their voxels in few: scipy is for these.
    from archive.deid.face_surface import face_mask, head_mask  # noqa: PLC0415

    rows, columns = int(datasets[0].Rows), int(datasets[0].Columns)
    spacing = np.linalg.norm(stack.affine_lps[:3, :3], axis=0)
    # Of columns, rows and slices.
    steps = [max(1, round(_COARSE_MM / one)) for one in spacing]
    volume = _coarse_volume(datasets, stack, steps)
    coarse_mm = spacing * steps
    order, flips = _axes(stack.affine_lps)
    turned = np.flip(volume.transpose(order), flips)
    # The axes of the volume are slices, rows, columns; those of the affine the other way round.
    turned_mm = tuple(float(coarse_mm[2 - axis]) for axis in order)
    first = datasets[0]
    is_hounsfield = str(first.get("Modality", "")).strip().upper() == "CT"
    head = head_mask(turned, is_hounsfield=is_hounsfield)
    face = face_mask(
        head,
        (turned_mm[0], turned_mm[1], turned_mm[2]),
        must_look_like_head=not _is_said(first),
    )
    if face is None or not face.any():
        return {}
    back = np.flip(face, flips).transpose(np.argsort(order))
    return _fine_masks(datasets, stack, back, (steps[1], steps[0], steps[2]), (rows, columns))


def _coarse_volume(
    datasets: Sequence[Dataset], stack: Stack, steps: Sequence[int]
) -> npt.NDArray[np.float32]:
    sections = []
    for place in stack.places[:: steps[2]]:
        samples = decode_frame(datasets[place.dataset], place.frame)[:: steps[1], :: steps[0]]
        sections.append(samples.astype(np.float32) * place.slope + place.intercept)
    return np.stack(sections)


def _axes(affine_lps: npt.NDArray[np.float64]) -> tuple[list[int], tuple[int, ...]]:
    """Return how slices, rows and columns become feet-head, front-back and right-left."""
    # Rows: S, P, L; columns: slices, rows, columns.
    directions = affine_lps[[2, 1, 0], :3][:, ::-1]
    directions = directions / np.linalg.norm(directions, axis=0)
    # Each axis of the body takes one of the image, so that together they are nearest.
    order = list(
        max(permutations(range(3)), key=lambda axes: np.abs(directions)[range(3), axes].sum())
    )
    flips = tuple(at for at, axis in enumerate(order) if directions[at, axis] < 0)
    return order, flips


def _fine_masks(
    datasets: Sequence[Dataset],
    stack: Stack,
    face: Mask,
    steps: tuple[int, int, int],
    size: tuple[int, int],
) -> dict[str, Mask]:
    masks: dict[str, Mask] = {}
    normal = slice_normal(stack.places[0].orientation)
    levels = np.array([float(np.dot(normal, place.position)) for place in stack.places])
    for place in places_of(datasets):
        # Also of frames that lie where another does.
        at = int(np.abs(levels - np.dot(normal, place.position)).argmin())
        ds = datasets[place.dataset]
        coarse = face[min(at // steps[2], len(face) - 1)]
        fine = coarse.repeat(steps[0], axis=0).repeat(steps[1], axis=1)[: size[0], : size[1]]
        uid = str(ds.SOPInstanceUID)
        if uid not in masks:
            masks[uid] = np.zeros((describe_pixels(ds).frames, *size), np.bool_)
        masks[uid][place.frame] = fine
    return masks
