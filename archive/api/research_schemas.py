"""The JSON of research: what patients said, and for whom pseudonyms stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

if TYPE_CHECKING:
    from archive.research.consent import Consent
    from archive.research.reidentification import Reidentified


class NewConsentSchema(serializers.Serializer[Any]):
    """What the patient said, and how."""

    is_refused = serializers.BooleanField()
    reason = serializers.CharField(max_length=500)


class ResearchDecisionSchema(serializers.Serializer[Any]):
    is_refused = serializers.BooleanField()
    reason = serializers.CharField()
    by = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField()


class ConsentSchema(serializers.Serializer[Any]):
    """Whether the patient of a study refused that images are used for research."""

    is_refused = serializers.BooleanField()
    decisions = ResearchDecisionSchema(many=True, help_text="Newest first.")


class NewReidentificationSchema(serializers.Serializer[Any]):
    """Where the pseudonym is, the pseudonym or the UID of a copy, and why it has to be known."""

    realm = serializers.CharField(
        max_length=64, help_text="`project:`, `collection:` or `job:` and its key."
    )
    code = serializers.CharField(max_length=64)
    reason = serializers.CharField(max_length=500)


class ReidentifiedSchema(serializers.Serializer[Any]):
    """The patient, and the studies of theirs that the asker sees."""

    patient_name = serializers.CharField(allow_blank=True)
    patient_id = serializers.CharField(allow_blank=True)
    issuer_of_patient_id = serializers.CharField(allow_blank=True)
    studies = serializers.ListField(child=serializers.CharField())


def consent_json(consent: Consent) -> dict[str, Any]:
    """Return what a patient said."""
    decisions = [
        {"is_refused": one.is_refused, "reason": one.reason, "by": one.by, "at": one.at}
        for one in consent.decisions
    ]
    return {"is_refused": consent.is_refused, "decisions": decisions}


def reidentified_json(found: Reidentified) -> dict[str, Any]:
    """Return for whom a pseudonym stands."""
    return {
        "patient_name": found.patient_name,
        "patient_id": found.dicom_patient_id,
        "issuer_of_patient_id": found.issuer_of_patient_id,
        "studies": [study.study_instance_uid for study in found.studies],
    }
