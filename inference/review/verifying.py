"""Reports that a person verified, stored through the ordinary ingest as successors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from archive.dicom.writing import write_part10
from archive.errors import InvalidRequestError
from archive.ingest.services import ingest_files
from archive.ingest.spooling import spool_stream
from archive.ingest.types import IncomingFile, Origin
from archive.models import Instance
from archive.retrieve.datasets import load_dataset
from inference.errors import ResultEncodingError
from inference.results.uids import result_uid
from inference.results.verifying import Change, verified_successor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.contrib.auth.models import User
    from pydicom import Dataset

    from archive.audit.types import Asker
    from inference.models import Finding, Run
    from inference.results.types import CodeTriple
    from inference.review.types import Correction

# Roles of a run's outputs that are reports.
REPORTS = ("sr", "sr3d")
_UID_OF_TRACKING = 0x0040A124
_CODE = ("code", "scheme", "meaning")
# Of Code Value (0008,0100).
_LONGEST_CODE = 16
_NOT_IN_NAMES = str.maketrans(dict.fromkeys("^=\\", " "))


def store_successors(
    *, asker: Asker, reviewer: User, run: Run, corrections: Sequence[Correction], when: datetime
) -> list[str]:
    """Store what the reviewer verified of the run's reports; return the new SOP Instance UIDs.

    Raises
    ------
    InvalidRequestError
        Nothing would be left of a report, or it can't say what the reviewer says.
    StorageError
        The archive could not do its part; nothing was stored.
    """
    changes = _changes(run, corrections)
    uids = [str(run.outputs[kind]) for kind in REPORTS if run.outputs.get(kind)]
    rows = Instance.objects.select_related("blob", "series").filter(sop_instance_uid__in=uids)
    stored = []
    for row in rows.order_by("pk"):
        report = load_dataset(row)
        successor = _successor(report, reviewer, run, changes, when)
        successor.SeriesNumber = (row.series.series_number or 9000) + 1
        title = row.series.series_description or run.model_version.name
        successor.SeriesDescription = f"{title[:54]}, verified"
        _store(asker, reviewer, successor)
        stored.append(str(successor.SOPInstanceUID))
    return stored


def _successor(
    report: Dataset, reviewer: User, run: Run, changes: Sequence[Change], when: datetime
) -> Dataset:
    held = {str(one.value) for one in report.iterall() if one.tag == _UID_OF_TRACKING}
    try:
        return verified_successor(
            report,
            dicom_name(reviewer),
            _organization(run),
            when,
            [change for change in changes if change.tracking_uid in held],
            series_instance_uid=result_uid(
                str(report.SOPInstanceUID), "verified series", str(reviewer.pk), when.isoformat()
            ),
        )
    except ResultEncodingError as error:
        raise InvalidRequestError(error.message) from error


def dicom_name(user: User) -> str:
    """Return a person's name as DICOM writes it, by their account name where they gave none."""
    family, given = (part.translate(_NOT_IN_NAMES).strip() for part in _names(user))
    return (f"{family}^{given}" if given else family)[:64] or "Unknown"


def _names(user: User) -> tuple[str, str]:
    return (user.last_name, user.first_name) if user.last_name else (user.get_username(), "")


def _organization(run: Run) -> str:
    """Return who the reviewer answers to: the site's name, else the images' institution."""
    project = run.study.projects.order_by("pk").values_list("name", flat=True).first()
    return settings.TWINSIGHT_ORGANIZATION or run.series.institution_name or project or "Not stated"


def _changes(run: Run, corrections: Sequence[Correction]) -> list[Change]:
    findings = list(run.findings.order_by("pk"))
    uids = _tracking_uids(run, findings)
    names = {finding.pk: finding for finding in findings}
    made: dict[tuple[str, str], Change] = {}
    for one in corrections:
        finding = names[one.finding]
        uid = uids.get(one.finding, "")
        name = finding.name if finding.kind == "measurement" else ""
        if one.is_removed:
            made[uid, name] = Change(tracking_uid=uid, name=name, is_removed=True)
        else:
            made[uid, finding.name] = Change(
                tracking_uid=uid,
                name=name,
                label=one.label,
                value=one.value,
                code=_code_of(run, one.label),
            )
    gone = {uid for (uid, name), change in made.items() if change.is_removed and not name}
    return [one for one in made.values() if one.is_removed or one.tracking_uid not in gone]


def _code_of(run: Run, label: str) -> CodeTriple | None:
    """Return the code that the model itself has for a label; None where it has none."""
    wanted = _plain(label)
    for one in run.model_version.labels:
        if wanted and _plain(str(one.get("name", ""))) == wanted:
            code, scheme, meaning = (str(one.get(key) or "") for key in _CODE)
            is_whole = bool(code and scheme and meaning) and len(code) <= _LONGEST_CODE
            return (code, scheme, meaning[:64]) if is_whole else None
    return None


def _plain(label: str) -> str:
    return label.strip().casefold().replace("_", " ")


def _tracking_uids(run: Run, findings: Sequence[Finding]) -> dict[int, str]:
    """Return the findings' tracking UIDs; of older runs they follow from the report's UID."""
    found = {one.pk: one.tracking_uid for one in findings if one.tracking_uid}
    if not found and run.outputs.get("sr"):
        statements = [one for one in findings if one.kind == "classification"]
        for number, one in enumerate(statements, start=1):
            found[one.pk] = result_uid(str(run.outputs["sr"]), "statement", str(number))
    return found


def _store(asker: Asker, reviewer: User, ds: Dataset) -> None:
    with spool_stream([write_part10(ds)]) as spool:
        origin = Origin(
            door=asker.door,
            actor=reviewer,
            source="review",
            address=asker.address,
            token_hint=asker.token_hint,
        )
        (result,) = ingest_files(files=[IncomingFile(spool, name="verified.dcm")], origin=origin)
    if result.error is not None and result.error.retriable:
        raise result.error
    if not result.is_accepted:
        reason = result.error.message if result.error else "no reason given"
        raise InvalidRequestError(f"The archive refused the verified report: {reason}")
