"""Forwarding rules as people make them: tried on the archive before they are switched on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Sum
from django.utils.translation import gettext

from archive.access.selectors import require_site_radiology_admin
from archive.audit import forwarding as audit
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.forwarding.matching import CONDITION_PATHS, instances_matching
from archive.forwarding.queueing import can_receive
from archive.models import ForwardingRule, Peer, Project, Series

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import time

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser

# Against so many of the newest series a rule is tried; so many of those that match are shown.
TRIAL_SERIES, TRIAL_SHOWN = 1000, 12
_MAX_TERMS, _LONGEST_PATTERN = 50, 128


@dataclass(frozen=True)
class RuleValues:
    """What a rule says; empty conditions match everything."""

    name: str
    peer: int
    project: str = ""
    modalities: tuple[str, ...] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)
    includes_results: bool = True
    from_time: time | None = None
    until_time: time | None = None


@dataclass(frozen=True)
class Trial:
    """What a rule would have sent of the newest series of the archive."""

    looked_at: int
    matching: int
    instances: int
    size_bytes: int
    by_modality: list[tuple[str, int]]
    shown: list[Series]


def list_rules(user: AnyUser) -> list[ForwardingRule]:
    """Return every rule, by name."""
    require_site_radiology_admin(user)
    return list(ForwardingRule.objects.select_related("peer", "project").order_by("name"))


def get_rule(user: AnyUser, rule_id: int) -> ForwardingRule:
    """Return one rule; NotVisibleError where there is none."""
    require_site_radiology_admin(user)
    rows = ForwardingRule.objects.select_related("peer", "project")
    rule = rows.filter(pk=rule_id).first()
    if rule is None:
        raise NotVisibleError("There is no such rule.")
    return rule


def projects_to_name(user: AnyUser) -> list[Project]:
    """Return the projects a rule or peer can be narrowed to."""
    require_site_radiology_admin(user)
    return list(Project.objects.order_by("name"))


def create_rule(*, asker: Asker, values: RuleValues) -> ForwardingRule:
    """Make a rule, switched off: it is tried first.

    Raises
    ------
    NotAllowedError
        Only a radiology admin of the whole archive may.
    InvalidRequestError
        A value is not possible, or there is no such peer or project.
    """
    _admin(asker)
    with transaction.atomic():
        rule = ForwardingRule(is_enabled=False)
        _write(rule, values)
        _record(asker, "create-forwarding-rule", rule)
    return rule


def change_rule(*, asker: Asker, rule_id: int, values: RuleValues) -> ForwardingRule:
    """Change what a rule says; it stays on or off. Errors as of `create_rule`."""
    _admin(asker)
    with transaction.atomic():
        rule = _locked(rule_id)
        _write(rule, values)
        _record(asker, "change-forwarding-rule", rule)
    return rule


def switch_rule(*, asker: Asker, rule_id: int, is_enabled: bool) -> ForwardingRule:
    """Switch a rule on or off. Errors as of `create_rule`."""
    _admin(asker)
    with transaction.atomic():
        rule = _locked(rule_id)
        rule.is_enabled = is_enabled
        rule.save(update_fields=["is_enabled", "updated_at"])
        act = "enable-forwarding-rule" if is_enabled else "disable-forwarding-rule"
        _record(asker, act, rule)
    return rule


def delete_rule(*, asker: Asker, rule_id: int) -> None:
    """Delete a rule; what it queued still goes out. Errors as of `create_rule`."""
    _admin(asker)
    with transaction.atomic():
        rule = _locked(rule_id)
        _record(asker, "delete-forwarding-rule", rule)
        rule.delete()


def try_rule(user: AnyUser, values: RuleValues) -> Trial:
    """Say what a rule would have sent; nothing is kept or queued. Errors as of `create_rule`."""
    require_site_radiology_admin(user)
    rule = ForwardingRule(is_enabled=False)
    _fill(rule, values)
    return _trial(rule)


def try_kept_rule(user: AnyUser, rule_id: int) -> Trial:
    """Say the same of a rule as it is kept; errors as of `get_rule`."""
    return _trial(get_rule(user, rule_id))


def _trial(rule: ForwardingRule) -> Trial:
    newest = list(Series.objects.order_by("-pk").values_list("pk", flat=True)[:TRIAL_SERIES])
    matching = instances_matching(rule).filter(series__in=newest).order_by()
    totals = matching.aggregate(
        series=Count("series", distinct=True), instances=Count("pk"), size=Sum("blob__size_bytes")
    )
    counts = matching.values_list("series__modality").annotate(n=Count("series", distinct=True))
    keys = matching.values_list("series", flat=True).distinct()
    shown = Series.objects.filter(pk__in=keys).select_related("study__patient").order_by("-pk")
    return Trial(
        looked_at=len(newest),
        matching=totals["series"],
        instances=totals["instances"],
        size_bytes=totals["size"] or 0,
        by_modality=sorted(counts, key=lambda pair: -pair[1]),
        shown=list(shown[:TRIAL_SHOWN]),
    )


def _admin(asker: Asker) -> Any:
    if asker.user is None:
        raise NotAllowedError(gettext("Sign in to change what is sent by itself."))
    require_site_radiology_admin(asker.user)
    return asker.user


def _locked(rule_id: int) -> ForwardingRule:
    rows = ForwardingRule.objects.select_for_update(of=("self",)).select_related("peer")
    rule = rows.filter(pk=rule_id).first()
    if rule is None:
        raise NotVisibleError("There is no such rule.")
    return rule


def _write(rule: ForwardingRule, values: RuleValues) -> None:
    _fill(rule, values)
    if not rule.name:
        raise InvalidRequestError(gettext("A rule has a name."))
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError as error:
        raise InvalidRequestError(gettext("Another rule has this name.")) from error


def _fill(rule: ForwardingRule, values: RuleValues) -> None:
    rule.name = values.name.strip()[:128]
    rule.peer = _peer(values.peer)
    rule.project = _project(values.project)
    rule.modalities = modality_terms(values.modalities)
    rule.conditions = _conditions(values.conditions)
    rule.includes_results = values.includes_results
    if (values.from_time is None) != (values.until_time is None):
        raise InvalidRequestError(gettext("Hours have a beginning and an end."))
    rule.from_time, rule.until_time = values.from_time, values.until_time


def _peer(peer_id: int) -> Peer:
    peer = Peer.objects.filter(pk=peer_id).first()
    if peer is None or not can_receive(peer):
        raise InvalidRequestError(
            gettext("There is no such peer, or its entry does not say where it is.")
        )
    return peer


def _project(slug: str) -> Project | None:
    project = Project.objects.filter(slug=slug).first() if slug else None
    if slug and project is None:
        raise InvalidRequestError(gettext("There is no such project."))
    return project


def modality_terms(texts: tuple[str, ...]) -> list[str]:
    """Return modalities as they are stored, in order, each once."""
    terms = sorted({text.strip().upper() for text in texts if text.strip()})
    if len(terms) > _MAX_TERMS or any(len(term) > 16 for term in terms):
        raise InvalidRequestError(
            gettext("One of the modalities is too long, or there are too many.")
        )
    return terms


def _conditions(given: Mapping[str, str]) -> dict[str, str]:
    unknown = [keyword for keyword in given if keyword not in CONDITION_PATHS]
    if unknown:
        known = ", ".join(CONDITION_PATHS)
        raise InvalidRequestError(
            gettext("%(unknown)s is none of %(known)s.")
            % {"unknown": repr(unknown[0][:64]), "known": known}
        )
    patterns = {keyword: str(pattern).strip() for keyword, pattern in given.items()}
    if any(len(pattern) > _LONGEST_PATTERN for pattern in patterns.values()):
        raise InvalidRequestError(gettext("One of the conditions is too long."))
    return {keyword: pattern for keyword, pattern in patterns.items() if pattern}


def _record(asker: Asker, act: str, rule: ForwardingRule) -> None:
    details = {"name": rule.name, "peer": rule.peer.ae_title, "is_enabled": rule.is_enabled}
    audit.record_rule_changed(asker, act=act, rule=rule.pk, details=details)
