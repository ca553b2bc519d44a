"""Real DICOM files that lie in the pip packages pydicom and pynetdicom: nothing is downloaded."""

from importlib.util import find_spec
from pathlib import Path

# one file for each SOP Instance UID, sound, with a patient, worth a look
FILES: tuple[tuple[str, str], ...] = (
    ("pydicom", "data/test_files/J2K_pixelrep_mismatch.dcm"),  # CT, JPEG 2000 lossless
    ("pydicom", "data/test_files/CT_small.dcm"),  # CT
    ("pydicom", "data/test_files/MR_small.dcm"),  # MR
    ("pydicom", "data/test_files/examples_overlay.dcm"),  # MR with an overlay
    ("pydicom", "data/test_files/JPEG2000.dcm"),  # NM, JPEG 2000
    ("pydicom", "data/test_files/examples_rgb_color.dcm"),  # US, RGB
    ("pydicom", "data/test_files/examples_palette.dcm"),  # US, palette
    ("pydicom", "data/test_files/examples_ybr_color.dcm"),  # US, 30 frames, YBR
    ("pydicom", "data/test_files/liver_1frame.dcm"),  # SEG
    ("pydicom", "data/test_files/rtplan.dcm"),  # RT plan
    ("pydicom", "data/test_files/rtdose.dcm"),  # RT dose
    ("pydicom", "data/test_files/test-SR.dcm"),  # SR
    ("pydicom", "data/test_files/waveform_ecg.dcm"),  # ECG
    ("pynetdicom", "tests/dicom_files/RTImageStorage.dcm"),  # RT image
)


def packaged_files() -> list[Path]:
    """Those of the files that the installed versions of the packages bring."""
    found = []
    for package, name in FILES:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            continue
        path = Path(spec.origin).parent / name
        if path.is_file():
            found.append(path)
    return found
