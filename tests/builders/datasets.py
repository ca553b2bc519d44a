"""Build small, valid DICOM data sets and files from arguments."""

import io
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

ROWS, COLUMNS = 16, 12


def make_dataset(*, transfer_syntax: str = ExplicitVRLittleEndian, **attrs: Any) -> Dataset:
    """Return a CT instance of 16 x 12 pixels; keywords add, replace, or with None remove.

    Each call makes new study, series and SOP instance UIDs unless they are given. Without
    PixelData the pixels are a ramp that fits Rows, Columns, BitsAllocated and the like.
    """
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.PatientID = "TEST-1"
    ds.PatientName = "Doe^Jane"
    ds.PatientBirthDate = "19700131"
    ds.PatientSex = "F"
    ds.StudyDate = "20240229"
    ds.StudyTime = "101530"
    ds.StudyDescription = "Thorax"
    ds.StudyID = "1"
    ds.AccessionNumber = "ACC-1"
    ds.Modality = "CT"
    ds.SeriesNumber = 1
    ds.InstanceNumber = 1
    ds.ImagePositionPatient = [0, 0, 0]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [0.5, 0.5]
    ds.SliceThickness = 1
    describe_pixels(ds)
    for keyword, value in attrs.items():
        if value is not None:
            setattr(ds, keyword, value)
        elif keyword in ds:
            delattr(ds, keyword)
    if "PixelData" not in attrs and "Rows" in ds:
        ds.PixelData = ramp_pixels(ds)
    if "PixelData" in ds:
        ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = transfer_syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CTImageStorage)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", generate_uid())
    return ds


def describe_pixels(ds: Dataset) -> None:
    """Give a data set the Image Pixel module of a signed 16-bit CT slice."""
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
    ds.PixelRepresentation = 1
    ds.RescaleIntercept, ds.RescaleSlope = -1024, 1


def ramp_pixels(ds: Dataset) -> bytes:
    """Return native pixel data whose samples count up from zero, within the bits stored."""
    frames = int(ds.get("NumberOfFrames") or 1)
    count = ds.Rows * ds.Columns * ds.get("SamplesPerPixel", 1) * frames
    limit = 1 << (ds.get("BitsStored", ds.BitsAllocated) - ds.get("PixelRepresentation", 0))
    samples = np.arange(count, dtype=np.int64) % limit
    if ds.BitsAllocated == 1:
        return np.packbits(samples.astype(np.uint8), bitorder="little").tobytes()
    data = samples.astype(f"<u{ds.BitsAllocated // 8}").tobytes()
    return data + b"\0" * (len(data) % 2)


def as_part10(ds: Dataset) -> bytes:
    """Return the bytes of a DICOM file (PS3.10) with preamble and file meta information."""
    buffer = io.BytesIO()
    syntax = ds.file_meta.TransferSyntaxUID
    is_implicit = syntax == ImplicitVRLittleEndian
    is_little = syntax != "1.2.840.10008.1.2.2"
    dcmwrite(
        buffer,
        ds,
        enforce_file_format=True,
        implicit_vr=is_implicit,
        little_endian=is_little,
    )
    return buffer.getvalue()
