"""Data sets to Part 10 bytes."""

from io import BytesIO

from pydicom import Dataset
from pydicom.filewriter import dcmwrite

# (0008,0070) of the objects that this program makes.
OWN_MANUFACTURER = "Twinsight"


def write_part10(ds: Dataset) -> bytes:
    """Encode a data set as a DICOM file.

    Parameters
    ----------
    ds : data set with ``file_meta`` that names its transfer syntax

    Returns
    -------
    preamble, file meta information and data set (PS3.10 7.1)

    Raises
    ------
    ValueError
        The file meta information lacks what the standard requires.
    """
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()
