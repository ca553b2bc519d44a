"""A collection as a teaching file or a quiz: one ZIP without identities, at once or by a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext

from archive.audit.research import record_way_out
from archive.bulk.services import start_job
from archive.collections.errors import InvalidCollectionError
from archive.deid.profiles import make_profile
from archive.research.pseudonyms import derived_realm
from archive.research.teaching.planning import plan_export
from archive.research.teaching.writing import CaseWriter, WrittenCase, page_files
from archive.retrieve.downloads import Download
from archive.retrieve.zipping import stream_zip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.contrib.auth.models import User

    from archive.audit.types import Asker
    from archive.deid.types import Profile
    from archive.models import BulkJob
    from archive.research.pseudonyms import Realm
    from archive.research.teaching.types import ExportOptions, ExportPlan, PlannedCase

ACT = "teaching-file"


def export_collection(
    user: User, pk: int, *, asker: Asker, options: ExportOptions
) -> Download | BulkJob:
    """Make a ZIP of what may leave; the audit trail has it before the first byte goes.

    Where no pixel has to be read or changed, it is made while it is sent; else by a job, whose
    file says the same. UIDs and names are keyed by a secret derived from the site's own, per
    collection: the same collection exported again gives the same UIDs, two collections can't be
    linked.

    Parameters
    ----------
    user
        who takes it out
    pk
        of the collection
    asker
        for the record
    options
        how it leaves

    Returns
    -------
    the ZIP, or the job that makes it

    Raises
    ------
    NotVisibleError
        There is no such collection for the user.
    NotAllowedError
        The user may look, no more.
    InvalidCollectionError
        Nothing of it may leave.
    LimitExceededError
        Too many jobs are open, or it holds too many studies.
    """
    plan = plan_export(user, pk, options)
    if not plan.image_count:
        message = gettext("No image of this collection can be exported; its cases say why.")
        raise InvalidCollectionError(message, code="nothing-to-export")
    if plan.needs_cleaning:
        return start_job(
            asker=asker, act=ACT, options=_asked(plan, options), study_uids=plan.study_uids
        )
    with transaction.atomic():
        for uid in plan.study_uids:
            record_cases(asker, uid, plan, options)
    name = slugify(plan.name)[:60] or "collection"
    return Download(
        f"{name}-{options.kind}.zip", "application/zip", stream_zip(_entries(plan, options))
    )


def realm_of_collection(pk: int) -> Realm:
    """Return the realm of what leaves of a collection for anybody."""
    return derived_realm(f"collection:{pk}")


def profile_of(options: ExportOptions) -> Profile:
    """Return the profile by which a collection leaves."""
    return make_profile(
        dates=options.dates, keeps_patient_characteristics=options.keeps_patient_characteristics
    )


def record_cases(
    asker: Asker, study_uid: str, plan: ExportPlan, options: ExportOptions, *, job: int = 0
) -> None:
    """Put on record that the cases of a study leave."""
    cases = [one for one in plan.cases if one.item.study.study_instance_uid == study_uid]
    looked_at = [one.item.pk for one in cases if one.item.pk in options.looked_at]
    details = {
        "collection": plan.collection_pk,
        "kind": options.kind,
        **options.as_json(),
        "looked_at": looked_at,
    }
    record_way_out(
        asker,
        study_instance_uid=study_uid,
        instances=sum(len(one.outlook.leaving) for one in cases),
        details={**details, "job": job} if job else details,
    )


def _asked(plan: ExportPlan, options: ExportOptions) -> dict[str, str]:
    """Return options as a person would have asked for them."""
    return {
        "collection": str(plan.collection_pk),
        "quiz": "yes" if options.is_quiz else "no",
        "dates": options.dates.value,
        "characteristics": "yes" if options.keeps_patient_characteristics else "no",
        "looked_at": " ".join(map(str, sorted(options.looked_at))),
    }


def _entries(plan: ExportPlan, options: ExportOptions) -> Iterator[tuple[str, Sequence[bytes]]]:
    writer = CaseWriter(
        realm_of_collection(plan.collection_pk), options, lambda: None, is_at_once=True
    )
    written = []
    for case in plan.cases:
        one = WrittenCase(case)
        written.append(one)
        for name, content in _case(writer, one, case):
            yield name, [content]
    for name, content in page_files(plan, options, profile_of(options), written):
        yield name, [content]


def _case(
    writer: CaseWriter, written: WrittenCase, case: PlannedCase
) -> Iterator[tuple[str, bytes]]:
    if case.outlook.leaving:
        yield from writer.write(written)
    else:
        written.left_out += case.outlook.left_out
