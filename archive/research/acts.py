"""Ways out without identity as acts on many studies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.access.selectors import holds_role, is_radiology_admin
from archive.access.study_roles import EXPORTING_ROLES
from archive.bulk.acts import checked_peer, checked_project, peer_fields, project_field
from archive.bulk.registry import register_act
from archive.bulk.types import Act, Field
from archive.collections.selectors import collection_detail
from archive.deid.types import DatePolicy, Option
from archive.errors import InvalidRequestError
from archive.research.buckets import known_buckets
from archive.research.copying import copy_projects, copy_study
from archive.research.exporting import WITHIN_PATIENT, export_study, finish_cohort
from archive.research.leaving import require_still_leaving
from archive.research.sending import finish_bucket, put_study, send_study
from archive.research.teaching.working import checked_teaching, finish_teaching, write_cases
from archive.research.types import CleaningOptions, Content

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

_YES = "yes"
_SCANNER = frozenset({Option.DESCRIPTORS, Option.DEVICE_IDENTITY, Option.SAFE_PRIVATE})
_TEXTS: dict[str, tuple[Any, frozenset[Option]]] = {
    "none": (_("Nothing"), frozenset()),
    "descriptions": (
        _("Descriptions, of safe words alone"),
        frozenset({Option.DESCRIPTORS}),
    ),
    "scanner": (_("Descriptions, the scanner, its private physics"), _SCANNER),
}
_CONTENT = {
    Content.IMAGES: _("Images alone"),
    Content.DRAWN: _("Images, segmentations and maps"),
    Content.REPORTS: _("The same, and reports without free text"),
}


def register_research_acts() -> None:
    """Offer them; called once, when the program starts."""
    register_act(
        _way_out(
            "research-copy",
            icon="lock",
            label=_("Copy without identity"),
            verb=_("Copy"),
            is_for=is_radiology_admin,
            fields=_copy_fields,
            check=_checked_copy,
            step=copy_study,
            hint=_(
                "Into a project for research: new names and UIDs, text in the pixels masked, "
                "faces taken off. Models run on the copies anew."
            ),
        ),
        _way_out(
            "research-export",
            icon="lock",
            label=_("Export without identity"),
            verb=_("Export"),
            is_for=_may_take_out,
            fields=lambda _user: cleaning_fields(),
            check=_checked_export,
            step=export_study,
            finish=finish_cohort,
            recheck=require_still_leaving,
            hint=_(
                "One file with images, labels and a manifest, kept for a day under your jobs. "
                "Text in the pixels is masked, faces are taken off."
            ),
        ),
        _way_out(
            "research-send",
            icon="share-2",
            label=_("Send without identity"),
            verb=_("Send"),
            is_for=is_radiology_admin,
            fields=lambda user: (*peer_fields(user), *_copy_fields(user)),
            check=_checked_send,
            step=send_study,
            hint=_("A copy is made in a project for research, and goes on to the peer."),
        ),
        _way_out(
            "research-bucket",
            icon="upload",
            label=_("Put into a bucket without identity"),
            verb=_("Put"),
            is_for=lambda user: is_radiology_admin(user) and bool(known_buckets()),
            fields=_bucket_fields,
            check=_checked_bucket,
            step=put_study,
            finish=finish_bucket,
            hint=_("Images, labels and a manifest, in a folder of the job's own."),
        ),
        _teaching_file(),
    )


def _way_out(name: str, **more: Any) -> Act:
    """Return an act that is offered beside others, on studies and on collections."""
    return Act(name=name, is_rare=True, is_for_collections=True, **more)


def _teaching_file() -> Act:
    """Return the act that the page of a collection's export begins."""
    return Act(
        name="teaching-file",
        label=_("Teaching file"),
        icon="download",
        is_for=_may_take_out,
        is_listed=False,
        check=checked_teaching,
        step=write_cases,
        finish=finish_teaching,
        recheck=require_still_leaving,
        hint=_("It is asked for on the page of a collection, under Export."),
    )


def _may_take_out(user: AnyUser) -> bool:
    return holds_role(user, EXPORTING_ROLES)


def cleaning_fields() -> Sequence[Field]:
    """Return what a person is asked about the cleaning."""
    dates = [
        (DatePolicy.SHIFT.value, _("Moved by years, the same for all of a patient")),
        (DatePolicy.REMOVE.value, _("Removed")),
    ]
    kept = [(_YES, _("Kept (ages over 89 as 90)")), ("no", _("Removed"))]
    return (
        Field(name="dates", label=_("Dates"), kind="choice", choices=dates, is_required=False),
        Field(
            name="characteristics",
            label=_("Age, sex, size and weight"),
            kind="choice",
            choices=kept,
            is_required=False,
        ),
        Field(
            name="texts",
            label=_("What else stays"),
            kind="choice",
            choices=[(key, words) for key, (words, _options) in _TEXTS.items()],
            is_required=False,
        ),
        Field(
            name="content",
            label=_("Objects"),
            kind="choice",
            choices=[(one.value, words) for one, words in _CONTENT.items()],
            is_required=False,
        ),
    )


def checked_cleaning(asked: Mapping[str, str]) -> dict[str, Any]:
    """Return how images are cleaned, as it is kept with a job.

    Raises
    ------
    InvalidRequestError
        There is no such choice.
    """
    try:
        dates = DatePolicy(asked.get("dates") or DatePolicy.SHIFT.value)
    except ValueError as error:
        raise InvalidRequestError(
            gettext("Dates are shifted or removed."), code="unknown-dates"
        ) from error
    keeps = asked.get("characteristics") or _YES
    if keeps not in {_YES, "no"}:
        raise InvalidRequestError(gettext("Characteristics are kept: yes or no."))
    texts = asked.get("texts") or "none"
    if texts not in _TEXTS:
        raise InvalidRequestError("What else stays: none, descriptions or scanner.")
    try:
        content = Content(asked.get("content") or Content.IMAGES.value)
    except ValueError as error:
        raise InvalidRequestError("Objects: images, drawn or reports.") from error
    return CleaningOptions(
        dates=dates,
        keeps_patient_characteristics=keeps == _YES,
        options=_TEXTS[texts][1],
        content=content,
    ).as_json()


def _projects(user: AnyUser) -> dict[str, str]:
    return dict(copy_projects(user).values_list("slug", "name"))


def _copy_fields(user: AnyUser) -> Sequence[Field]:
    return (project_field(_("Into"), _projects(user)), *cleaning_fields())


def _checked_copy(asker: Asker, asked: Mapping[str, str]) -> dict[str, Any]:
    user: Any = asker.user
    cleaning = checked_cleaning(asked)
    return {**checked_project(asked, _projects(user)), "cleaning": cleaning}


def _checked_send(asker: Asker, asked: Mapping[str, str]) -> dict[str, Any]:
    return {**_checked_copy(asker, asked), **checked_peer(asker, asked)}


def _bucket_fields(_user: AnyUser) -> Sequence[Field]:
    choices = [(name, name) for name in known_buckets()]
    return (
        Field(name="bucket", label=_("Into"), kind="choice", choices=choices),
        *cleaning_fields(),
    )


def _checked_bucket(asker: Asker, asked: Mapping[str, str]) -> dict[str, Any]:
    name = asked.get("bucket", "")
    if name not in known_buckets():
        raise InvalidRequestError("There is no such bucket.", code="unknown-bucket")
    return {**_checked_export(asker, asked), "bucket": name, "detail": name}


def _checked_export(asker: Asker, asked: Mapping[str, str]) -> dict[str, Any]:
    cleaning = checked_cleaning(asked)
    kept: dict[str, Any] = {"cleaning": {**cleaning, "looked_at": asked.get("looked_at") == _YES}}
    if asked.get("within") == WITHIN_PATIENT:
        kept["within"] = WITHIN_PATIENT
    if asked.get("collection"):
        user: Any = asker.user
        text = asked["collection"]
        key = int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0
        summary = collection_detail(user, key).summary
        kept |= {"collection": key, "detail": summary.name}
    return kept
