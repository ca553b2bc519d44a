"""Faces are taken off heads, however they were scanned, and brains are not."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from pydicom.uid import CTImageStorage, EnhancedMRImageStorage, generate_uid
from scipy import ndimage

from archive.deid.engine import deidentify
from archive.deid.face_surface import face_mask, head_mask
from archive.deid.faces import find_face, may_show_face
from archive.deid.pixels import clean_pixels
from archive.deid.profiles import BASIC
from archive.deid.pseudonyms import Pseudonyms, derive_secret
from archive.dicom.pixels import decode_frame
from archive.errors import ArchiveError, NotAcceptableError
from tests.builders.datasets import make_dataset

SPACING = 4.0
SIZE = (60, 64, 52)  # feet to head, front to back, right to left


def _ellipsoid(middle_mm, radii_mm):
    axes = [(np.arange(count) + 0.5) * SPACING for count in SIZE]
    grid = np.meshgrid(*axes, indexing="ij")
    parts = zip(grid, middle_mm, radii_mm, strict=True)
    return sum(((axis - middle) / radius) ** 2 for axis, middle, radius in parts) <= 1


def phantom():
    """Return a head of simple bodies in HU, its nose and ears, and its brain; axes S, P, L."""
    skull = _ellipsoid((145, 130, 104), (85, 92, 75))
    jaw = _ellipsoid((75, 100, 104), (70, 62, 52))
    neck = _ellipsoid((20, 140, 104), (60, 50, 50))
    nose = _ellipsoid((105, 40, 104), (22, 24, 12))
    brain = _ellipsoid((158, 132, 104), (62, 76, 62))
    # One stands off as a thick body, the other is as thin as cartilage is.
    ears = _ellipsoid((100, 140, 34), (30, 17, 13)) | _ellipsoid((100, 140, 174), (30, 17, 5))
    volume = np.where(skull | jaw | neck | nose | ears, 40, -1000).astype(np.int16)
    volume[brain] = 35
    return volume, (nose | ears) & ~(skull | jaw), brain


def slices(volume_spl, plane="axial", **attributes):
    """Cut a volume of axes S, P, L into DICOM images of a plane."""
    axes, orientation, step = {
        "axial": ((0, 1, 2), [1, 0, 0, 0, 1, 0], (0, 0, 1)),
        "sagittal": ((2, 0, 1), [0, 1, 0, 0, 0, -1], (1, 0, 0)),
        "coronal": ((1, 0, 2), [1, 0, 0, 0, 0, -1], (0, 1, 0)),
    }[plane]
    stack = volume_spl.transpose(axes)
    if plane != "axial":
        stack = stack[:, ::-1]
    top = (SIZE[0] - 1) * SPACING if plane != "axial" else 0.0
    series, made = generate_uid(), []
    for at, samples in enumerate(stack):
        position = [at * SPACING * part for part in step]
        position[2] += top
        made.append(
            make_dataset(
                **{
                    "SOPClassUID": CTImageStorage,
                    "SeriesInstanceUID": series,
                    "BodyPartExamined": "HEAD",
                    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
                    "Rows": samples.shape[0],
                    "Columns": samples.shape[1],
                    "PixelSpacing": [SPACING, SPACING],
                    "SliceThickness": SPACING,
                    "ImagePositionPatient": position,
                    "ImageOrientationPatient": orientation,
                    "RescaleIntercept": 0,
                    "PixelData": np.ascontiguousarray(samples).astype("<i2").tobytes(),
                }
                | attributes
            )
        )
    return made


def volume_of(datasets, plane="axial"):
    """Put images together as a volume of axes S, P, L again."""
    stack = np.stack([decode_frame(ds) for ds in datasets])
    if plane != "axial":
        stack = stack[:, ::-1]
    return stack.transpose({"axial": (0, 1, 2), "sagittal": (1, 2, 0), "coronal": (1, 0, 2)}[plane])


@pytest.mark.parametrize("plane", ["axial", "sagittal", "coronal"])
def test_nose_and_ears_go_and_brain_stays(plane):
    volume, nose, brain = phantom()
    datasets = slices(volume, plane)
    pseudonyms = Pseudonyms(derive_secret("a secret of the tests", "faces"))

    face = find_face(list(reversed(datasets)))

    cleaned = []
    for ds in datasets:
        made = deidentify(ds, BASIC, pseudonyms, subject="one").ds
        report = clean_pixels(made, face_fyx=face[ds.SOPInstanceUID])
        codes = [item.CodeValue for item in made.DeidentificationMethodCodeSequence]
        assert ("113102" in codes) is report.has_lost_face
        assert (made.get("RecognizableVisualFeatures") == "NO") is report.has_lost_face
        cleaned.append(made)
    after = volume_of(cleaned, plane)
    assert (after[nose] <= -1000).all()
    assert np.array_equal(after[brain], volume[brain])
    # What is left has no relief of a face: its front is smooth.
    front = (after[20:34, :, 20:32] > -300).argmax(axis=1)
    assert np.abs(np.diff(front, axis=1)).max() <= 2


def test_frames_of_one_instance_have_masks_of_their_own():
    volume, nose, _ = phantom()
    first, *others = slices(volume)
    frames = []
    for ds in (first, *others):
        groups = make_dataset(Rows=None)
        item = type(groups)()
        position, orientation, measures = (type(groups)() for _ in range(3))
        position.ImagePositionPatient = ds.ImagePositionPatient
        orientation.ImageOrientationPatient = ds.ImageOrientationPatient
        measures.PixelSpacing, measures.SliceThickness = ds.PixelSpacing, SPACING
        item.PlanePositionSequence = [position]
        item.PlaneOrientationSequence = [orientation]
        item.PixelMeasuresSequence = [measures]
        frames.append(item)
    enhanced = make_dataset(
        SOPClassUID=EnhancedMRImageStorage,
        Modality="MR",
        BodyPartExamined="BRAIN",
        Rows=SIZE[1],
        Columns=SIZE[2],
        NumberOfFrames=SIZE[0],
        RescaleIntercept=None,
        RescaleSlope=None,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        PerFrameFunctionalGroupsSequence=frames,
        PixelData=(volume + 1000).astype("<i2").tobytes(),
    )

    (mask,) = find_face([enhanced]).values()

    assert mask.shape == SIZE
    assert mask[nose].all()


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"BodyPartExamined": "HEAD"}, True),
        ({"BodyPartExamined": "WHOLE BODY"}, True),
        ({"BodyPartExamined": "KNEE", "StudyDescription": "Knee"}, False),
        ({"BodyPartExamined": "CHEST", "StudyDescription": "CT Kopf und Thorax"}, True),
        ({"Modality": "MR"}, True),
        ({"Modality": "US", "BodyPartExamined": "HEAD"}, False),
    ],
)
def test_may_show_face(attributes, expected):
    assert may_show_face(make_dataset(**attributes)) is expected


def test_no_face_where_there_is_no_head():
    volume, _, _ = phantom()
    block = np.full(SIZE, -1000, np.int16)
    block[:, 10:50, 6:46] = 40
    unsaid = {"BodyPartExamined": None, "StudyDescription": None}

    assert find_face(slices(volume)[:5]) == {}
    assert find_face(slices(block, **unsaid)) == {}
    assert len(find_face(slices(volume, **unsaid))) == SIZE[0]


def test_head_that_is_no_regular_volume_is_held():
    volume, _, _ = phantom()
    datasets = slices(volume)
    unsaid = slices(volume, BodyPartExamined=None, StudyDescription=None)

    with pytest.raises(NotAcceptableError) as caught:
        find_face(datasets[:20] + datasets[27:])
    assert caught.value.code == "face-unclear"
    assert find_face(unsaid[:20] + unsaid[27:]) == {}
    datasets[7].ImagePositionPatient = [0, 0]
    with pytest.raises(ArchiveError):
        find_face(datasets)


def test_phases_at_the_same_places_lose_their_faces_too():
    volume, nose, _ = phantom()
    early, late = slices(volume), slices(volume + 5)

    face = find_face([one for pair in zip(early, late, strict=True) for one in pair])

    assert len(face) == 2 * SIZE[0]
    for phase in (early, late):
        mask = np.concatenate([face[ds.SOPInstanceUID] for ds in phase])
        assert mask[nose].all()


def test_where_the_vertex_is_missing_only_skin_is_taken():
    volume, nose, brain = phantom()
    head = head_mask(volume[:44].astype(np.float32), is_hounsfield=True)

    mask = face_mask(head, (SPACING,) * 3, must_look_like_head=False)

    assert mask is not None
    assert mask[nose[:44]].all()
    assert not mask[brain[:44]].any()


def test_real_head_loses_its_face_and_no_brain(shared_data):
    """A T1 of a person: eyes, nose and ears go; of the largest piece of brain nothing does."""
    content = (shared_data / "segmentation" / "mr_t1_head" / "image.nii.gz").read_bytes()
    samples = np.frombuffer(gzip.decompress(content)[352:], np.uint8).reshape(256, 256, 256)
    # NIfTI: i fastest; i runs to the left, j to the feet, k to the front.
    volume = samples.transpose(1, 0, 2)[::-1, ::-1, :]
    coarse = volume[::2, ::2, ::2].astype(np.float32)

    head = head_mask(coarse, is_hounsfield=False)
    mask = face_mask(head, (2.0, 2.0, 2.0), must_look_like_head=True)

    assert mask is not None
    tissue = ndimage.binary_erosion((coarse > 55) & (coarse < 140), iterations=3)
    labels, _ = ndimage.label(tissue)
    brain = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    brain = ndimage.binary_dilation(brain, iterations=3) & (coarse > 50)
    assert brain.sum() * 8 > 900_000
    assert not (mask & brain).any()
    # The foremost 15 mm of the head at the height of the nose are gone.
    level = int(np.flatnonzero(head.any(axis=(1, 2)))[-1]) - 62
    front = int(np.flatnonzero(head[level].any(axis=1))[0])
    gone = mask[level, front : front + 8] & head[level, front : front + 8]
    assert gone.sum() == head[level, front : front + 8].sum()
    # And so are the ears: 8 mm and more of each side.
    widths = []
    for tissue in (coarse[level] > 30, (coarse[level] > 30) & ~mask[level]):
        columns = np.flatnonzero(tissue.any(axis=0))
        widths.append((columns[0], columns[-1]))
    (right, left), (right_after, left_after) = widths
    assert min(right_after - right, left - left_after) * 2.0 >= 8
