"""The JSON of grants, links, emergencies and the audit trail."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

if TYPE_CHECKING:
    from archive.models import AuditEvent


class NewGrantSchema(serializers.Serializer[Any]):
    """To whom, for how long, and why."""

    username = serializers.CharField(max_length=150)
    days = serializers.IntegerField(
        min_value=1, max_value=365, required=False, allow_null=True, help_text="Empty: no end."
    )
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True)


class GrantSchema(serializers.Serializer[Any]):
    """A study shown to an account."""

    key = serializers.IntegerField()
    study_uid = serializers.CharField()
    username = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    granted_by = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    is_open = serializers.BooleanField()


class GrantListSchema(serializers.Serializer[Any]):
    """To whom a study is shown."""

    results = GrantSchema(many=True)


class NewLinkSchema(serializers.Serializer[Any]):
    """What the link shows, to whom, and for how long."""

    study = serializers.CharField(max_length=64, required=False)
    collection = serializers.IntegerField(min_value=1, max_value=2**62, required=False)
    days = serializers.IntegerField(min_value=1, max_value=3650, default=7)
    password = serializers.CharField(max_length=128, required=False, allow_blank=True)
    note = serializers.CharField(max_length=255, required=False, allow_blank=True)
    may_download = serializers.BooleanField(default=False)


class LinkSchema(serializers.Serializer[Any]):
    """A share link, without its secret."""

    key = serializers.IntegerField()
    hint = serializers.CharField()
    study_uid = serializers.CharField(allow_blank=True)
    collection_id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    has_password = serializers.BooleanField()
    may_download = serializers.BooleanField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    is_open = serializers.BooleanField()
    opened = serializers.IntegerField()
    last_opened_at = serializers.DateTimeField(allow_null=True)


class MadeLinkSchema(LinkSchema):
    """A new link, with the only copy of its path."""

    path = serializers.CharField()


class LinkListSchema(serializers.Serializer[Any]):
    """Links that the asker may end."""

    results = LinkSchema(many=True)


class NewEmergencySchema(serializers.Serializer[Any]):
    """Whose images, and why."""

    patient_id = serializers.CharField(max_length=64)
    issuer = serializers.CharField(max_length=64, required=False, allow_null=True)
    reason = serializers.CharField(max_length=500)


class EmergencySchema(serializers.Serializer[Any]):
    """An emergency access."""

    key = serializers.IntegerField()
    username = serializers.CharField()
    patient_id = serializers.CharField()
    reason = serializers.CharField()
    started_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    is_open = serializers.BooleanField()
    reviewed_by = serializers.CharField(allow_blank=True)
    reviewed_at = serializers.DateTimeField(allow_null=True)
    is_justified = serializers.BooleanField(allow_null=True)
    review_note = serializers.CharField(allow_blank=True)
    study_uids = serializers.ListField(child=serializers.CharField())


class EmergencyListSchema(serializers.Serializer[Any]):
    """The asker's own accesses, and those they review."""

    results = EmergencySchema(many=True)


class ReviewSchema(serializers.Serializer[Any]):
    """What the reviewer thinks."""

    is_justified = serializers.BooleanField()
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class AuditQuerySchema(serializers.Serializer[Any]):
    """What is looked for in the audit trail."""

    first_day = serializers.DateField(required=False)
    last_day = serializers.DateField(required=False)
    user = serializers.CharField(max_length=150, required=False)
    act = serializers.CharField(max_length=40, required=False)
    event_id = serializers.CharField(max_length=8, required=False)
    door = serializers.CharField(max_length=16, required=False)
    study = serializers.CharField(max_length=64, required=False)
    address = serializers.IPAddressField(required=False)
    outcome = serializers.ChoiceField(choices=["done", "refused"], required=False)
    before = serializers.IntegerField(min_value=1, max_value=2**62, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)


class AuditRecordSchema(serializers.Serializer[Any]):
    """One record."""

    id = serializers.IntegerField()
    recorded_at = serializers.DateTimeField()
    event_id = serializers.CharField(help_text="PS3.16 CID 400.")
    act = serializers.CharField()
    action = serializers.CharField()
    outcome = serializers.IntegerField()
    actor_name = serializers.CharField(allow_blank=True)
    token_hint = serializers.CharField(allow_blank=True)
    door = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    study_instance_uid = serializers.CharField(allow_blank=True)
    details = serializers.JSONField()


class AuditPageSchema(serializers.Serializer[Any]):
    """Records, newest first; ``next_before`` asks for the next page."""

    results = AuditRecordSchema(many=True)
    next_before = serializers.IntegerField(allow_null=True)


def plain(row: Any) -> dict[str, Any]:
    """Return a summary as JSON takes it; no patient's name is among it."""
    values = asdict(row)
    values.pop("patient_name", None)
    return values


def record_json(row: AuditEvent) -> dict[str, Any]:
    """Return a record."""
    names: list[str] = [str(name) for name in AuditRecordSchema().get_fields()]
    return {name: getattr(row, name) for name in names}
