"""What a training is doing, in words; the record keeps English ones."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

_STAGES = {
    "reading series": _("reading series"),
    "reading images": _("reading images"),
    "preparing volumes": _("preparing volumes"),
    "learning": _("learning"),
    "judging": _("judging"),
}
_EMBEDDING = "embedding, variant "


def stage_in_words(stage: str) -> str:
    """Return a stage of a training's progress in the reader's language."""
    if stage.startswith(_EMBEDDING):
        variant, _of, count = stage.removeprefix(_EMBEDDING).partition(" of ")
        said = gettext("embedding, variant %(variant)s of %(count)s")
        return said % {"variant": variant, "count": count}
    return str(_STAGES.get(stage, stage))
