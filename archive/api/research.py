"""REST endpoints of research: what patients said, and for whom pseudonyms stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from archive.access.scopes import requires_scope
from archive.api.endpoints import (
    Endpoint,
    asker_of,
    checked_uid,
    require_recent_login,
    validated,
)
from archive.api.research_schemas import (
    ConsentSchema,
    NewConsentSchema,
    NewReidentificationSchema,
    ReidentifiedSchema,
    consent_json,
    reidentified_json,
)
from archive.api.schemas import ProblemSchema
from archive.research.consent import consent_of, decide_research
from archive.research.reidentification import reidentify

if TYPE_CHECKING:
    from rest_framework.request import Request

REFUSED = OpenApiResponse(ProblemSchema, "A field is wrong; `errors` name it.")
FORBIDDEN = OpenApiResponse(ProblemSchema, "Your role does not allow it.")
ABSENT = OpenApiResponse(ProblemSchema, "There is none, or it is not for you.")
CONFLICT = OpenApiResponse(ProblemSchema, "It is so already.")
UNSEALED = OpenApiResponse(ProblemSchema, "The key that it was sealed under is gone.")


class StudyConsentView(Endpoint):
    """What the patient of a study said about research."""

    @extend_schema(
        operation_id="study_research_retrieve",
        responses={200: ConsentSchema, 403: FORBIDDEN, 404: ABSENT},
    )
    def get(self, request: Request, study_uid: str) -> Response:
        """Say whether images of the patient may be used, for radiology admins."""
        return Response(consent_json(consent_of(request.user, checked_uid(study_uid))))

    @extend_schema(
        operation_id="study_research_decide",
        request=NewConsentSchema,
        responses={
            200: ConsentSchema,
            400: REFUSED,
            403: FORBIDDEN,
            404: ABSENT,
            409: CONFLICT,
        },
    )
    def put(self, request: Request, study_uid: str) -> Response:
        """Write down what the patient said; a refusal withdraws copies at once."""
        values = validated(NewConsentSchema(data=request.data))
        uid = checked_uid(study_uid)
        decide_research(asker=asker_of(request), study_uid=uid, **values)
        return Response(consent_json(consent_of(request.user, uid)))


@requires_scope("admin")
class ReidentificationsView(Endpoint):
    """For whom a pseudonym stands."""

    @extend_schema(
        operation_id="reidentifications_create",
        request=NewReidentificationSchema,
        responses={
            200: ReidentifiedSchema,
            400: REFUSED,
            403: FORBIDDEN,
            404: ABSENT,
            409: UNSEALED,
        },
    )
    def post(self, request: Request) -> Response:
        """Tell it to an admin of the pseudonym's project and of the patient's; on record."""
        require_recent_login(request)
        values = validated(NewReidentificationSchema(data=request.data))
        return Response(reidentified_json(reidentify(asker=asker_of(request), **values)))
