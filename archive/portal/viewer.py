"""The viewer's data: what its script reads from the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from archive.query.picture_words import pictures_in_words
from archive.query.series_frames import series_stack

if TYPE_CHECKING:
    from archive.models.querysets import AnyUser
    from archive.query.series_frames import SeriesStack

# Window centre and width in Hounsfield units, as reading rooms know them.
CT_PRESETS = (
    (_("Soft tissue"), 40, 400),
    (_("Lung"), -600, 1500),
    (_("Bone"), 400, 1800),
    (_("Brain"), 40, 80),
    (_("Mediastinum"), 50, 350),
    (_("Liver"), 60, 160),
)


def viewer_context(user: AnyUser, study_uid: str, series_uid: str) -> dict[str, Any]:
    """Return the context of the viewer's template, rights checked by the selector."""
    stack = series_stack(user, study_uid, series_uid)
    presets = CT_PRESETS if stack.series.modality == "CT" else ()
    return {
        "stack": stack,
        "presets": presets,
        "viewer_data": viewer_data(stack),
        "words": pictures_in_words(user, [card.series_uid for card in stack.siblings]),
    }


def viewer_data(stack: SeriesStack) -> dict[str, Any]:
    """Return what scripts need to show a stack: where its frames are, and what they are."""
    return {
        "instances_url": reverse(
            "dicomweb:series", args=(stack.study.study_uid, stack.series.series_uid)
        )
        + "/instances/",
        "modality": stack.series.modality,
        "instances": [
            {
                "uid": instance.sop_instance_uid,
                "number": instance.number,
                "frames": instance.number_of_frames,
                "rows": instance.rows,
                "columns": instance.columns,
                "colour": instance.is_colour,
            }
            for instance in stack.instances
        ],
    }
