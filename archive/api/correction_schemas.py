"""The JSON of corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from archive.api.schemas import PagingSchema
from archive.corrections.asking import KINDS

if TYPE_CHECKING:
    from archive.corrections.types import CorrectionRow


class NewCorrectionSchema(serializers.Serializer[Any]):
    """What is put right; each kind takes the fields that its description names."""

    kind = serializers.ChoiceField(choices=sorted(KINDS))
    reason = serializers.CharField(max_length=500)
    study_uid = serializers.CharField(max_length=64, required=False)
    series_uids = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=1000, required=False
    )
    target_study_uid = serializers.CharField(max_length=64, required=False)
    values = serializers.DictField(
        child=serializers.CharField(max_length=400, allow_blank=True),
        required=False,
        help_text="Keyword to value, as DICOM writes it; dates as YYYY-MM-DD, too.",
    )
    patient = serializers.IntegerField(required=False, help_text="Key of a patient.")
    target_patient = serializers.IntegerField(required=False)
    step = serializers.IntegerField(required=False, help_text="Of a scheduled step.")
    project = serializers.CharField(max_length=64, required=False, help_text="Slug.")
    keep_projects = serializers.BooleanField(default=False)


class ChangeSchema(serializers.Serializer[Any]):
    attribute = serializers.CharField()
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class CorrectionSchema(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=sorted(KINDS))
    reason = serializers.CharField()
    study_uid = serializers.CharField(allow_blank=True)
    patient = serializers.IntegerField(allow_null=True)
    changes = ChangeSchema(many=True)
    made_by = serializers.CharField(allow_blank=True)
    made_at = serializers.DateTimeField()
    undone_at = serializers.DateTimeField(allow_null=True)


class CorrectionListQuerySchema(PagingSchema):
    study_uid = serializers.CharField(max_length=64, required=False)


class CorrectionPageSchema(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    results = CorrectionSchema(many=True)


class LegalHoldSchema(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500)


class FoundPatientSchema(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    patient_id = serializers.CharField(allow_blank=True)
    issuer = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    birth_date = serializers.DateField(allow_null=True)
    sex = serializers.CharField(allow_blank=True)


class PatientQuerySchema(serializers.Serializer[Any]):
    q = serializers.CharField(
        min_length=2, max_length=64, help_text="An ID's or a name's beginning."
    )


def correction_json(row: CorrectionRow) -> dict[str, Any]:
    """Return a correction as the API shows it."""
    one = row.correction
    return {
        "id": one.pk,
        "kind": one.kind,
        "reason": one.reason,
        "study_uid": one.study_instance_uid,
        "patient": one.patient_id,
        "changes": [
            {"attribute": change.label, "before": change.before, "after": change.after}
            for change in row.changes
        ],
        "made_by": one.made_by.get_username() if one.made_by else one.origin,
        "made_at": one.made_at.isoformat(),
        "undone_at": one.undone_at.isoformat() if one.undone_at else None,
    }
