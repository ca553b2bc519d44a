"""Verified reports as ORU^R01: the text, and the study it is about (HL7 v2.5.1 chapter 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from archive.dicom.report_text import report_as_text
from archive.hl7.answering import escaped

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

KIND = "ORU^R01"
_REPORT = "18748-4^Diagnostic imaging report^LN"
_STUDY = "113014^DICOM Study^DCM"
_MAX_LINES = 500


def result_message(ds: Dataset, control_id: str) -> bytes:
    """Write a verified structured report as a message.

    Parameters
    ----------
    ds
        the report, as it is served
    control_id
        the same for each attempt, so that the receiver knows it again
    """

    def said(keyword: str, limit: int = 200) -> str:
        return escaped(str(ds.get(keyword) or "")[:limit])

    now = timezone.now().strftime("%Y%m%d%H%M%S+0000")
    name = escaped(str(ds.get("PatientName") or "").split("=")[0]).replace("\\S\\", "^")
    moment = said("ContentDate") + said("ContentTime").split(".")[0]
    head = ["MSH", "^~\\&", settings.TWINSIGHT_AE_TITLE, "TWINSIGHT", "", "", now, ""]
    segments = [
        "|".join([*head, f"{KIND}^ORU_R01", control_id, "P", "2.5.1"] + [""] * 5)
        + "|UNICODE UTF-8",
        (
            f"PID|1||{said('PatientID')}^^^{said('IssuerOfPatientID')}||{name}||"
            f"{said('PatientBirthDate')}|{said('PatientSex')}"
        ),
        f"OBR|1||{said('AccessionNumber')}|{said('StudyID')}^{said('StudyDescription')}^L|||"
        f"{moment}" + "|" * 18 + "F",
        f"OBX|1|ST|{_STUDY}||{said('StudyInstanceUID')}||||||F",
    ]
    lines = [line for line in report_as_text(ds).splitlines() if line.strip()][:_MAX_LINES]
    segments += [
        f"OBX|{number}|TX|{_REPORT}|{number - 1}|{escaped(line[:1000])}||||||F"
        for number, line in enumerate(lines, start=2)
    ]
    return ("\r".join(segments) + "\r").encode()
