"""A teaching file made by a job: study after study into one ZIP, the pages at its end."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

from archive.bulk.exporting import (
    finish_export,
    grown_result,
    require_room,
    result_holds,
    result_path,
)
from archive.bulk.growing_zip import grown, take_back
from archive.collections.selectors import collection_detail
from archive.deid.types import DatePolicy, Refusal
from archive.errors import InvalidRequestError, NotAcceptableError
from archive.models import BulkJob
from archive.research.exporting import add_file
from archive.research.leaving import find_leaving
from archive.research.teaching.planning import plan_export
from archive.research.teaching.services import profile_of, realm_of_collection, record_cases
from archive.research.teaching.types import ExportOptions
from archive.research.teaching.writing import CaseWriter, WrittenCase, case_file, page_files
from archive.research.types import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archive.audit.types import Asker
    from archive.bulk.types import Work
    from archive.research.teaching.types import PlannedCase

NOT_MADE = Refusal("not-made", "It could not be made: the job says why.")
_MOST_DIGITS = 18


def checked_teaching(asker: Asker, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what was asked for as it is kept with a job: the cases are numbered once for all.

    Raises
    ------
    InvalidRequestError
        There is no such choice.
    NotVisibleError, NotAllowedError
        The collection is not the asker's to take out.
    """
    user: Any = asker.user
    pk = _key(asked.get("collection", ""))
    try:
        dates = DatePolicy(asked.get("dates") or DatePolicy.REMOVE.value)
    except ValueError as error:
        raise InvalidRequestError("Dates are removed or moved.", code="unknown-dates") from error
    options = ExportOptions(
        is_quiz=asked.get("quiz") == "yes",
        dates=dates,
        keeps_patient_characteristics=asked.get("characteristics") != "no",
        looked_at=frozenset(map(_key, asked.get("looked_at", "").split())),
    )
    detail = collection_detail(user, pk)
    plan = plan_export(user, pk, options)
    return {
        "collection": pk,
        "detail": detail.summary.name,
        "teaching": options.as_json(),
        "order": [case.item.pk for case in plan.cases],
    }


def _key(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS else 0


def write_cases(work: Work, study_uid: str) -> str:
    """Add the cases of a study to the ZIP of the job, their pixels cleaned.

    Parameters
    ----------
    work
        as `checked_teaching` answered
    study_uid
        Study Instance UID

    Returns
    -------
    what became of its objects

    Raises
    ------
    NotVisibleError, NotAllowedError
        Collection or study are not the asker's to take out, or the patient refused research.
    NotAcceptableError
        Nothing of it may leave so.
    """
    study = find_leaving(work.asker, study_uid)
    require_room(study)
    options = ExportOptions.of(work.options["teaching"])
    plan = _plan(work, options, study_uid)
    cases = [case for case in plan.cases if case.outlook.leaving]
    if not cases:
        raise NotAcceptableError("Nothing of it may leave any more.", code="held-back")
    if result_holds(work, cases[0].folder):
        return "It is in the file already."
    record_cases(work.asker, study_uid, plan, options, job=work.job)
    writer = CaseWriter(realm_of_collection(plan.collection_pk), options, work.keep)
    written = [WrittenCase(case) for case in cases]
    with grown_result(work) as archive:
        for one in written:
            for name, content in writer.write(one):
                add_file(archive, name, content)
            add_file(archive, *case_file(one))
    return _words(written)


def _words(written: list[WrittenCase]) -> str:
    images = sum(len(one.files) for one in written)
    left_out = [left for one in written for left in one.left_out]
    if not left_out:
        return f"{images} images"
    reasons = " ".join(f"{one.refusal.text} ({one.count})" for one in left_out)
    return f"{images} images, {sum(one.count for one in left_out)} objects left out: {reasons}"


def finish_teaching(work: Work) -> None:
    """Write the pages that tell what became of all cases, and until when the file is kept."""
    job = BulkJob.objects.get(pk=work.job)
    if not job.result_name:
        return
    path = result_path(job)
    take_back(path)
    if not path.exists():
        return
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        said = {
            name.partition("/")[0]: json.loads(archive.read(name))
            for name in names
            if name.endswith("/case.json")
        }
    if "manifest.json" not in names:
        options = ExportOptions.of(work.options["teaching"])
        plan = _plan(work, options)
        _require_as_written(plan.cases, said)
        written = [_written(case, said.get(case.folder)) for case in plan.cases]
        with grown(path) as archive:
            for name, content in page_files(plan, options, profile_of(options), written):
                add_file(archive, name, content)
    finish_export(work)


def _require_as_written(cases: Iterable[PlannedCase], said: Mapping[str, Any]) -> None:
    """Refuse where what lies in the file may leave no more: its texts may name somebody by now."""
    if any(case.folder in said and not case.outlook.leaving for case in cases):
        message = "A case was changed meanwhile and may not leave so any more: export again."
        raise NotAcceptableError(message, code="held-back")


def _written(case: PlannedCase, said: dict[str, Any] | None) -> WrittenCase:
    if said is not None:
        return WrittenCase.of(case, said)
    count = len(case.outlook.leaving)
    lost = [LeftOut(NOT_MADE, count)] if count else []
    return WrittenCase(case, left_out=[*case.outlook.left_out, *lost])


def _plan(work: Work, options: ExportOptions, study_uid: str = "") -> Any:
    user: Any = work.asker.user
    pk = int(work.options["collection"])
    return plan_export(user, pk, options, order=work.options["order"], study_uid=study_uid)
