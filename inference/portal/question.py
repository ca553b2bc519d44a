"""The question's side of the similar page: the case in hand, its frames, its examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from archive.portal.viewer import viewer_data
from archive.query.case_header import CaseUids, case_header
from archive.query.facets import visible_body_parts, visible_modalities
from archive.query.picture_words import pictures_in_words
from archive.query.series_frames import series_stack
from inference.portal.addresses import EXAMPLES, page_address, unfiltered
from inference.portal.chips import chips_of
from inference.portal.fields import region_text
from inference.portal.forms import K_CHOICES
from inference.portal.rounds import kept_search
from inference.similarity.attributes.facets import search_facets
from inference.similarity.explaining.comparison import image_paths
from inference.similarity.searches.selectors import projects_to_share_in
from inference.similarity.selectors import list_spaces
from inference.similarity.types import Level, PatientScope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import QueryDict

    from archive.models.querysets import AnyUser
    from archive.query.case_header import CaseHeader
    from inference.portal.forms import SimilarForm
    from inference.similarity.types import SimilarAnswer

LEVELS = (
    (Level.FRAME.value, _("Frame")),
    (Level.INSTANCE.value, _("Image")),
    (Level.SERIES.value, _("Series")),
    (Level.STUDY.value, _("Study")),
)
SCOPES = (
    (PatientScope.EXCLUDE.value, pgettext_lazy("patients", "Others")),
    (PatientScope.ANY.value, _("Everyone")),
    (PatientScope.ONLY.value, _("Same patient")),
)
SEXES = (("F", _("Female")), ("M", _("Male")), ("O", _("Other")))
SIDES = (
    ("L", pgettext_lazy("side", "Left")),
    ("R", pgettext_lazy("side", "Right")),
    ("B", _("Both")),
)
# View Position and mammographic views as readers know them.
VIEWS = ("AP", "PA", "LL", "RL", "LAO", "RAO", "CC", "MLO", "ML", "LM")
KEYWORDS = (
    "ContrastBolusAgent",
    "ConvolutionKernel",
    "ImageType",
    "KVP",
    "MagneticFieldStrength",
    "PatientPosition",
    "ProtocolName",
    "ScanningSequence",
    "SliceThickness",
    "StationName",
)


def asked_case(user: AnyUser, form: SimilarForm) -> CaseHeader:
    """Return the case that the form names; NotVisibleError outside the rights."""
    named = named_case(form)
    return case_header(
        user,
        study_uid=named.study_uid,
        series_uid=named.series_uid,
        instance_uid=named.instance_uid,
    )


def named_case(form: SimilarForm) -> CaseUids:
    """Return the UIDs that the form names its case by."""
    return CaseUids(*(form.value(name) or "" for name in ("study", "series", "instance")))


def stage_data(user: AnyUser, form: SimilarForm, case: CaseHeader) -> dict[str, Any] | None:
    """Return what the crop tool reads: the frames of the case, and the region in hand."""
    if case.series is None:
        return None
    stack = series_stack(user, case.study.study_uid, case.series.series_uid)
    region = form.value("region")
    return {
        **viewer_data(stack),
        "series": case.series.series_uid,
        "start": {"instance": case.instance_uid, "frame": form.value("frame")},
        "region": region_text(region) if region else "",
    }


def state_context(user: AnyUser, form: SimilarForm, state: QueryDict) -> dict[str, Any]:
    """Return what the grid shows of the question: its conditions and examples."""
    region = form.value("region")
    uids = [uid for name in EXAMPLES for uid in form.value(name) or ()]
    return {
        "state": state.urlencode(),
        "search": kept_search(user, form),
        "region": region_text(region) if region else "",
        "chips": chips_of(form, state),
        "unfiltered_url": page_address(unfiltered(state)),
        "examples": image_paths(user, uids) if uids else [],
        "positive": set(form.value("positive") or ()),
        "negative": set(form.value("negative") or ()),
    }


def choices(user: AnyUser, form: SimilarForm) -> dict[str, Any]:
    """Return what the fields offer; long lists come when they are asked for."""
    modalities = visible_modalities(user)
    spaces = list_spaces()
    asked = form.value("space") or ""
    return {
        "modalities": [(code, code) for code in modalities],
        "is_archive_empty": not modalities,
        "body_parts": visible_body_parts(user),
        "spaces": spaces,
        # One that is not offered, not yet or no more: the address named it all the same.
        "other_space": "" if asked in {space.name for space in spaces} else asked,
        "levels": LEVELS,
        "scopes": SCOPES,
        "sexes": SEXES,
        "sides": SIDES,
        "k_choices": K_CHOICES,
        "share_projects": projects_to_share_in(user),
    }


def words_of(user: AnyUser, context: Mapping[str, Any], case: CaseHeader | None) -> dict[str, str]:
    """Return what the thumbnails of a page show, in words: case, examples and results."""
    answer: SimilarAnswer | None = context.get("answer")
    shown = [hit.series_uid for hit in answer.results] if answer else []
    shown += [image.series_uid for image in context["examples"]]
    shown += [case.series.series_uid] if case and case.series else []
    return pictures_in_words(user, shown)


def suggestions(user: AnyUser) -> dict[str, Any]:
    """Return the long lists: what occurs in the user's cases."""
    return {"facets": search_facets(user), "views": VIEWS, "keywords": KEYWORDS}
