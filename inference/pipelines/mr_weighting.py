"""Whether an MR image is T1-weighted, as far as its header says."""

import re

from pydicom import Dataset

# What names a sequence; T2*, FLAIR and the like can stand beside T1 in a protocol's name.
_WORDS = ("SeriesDescription", "ProtocolName", "PulseSequenceName", "SequenceName")
_T1 = re.compile(r"(?<![A-Z0-9])(T1|MP-?2?RAGE|F?SPGR|BRAVO|T?FL3D)", re.IGNORECASE)
_OTHER = re.compile(
    r"(?<![A-Z0-9])(T2|PD|DWI|DTI|ADC|SWI|SWAN|TOF|BOLD|FMRI|ASL|PERF|FLAIR|EPI|LOC|SCOUT|SURVEY)",
    re.IGNORECASE,
)
# Longer echoes weigh by T2 (spin echo) or T2* (gradient echo).
_LONGEST_ECHO_MS = 25.0


def why_not_t1(ds: Dataset) -> str:
    """Say why an MR image is not taken as T1-weighted.

    Parameters
    ----------
    ds : one image of the series

    Returns
    -------
    One sentence; empty where the image's names or its echo time say that it is T1-weighted. The
    names are believed before the times.

    References
    ----------
    DICOM PS3.3 C.8.3.1 (MR Image), C.8.13.5.8 (MR Echo Macro's echo time, enhanced images)
    """
    names = " ".join(str(ds.get(keyword) or "") for keyword in _WORDS)
    if _T1.search(names):
        return ""
    if found := _OTHER.search(names):
        return f"The model is for T1-weighted images; the series is named {found[1].upper()}."
    echo, repetition = _number(ds, "EchoTime"), _number(ds, "RepetitionTime")
    inversion = _number(ds, "InversionTime")
    if echo is None or (repetition is None and inversion is None):
        return "The model is for T1-weighted images; the series doesn't say that it is one."
    is_short = repetition is not None and repetition <= 1000.0
    if echo > _LONGEST_ECHO_MS or not (is_short or (inversion is not None and inversion < 1300.0)):
        return "The model is for T1-weighted images; by its times the series is none."
    return ""


def _number(ds: Dataset, keyword: str) -> float | None:
    try:
        return float(ds.get(keyword) or 0) or None
    except (TypeError, ValueError):
        return None
