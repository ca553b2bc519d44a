"""Which models there are, as everyone who is signed in may know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from archive.access.selectors import is_site_radiology_admin
from archive.errors import NotVisibleError
from inference.bundles.gates import notice_of
from inference.bundles.types import ModelSummary
from inference.models import ModelVersion

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from archive.models.querysets import AnyUser
    from inference.models import RoutingRule


def all_versions() -> list[ModelVersion]:
    """Return every registered version, by name, the newest first."""
    return list(_rows())


def list_models(user: AnyUser, *, state: str = "", task: str = "") -> list[ModelSummary]:
    """Return versions by name, the newest first.

    Parameters
    ----------
    user
        who asks; nobody who isn't signed in gets any
    state, task
        only these; all where empty
    """
    if not user.is_authenticated:
        return []
    rows = _rows()
    if state:
        rows = rows.filter(state=state)
    if task:
        rows = rows.filter(task=task)
    is_admin = is_site_radiology_admin(user)
    return [_summary(row, is_admin=is_admin) for row in rows]


def versions_of(user: AnyUser, name: str) -> list[ModelSummary]:
    """Return the versions of one model, the newest first.

    Raises
    ------
    NotVisibleError
        There is none, or the asker isn't signed in.
    """
    rows = _rows().filter(name=name)
    is_admin = is_site_radiology_admin(user)
    found = [_summary(row, is_admin=is_admin) for row in rows] if user.is_authenticated else []
    if not found:
        raise NotVisibleError("There is no such model.")
    return found


def describe_version(user: AnyUser, name: str, version: str) -> ModelSummary:
    """Return one version.

    Raises
    ------
    NotVisibleError
        There is none, or the asker isn't signed in.
    """
    found = [one for one in versions_of(user, name) if one.version == version]
    if not found:
        raise NotVisibleError("There is no such version of the model.")
    return found[0]


def _rows() -> QuerySet[ModelVersion]:
    rows = ModelVersion.objects.select_related("registered_by", "embedding_space")
    return rows.prefetch_related("routing_rules__projects").order_by("name", "-created_at")


def _summary(row: ModelVersion, *, is_admin: bool) -> ModelSummary:
    person = row.registered_by
    return ModelSummary(
        name=row.name,
        version=row.version,
        task=row.task,
        task_label=row.get_task_display(),
        state=row.state,
        state_label=row.get_state_display(),
        pipeline=row.pipeline,
        description=row.description,
        intended_use=row.intended_use,
        licence=row.licence,
        notice=notice_of(row),
        is_trusted=row.is_trusted,
        is_space=hasattr(row, "embedding_space"),
        created_at=row.created_at,
        registered_by=person.get_username() if person is not None and is_admin else "",
        source=row.source if is_admin else "",
        digest=row.digest if is_admin else "",
        inputs=row.inputs,
        labels=tuple(row.labels),
        metrics=row.metrics,
        checks={key: value for key, value in row.checks.items() if key != "trust_needed"},
        trust_needed=tuple(row.checks.get("trust_needed") or ()),
        rules=tuple(_rule_in_words(rule) for rule in row.routing_rules.all()),
        card=row.card,
    )


def _rule_in_words(rule: RoutingRule) -> str:
    parts = [", ".join(rule.modalities) or gettext("any modality")]
    if rule.body_parts:
        parts.append(", ".join(rule.body_parts))
    if rule.description_contains:
        parts.append(
            gettext("“%(words)s” in the description") % {"words": rule.description_contains}
        )
    if rule.minimum_instances > 1:
        parts.append(gettext("%(n)s images or more") % {"n": rule.minimum_instances})
    if not rule.is_enabled:
        parts.append(gettext("switched off"))
    return " · ".join(parts)
