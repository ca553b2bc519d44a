"""What a person may start: the series of a study, and the models with what speaks against them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop

from archive.access.selectors import require_may_label
from archive.errors import NotVisibleError
from archive.models import Series
from inference.bundles.gates import why_not
from inference.bundles.states import runs_own_code
from inference.models import ModelVersion
from inference.similarity.spaces.backfill import image_series
from inference.similarity.spaces.embedder import PROJECTION

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

_NOT_TRUSTED = gettext_noop("No admin has trusted its code.")


@dataclass(frozen=True)
class Startable:
    """A version of a model, and why it does not run on the series; empty where it does."""

    version: ModelVersion
    reason: str = ""


def startable_series(
    user: User | AnonymousUser, *, study_uid: str = "", series_uid: str = ""
) -> list[Series]:
    """Return the series of pictures of a study, or of the study of a series.

    Raises
    ------
    NotVisibleError
        There is no such study or series in the user's rights, or it has no pictures.
    NotAllowedError
        The user may only look.
    """
    rows = Series.objects.visible_to(user)
    if series_uid:
        named = rows.filter(series_instance_uid=series_uid)
        rows = rows.filter(study__in=named.values("study"))
    else:
        rows = rows.filter(study__study_instance_uid=study_uid)
    pictures = rows.filter(pk__in=image_series().values("pk")).select_related("study__patient")
    found = list(pictures.order_by("series_number", "pk"))
    if not found:
        raise NotVisibleError("There is no such series of pictures.")
    require_may_label(user, found[0].study)
    return found


def requestable_versions() -> list[ModelVersion]:
    """Return the newest version of every model that can be asked for, by name."""
    versions = ModelVersion.objects.exclude(state=ModelVersion.State.RETIRED)
    newest: dict[str, ModelVersion] = {}
    for version in versions.exclude(pipeline=PROJECTION).order_by("name", "-created_at"):
        newest.setdefault(version.name, version)
    return list(newest.values())


def startable_models(series: Series) -> list[Startable]:
    """Return the newest version of every model that can be asked for, those that fit first."""
    found = [Startable(one, _reason(one, series)) for one in requestable_versions()]
    return sorted(found, key=lambda one: (bool(one.reason), one.version.name))


def _reason(version: ModelVersion, series: Series) -> str:
    if version.pipeline == "bundle" and runs_own_code(version) and not version.is_trusted:
        return _NOT_TRUSTED
    return why_not(version, series)
