"""What of a study may leave without identity: the asker's rights, and the patient's word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext, gettext_noop

from archive.access.consent import require_consent
from archive.access.study_roles import roles_in_study
from archive.collections.frames import case_instances
from archive.collections.rights import exportable_studies, visible_items
from archive.deid.holding import find_class_refusal
from archive.deid.types import Refusal
from archive.errors import NotAcceptableError, NotAllowedError, NotVisibleError
from archive.models import Instance, Role, Study
from archive.research.cleaning import is_wanted
from archive.research.types import Content

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archive.audit.types import Asker
    from archive.research.types import CleaningReport

NO_IMAGE = Refusal(
    "not-an-image", gettext_noop("What is no image, or was not asked for, stays behind.")
)


def find_leaving(asker: Asker, study_uid: str) -> Study:
    """Return a study whose images the asker may take out without identity.

    Raises
    ------
    NotVisibleError
        It is not there for the asker.
    NotAllowedError
        The asker may only look, or the patient refused research.
    """
    user: Any = asker.user
    rows = Study.objects.visible_to(user).select_related("patient")
    study: Study | None = rows.filter(study_instance_uid=study_uid).first()
    if study is None:
        raise NotVisibleError("There is no such study, or it is outside your projects.")
    if not exportable_studies(user, [study.pk]) and not _is_for_research(asker, study):
        raise NotAllowedError(gettext("Your role in its project only allows you to look."))
    require_consent(study)
    return study


def _is_for_research(asker: Asker, study: Study) -> bool:
    """Whether a researcher of the study's project takes out what is without identity already."""
    user: Any = asker.user
    roles = roles_in_study(user, study.study_instance_uid)
    return study.is_deidentified and Role.RESEARCHER in roles


def leaving_images(
    asker: Asker,
    study: Study,
    report: CleaningReport,
    *,
    content: Content = Content.IMAGES,
    collection: int | None = None,
) -> list[Instance]:
    """Return a study's objects that leave, of those the asker sees, series by series, in order.

    Parameters
    ----------
    asker
        who may take the study out
    study
        inside their rights
    report
        is told of the objects that stay behind
    content
        images alone, or more
    collection
        narrows to the cases of a collection

    Raises
    ------
    NotAcceptableError
        There is none.
    """
    user: Any = asker.user
    rows = Instance.objects.visible_to(user).filter(withheld="", series__withheld="")
    rows = rows.filter(series__study=study).select_related("blob", "series__study__patient")
    if collection is not None:
        rows = rows.filter(pk__in=_collected(asker, study, collection))
    ordered = rows.order_by("series__series_number", "series_id", "instance_number", "pk")
    images = []
    for instance in ordered:
        if is_wanted(instance, content):
            images.append(instance)
        else:
            why = find_class_refusal(instance.sop_class_uid) or NO_IMAGE
            report.leave_out(why.code, why.text)
    if not any(image.has_pixel_data for image in images):
        raise NotAcceptableError(gettext("It holds no image."), code="no-image")
    return images


def _collected(asker: Asker, study: Study, collection: int) -> set[int]:
    user: Any = asker.user
    items = visible_items(user).filter(collection_id=collection, study=study)
    return {key for item in items for key in case_instances(item).values_list("pk", flat=True)}


def require_still_leaving(asker: Asker, study_uids: Iterable[str]) -> None:
    """Ask again of studies whose images lie in a file that is about to be taken.

    Raises
    ------
    NotVisibleError, NotAllowedError
        One may not leave any more.
    """
    for uid in study_uids:
        find_leaving(asker, uid)
