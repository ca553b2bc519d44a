"""Prefetch rules as people make them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from archive.access.selectors import require_site_radiology_admin
from archive.audit import forwarding as audit
from archive.errors import InvalidRequestError, NotAllowedError, NotVisibleError
from archive.forwarding.queueing import can_receive
from archive.forwarding.rules import modality_terms
from archive.models import Peer, PrefetchRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.audit.types import Asker
    from archive.models.querysets import AnyUser


@dataclass(frozen=True)
class PrefetchValues:
    """What a rule says; empty modalities mean every one."""

    name: str
    peer: int
    modalities: tuple[str, ...] = ()
    prior_modalities: tuple[str, ...] = ()
    most_studies: int = 3
    most_years: int = 5
    is_enabled: bool = True


def list_prefetch_rules(user: AnyUser) -> list[PrefetchRule]:
    """Return every rule, by name."""
    require_site_radiology_admin(user)
    return list(PrefetchRule.objects.select_related("peer").order_by("name"))


def get_prefetch_rule(user: AnyUser, rule_id: int) -> PrefetchRule:
    """Return one rule; NotVisibleError where there is none."""
    require_site_radiology_admin(user)
    rule = PrefetchRule.objects.filter(pk=rule_id).first()
    if rule is None:
        raise NotVisibleError("There is no such rule.")
    return rule


def create_prefetch_rule(*, asker: Asker, values: PrefetchValues) -> PrefetchRule:
    """Make a rule.

    Raises
    ------
    NotAllowedError
        Only a radiology admin of the whole archive may.
    InvalidRequestError
        A value is not possible, or there is no such peer.
    """
    _admin(asker)
    rule = PrefetchRule(**_checked(values))
    _save(asker, "create-prefetch-rule", rule)
    return rule


def change_prefetch_rule(*, asker: Asker, rule_id: int, changes: Mapping[str, Any]) -> PrefetchRule:
    """Change what a rule says; what is not named stays. Errors as of `create_prefetch_rule`.

    Parameters
    ----------
    changes
        by the names of `PrefetchValues`
    """
    _admin(asker)
    if not changes:
        raise InvalidRequestError("Name what shall change.")
    if changes.keys() == {"is_enabled"}:
        return switch_prefetch_rule(
            asker=asker, rule_id=rule_id, is_enabled=bool(changes["is_enabled"])
        )
    with transaction.atomic():
        rule = _locked(rule_id)
        for name, value in _checked(replace(_values_of(rule), **changes)).items():
            setattr(rule, name, value)
        _save(asker, "change-prefetch-rule", rule)
    return rule


def _values_of(rule: PrefetchRule) -> PrefetchValues:
    return PrefetchValues(
        name=rule.name,
        peer=rule.peer_id,
        modalities=tuple(rule.modalities),
        prior_modalities=tuple(rule.prior_modalities),
        most_studies=rule.most_studies,
        most_years=rule.most_years,
        is_enabled=rule.is_enabled,
    )


def _checked(values: PrefetchValues) -> dict[str, Any]:
    """Return columns for what a rule shall say."""
    peer = Peer.objects.filter(pk=values.peer).first()
    if peer is None or not can_receive(peer):
        raise InvalidRequestError("There is no such peer, or its entry does not say where it is.")
    name = values.name.strip()[:128]
    if not name:
        raise InvalidRequestError("A rule has a name.")
    if not 1 <= values.most_studies <= 50 or not 1 <= values.most_years <= 100:
        raise InvalidRequestError("A rule wants 1 to 50 studies of the last 1 to 100 years.")
    return {
        "name": name,
        "peer": peer,
        "modalities": modality_terms(values.modalities),
        "prior_modalities": modality_terms(values.prior_modalities),
        "most_studies": values.most_studies,
        "most_years": values.most_years,
        "is_enabled": values.is_enabled,
    }


def _save(asker: Asker, act: str, rule: PrefetchRule) -> None:
    try:
        with transaction.atomic():
            rule.save()
            _record(asker, act, rule)
    except IntegrityError as error:
        raise InvalidRequestError("Another rule has this name.") from error


def switch_prefetch_rule(*, asker: Asker, rule_id: int, is_enabled: bool) -> PrefetchRule:
    """Switch a rule on or off. Errors as of `create_prefetch_rule`."""
    _admin(asker)
    with transaction.atomic():
        rule = _locked(rule_id)
        rule.is_enabled = is_enabled
        rule.save(update_fields=["is_enabled"])
        _record(asker, "enable-prefetch-rule" if is_enabled else "disable-prefetch-rule", rule)
    return rule


def delete_prefetch_rule(*, asker: Asker, rule_id: int) -> None:
    """Delete a rule; what it fetched stays. Errors as of `create_prefetch_rule`."""
    _admin(asker)
    with transaction.atomic():
        rule = _locked(rule_id)
        _record(asker, "delete-prefetch-rule", rule)
        rule.delete()


def _admin(asker: Asker) -> Any:
    if asker.user is None:
        raise NotAllowedError("Sign in to change what is fetched by itself.")
    require_site_radiology_admin(asker.user)
    return asker.user


def _locked(rule_id: int) -> PrefetchRule:
    rows = PrefetchRule.objects.select_for_update(of=("self",)).select_related("peer")
    rule = rows.filter(pk=rule_id).first()
    if rule is None:
        raise NotVisibleError("There is no such rule.")
    return rule


def _record(asker: Asker, act: str, rule: PrefetchRule) -> None:
    details = {"name": rule.name, "peer": rule.peer.ae_title, "is_enabled": rule.is_enabled}
    audit.record_rule_changed(asker, act=act, rule=rule.pk, details=details)
