"""The JSON of peers, forwarding rules, what is on its way, and fetches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.api.schemas import PagingSchema
from archive.forwarding.peers import PeerValues
from archive.forwarding.queue import STATES
from archive.forwarding.rules import RuleValues

if TYPE_CHECKING:
    from archive.forwarding.queue import Shipment
    from archive.models import Fetch, ForwardingRule, Peer

PROTOCOLS = ["dimse", "dicomweb"]


class PeerFieldsSchema(serializers.Serializer[Any]):
    """What can be said of a peer."""

    protocol = serializers.ChoiceField(choices=PROTOCOLS, required=False)
    ae_title = serializers.CharField(
        max_length=16, required=False, help_text="Of a DICOMweb service: its short name."
    )
    address = serializers.CharField(
        max_length=64, required=False, help_text="The IP address it calls from."
    )
    host = serializers.CharField(max_length=255, required=False, allow_blank=True)
    port = serializers.IntegerField(
        min_value=1, max_value=65535, required=False, allow_null=True, help_text="Where it listens."
    )
    description = serializers.CharField(max_length=128, required=False, allow_blank=True)
    project = serializers.CharField(
        max_length=64, required=False, allow_blank=True, help_text="Slug; where its studies go."
    )
    account = serializers.CharField(
        max_length=150,
        required=False,
        allow_blank=True,
        help_text="With whose rights it queries and retrieves; without one it sees nothing.",
    )
    may_store = serializers.BooleanField(required=False)
    may_query = serializers.BooleanField(required=False)
    may_retrieve = serializers.BooleanField(required=False)
    is_move_destination = serializers.BooleanField(required=False)
    transfer_syntaxes = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=20
    )
    uses_tls = serializers.BooleanField(required=False)
    certificate_authority = serializers.CharField(
        max_length=20_000, required=False, allow_blank=True, help_text="PEM."
    )
    base_url = serializers.CharField(max_length=200, required=False, allow_blank=True)
    authorization = serializers.CharField(
        max_length=4000,
        required=False,
        allow_blank=True,
        write_only=True,
        help_text="The Authorization header for its DICOMweb service; kept encrypted.",
    )
    is_enabled = serializers.BooleanField(required=False)


class NewPeerSchema(PeerFieldsSchema):
    """A peer to be."""

    ae_title = serializers.CharField(max_length=16)


class PeerSchema(PeerFieldsSchema):
    """A peer, and what it last said."""

    id = serializers.IntegerField()
    has_credentials = serializers.BooleanField()
    echoed_at = serializers.DateTimeField(allow_null=True)
    echo_error = serializers.CharField(help_text="Empty: it answered.")


class PeerListSchema(serializers.Serializer[Any]):
    results = PeerSchema(many=True)


class EchoSchema(serializers.Serializer[Any]):
    is_answering = serializers.BooleanField()
    error = serializers.CharField()
    echoed_at = serializers.DateTimeField()


class RuleFieldsSchema(serializers.Serializer[Any]):
    """What a rule can say; empty fields match everything."""

    name = serializers.CharField(max_length=128, required=False)
    peer = serializers.IntegerField(min_value=1, required=False, help_text="Its id.")
    project = serializers.CharField(max_length=64, required=False, allow_blank=True)
    modalities = serializers.ListField(
        child=serializers.CharField(max_length=16), required=False, max_length=50
    )
    conditions = serializers.DictField(
        child=serializers.CharField(max_length=128),
        required=False,
        help_text="Values by DICOM keyword, with * and ?; all of them hold.",
    )
    includes_results = serializers.BooleanField(required=False)
    from_time = serializers.TimeField(required=False, allow_null=True)
    until_time = serializers.TimeField(required=False, allow_null=True)
    is_enabled = serializers.BooleanField(required=False)


class NewRuleSchema(RuleFieldsSchema):
    """A rule to be; off unless it says otherwise."""

    name = serializers.CharField(max_length=128)
    peer = serializers.IntegerField(min_value=1, help_text="Its id.")


class ForwardingRuleSchema(RuleFieldsSchema):
    id = serializers.IntegerField()


class ForwardingRuleListSchema(serializers.Serializer[Any]):
    results = ForwardingRuleSchema(many=True)


class ForwardListQuerySchema(serializers.Serializer[Any]):
    """What the queue is narrowed to."""

    state = serializers.ListField(child=serializers.ChoiceField(choices=STATES), required=False)
    peer = serializers.IntegerField(min_value=1, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=500, default=50)


class NewForwardSchema(serializers.Serializer[Any]):
    """Studies to send."""

    peer = serializers.IntegerField(min_value=1, help_text="Its id.")
    studies = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=1, max_length=200
    )


class QueuedSchema(serializers.Serializer[Any]):
    instances = serializers.IntegerField()


class ForwardActSchema(serializers.Serializer[Any]):
    """What is to happen with a peer's queue, or with one study in it."""

    act = serializers.ChoiceField(choices=["retry", "cancel"])
    peer = serializers.IntegerField(min_value=1)
    study = serializers.CharField(max_length=64, required=False)


class ForwardSchema(serializers.Serializer[Any]):
    """A study on its way to a peer; numbers are of instances."""

    peer = serializers.IntegerField()
    peer_name = serializers.CharField()
    study_uid = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    total = serializers.IntegerField()
    waiting = serializers.IntegerField()
    sending = serializers.IntegerField()
    sent = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    not_before = serializers.DateTimeField(allow_null=True)
    message = serializers.CharField()


class ForwardListSchema(serializers.Serializer[Any]):
    results = ForwardSchema(many=True)


class NewFetchSchema(serializers.Serializer[Any]):
    """Studies to fetch."""

    peer = serializers.IntegerField(min_value=1, help_text="Its id.")
    studies = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=1, max_length=50
    )


class FetchesQueuedSchema(serializers.Serializer[Any]):
    studies = serializers.IntegerField(help_text="Of those named, how many are new in the queue.")


class FetchSchema(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    peer = serializers.IntegerField()
    study_uid = serializers.CharField(allow_null=True)
    patient_id = serializers.CharField(allow_null=True)
    state = serializers.CharField()
    instances = serializers.IntegerField()
    message = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class FetchPageSchema(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    results = FetchSchema(many=True)


class FetchListQuerySchema(PagingSchema):
    """The window of the list."""


def peer_values(values: dict[str, Any], known: Peer | None = None) -> PeerValues:
    """Return validated values as a peer; what is not said stays as it is known."""
    held = {} if known is None else {**peer_json(known)}
    for name in ("id", "has_credentials", "echoed_at", "echo_error"):
        held.pop(name, None)
    merged = {**held, **values}
    if "transfer_syntaxes" in merged:
        merged["transfer_syntaxes"] = tuple(merged["transfer_syntaxes"])
    return PeerValues(**merged)


def peer_json(peer: Peer) -> dict[str, Any]:
    """Return a peer; its credentials never leave."""
    plain = (
        "protocol", "ae_title", "address", "host", "port", "description", "may_store",
        "may_query", "may_retrieve", "is_move_destination", "transfer_syntaxes", "uses_tls",
        "certificate_authority", "base_url", "is_enabled", "echoed_at", "echo_error",
    )  # fmt: skip
    return {
        "id": peer.pk,
        **{name: getattr(peer, name) for name in plain},
        "project": peer.project.slug if peer.project else "",
        "account": peer.account.get_username() if peer.account else "",
        "has_credentials": bool(peer.sealed_credentials),
    }


def rule_values(values: dict[str, Any], known: ForwardingRule | None = None) -> RuleValues:
    """Return validated values as a rule; what is not said stays as it is known."""
    merged = {**({} if known is None else rule_json(known)), **values}
    for name in ("id", "is_enabled"):
        merged.pop(name, None)
    if "modalities" in merged:
        merged["modalities"] = tuple(merged["modalities"])
    return RuleValues(**merged)


def rule_json(rule: ForwardingRule) -> dict[str, Any]:
    """Return a rule."""
    return {
        "id": rule.pk,
        "name": rule.name,
        "peer": rule.peer_id,
        "project": rule.project.slug if rule.project else "",
        "modalities": rule.modalities,
        "conditions": rule.conditions,
        "includes_results": rule.includes_results,
        "from_time": rule.from_time,
        "until_time": rule.until_time,
        "is_enabled": rule.is_enabled,
    }


def forward_json(one: Shipment) -> dict[str, Any]:
    """Return a study on its way."""
    counts = {state: getattr(one, state) for state in STATES}
    return {
        "peer": one.peer.pk,
        "peer_name": one.peer.ae_title,
        "study_uid": one.study.study_instance_uid,
        "state": one.state,
        "total": one.total,
        **counts,
        "not_before": one.not_before,
        "message": one.message,
    }


def fetch_json(fetch: Fetch) -> dict[str, Any]:
    """Return a fetch."""
    return {
        "id": fetch.pk,
        "peer": fetch.peer_id,
        "study_uid": fetch.study_instance_uid or None,
        "patient_id": fetch.dicom_patient_id or None,
        "state": fetch.state,
        "instances": fetch.number_of_instances,
        "message": fetch.message,
        "created_at": fetch.created_at,
        "finished_at": fetch.finished_at,
    }
