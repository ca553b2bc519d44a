"""Wrap a volume as a DICOM MR series, one file a slice."""

from pathlib import Path

import nibabel
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid


def make_mr_series(array_zyx, affine_lps, **attrs) -> list[Dataset]:
    """Return one MR instance a slice of a (slices, rows, columns) array of non-negative numbers.

    `affine_lps` maps (column, row, slice) to mm. Values are scaled to 12 bits without rescale, as
    scanners do.
    """
    array = np.asarray(array_zyx, dtype=np.float64)
    stored = np.rint(array / max(array.max(), 1e-9) * 4095).astype("<u2")
    column, row, step = (affine_lps[:3, axis] for axis in range(3))
    shared = {
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "FrameOfReferenceUID": generate_uid(),
        "PixelSpacing": [np.linalg.norm(row), np.linalg.norm(column)],
        "ImageOrientationPatient": [
            *(column / np.linalg.norm(column)),
            *(row / np.linalg.norm(row)),
        ],
        "SliceThickness": np.linalg.norm(step),
    } | attrs
    return [
        _slice(plane, index, affine_lps[:3, 3] + index * step, shared)
        for index, plane in enumerate(stored)
    ]


def read_nifti_lps(path: Path):
    """Return a NIfTI image as (slices, rows, columns) in axial LPS order, and its LPS affine."""
    image = nibabel.as_closest_canonical(nibabel.load(path))
    # RAS to LPS: first two axes backwards, their origin at the other end.
    array = np.asarray(image.dataobj)[::-1, ::-1]
    affine = np.array(image.affine, dtype=np.float64)
    affine[:3, 3] += affine[:3, 0] * (array.shape[0] - 1) + affine[:3, 1] * (array.shape[1] - 1)
    affine[:3, :2] *= -1
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    return array.transpose(2, 1, 0), affine


def _slice(plane, index, position, shared) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = generate_uid()
    ds.PatientID = "TEST-MR"
    ds.PatientName = "Template^Brain"
    ds.PatientBirthDate = ""
    ds.PatientSex = "O"
    ds.StudyDate = "20240229"
    ds.StudyTime = "101530"
    ds.StudyID = "1"
    ds.AccessionNumber = ""
    ds.ReferringPhysicianName = ""
    ds.Modality = "MR"
    ds.SeriesNumber = 1
    ds.InstanceNumber = index + 1
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    ds.ScanningSequence = "GR"
    ds.SequenceVariant = "NONE"
    ds.ImagePositionPatient = [round(float(number), 6) for number in position]
    for keyword, value in shared.items():
        setattr(ds, keyword, _rounded(value))
    ds.Rows, ds.Columns = plane.shape
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = plane.tobytes()
    ds["PixelData"].VR = "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def _rounded(value):
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return [round(float(number), 6) for number in value]
    return round(float(value), 6)
