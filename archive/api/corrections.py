"""REST endpoints of corrections and legal holds."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from archive.access.selectors import require_radiology_admin
from archive.api.correction_schemas import (
    CorrectionListQuerySchema,
    CorrectionPageSchema,
    CorrectionSchema,
    FoundPatientSchema,
    LegalHoldSchema,
    NewCorrectionSchema,
    PatientQuerySchema,
    correction_json,
)
from archive.api.endpoints import Endpoint, checked_uid
from archive.api.parsers import BoundedJsonParser
from archive.corrections.asking import make_correction
from archive.corrections.selectors import (
    correction_rows,
    corrections_between,
    find_correction,
    search_patients,
)
from archive.corrections.studies import lift_legal_hold, set_legal_hold
from archive.corrections.undoing import undo_correction

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from archive.audit.types import Asker


def _asker(request: Request) -> Asker:
    asker: Asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001 DRF's way
    return asker


def _values(schema: Serializer[Any]) -> dict[str, Any]:
    schema.is_valid(raise_exception=True)
    values: dict[str, Any] = schema.validated_data
    return values


class CorrectionsView(Endpoint):
    """What was put right."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="corrections_list",
        parameters=[CorrectionListQuerySchema],
        responses={200: CorrectionPageSchema},
    )
    def get(self, request: Request) -> Response:
        """List corrections in the projects that you administer, newest first."""
        require_radiology_admin(request.user)
        held = _values(CorrectionListQuerySchema(data=request.query_params.dict()))
        count, rows = corrections_between(
            request.user, held["offset"], held["limit"], study_uid=held.get("study_uid", "")
        )
        return Response({"count": count, "results": [correction_json(row) for row in rows]})

    @extend_schema(
        operation_id="corrections_create",
        request=NewCorrectionSchema,
        responses={201: CorrectionSchema},
    )
    def post(self, request: Request) -> Response:
        """Correct patients, studies or series; what is stored never changes.

        `patient-edit` takes patient and values; `patient-merge` patient and target_patient;
        `study-edit` study_uid and values; `study-move` study_uid and target_patient; `reconcile`
        study_uid and step; `series-edit` study_uid, one series and values; `series-move`
        study_uid, series_uids and target_study_uid; `study-split` study_uid and series_uids;
        `project-move` study_uid and project.
        """
        said = _values(NewCorrectionSchema(data=request.data))
        made = make_correction(asker=_asker(request), said=said)
        row = correction_rows(request.user, [made])[0]
        return Response(correction_json(row), status=HTTPStatus.CREATED)


class CorrectionUndoView(Endpoint):
    """A correction that is taken back."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(operation_id="corrections_undo", request=None, responses={200: CorrectionSchema})
    def post(self, request: Request, correction_id: int) -> Response:
        """Take a correction back; the last one of a thing comes first."""
        undo_correction(asker=_asker(request), correction_id=correction_id)
        return Response(correction_json(find_correction(request.user, correction_id)))


class LegalHoldView(Endpoint):
    """Whether a study may be deleted."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(
        operation_id="legal_hold_set", request=LegalHoldSchema, responses={200: LegalHoldSchema}
    )
    def put(self, request: Request, study_uid: str) -> Response:
        """Keep a study from being deleted or purged."""
        reason = _values(LegalHoldSchema(data=request.data))["reason"]
        study = set_legal_hold(
            asker=_asker(request), study_uid=checked_uid(study_uid), reason=reason
        )
        return Response({"reason": study.legal_hold_reason})

    @extend_schema(operation_id="legal_hold_lift", responses={204: None})
    def delete(self, request: Request, study_uid: str) -> Response:
        """Let it be deleted again."""
        lift_legal_hold(asker=_asker(request), study_uid=checked_uid(study_uid))
        return Response(status=HTTPStatus.NO_CONTENT)


class PatientsView(Endpoint):
    """Patients, to be named by their keys."""

    @extend_schema(
        operation_id="patients_search",
        parameters=[PatientQuerySchema],
        responses={200: FoundPatientSchema(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Find patients whom you administer by the beginning of an ID or a name."""
        require_radiology_admin(request.user)
        text = _values(PatientQuerySchema(data=request.query_params.dict()))["q"]
        found = search_patients(request.user, text)
        return Response(
            [
                {
                    "id": one.pk,
                    "patient_id": one.dicom_patient_id,
                    "issuer": one.issuer_of_patient_id,
                    "name": one.patient_name,
                    "birth_date": one.patient_birth_date,
                    "sex": one.patient_sex,
                }
                for one in found
            ]
        )
