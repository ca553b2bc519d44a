"""REST endpoints of the asker's own API tokens."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from archive.accounts import tokens
from archive.api.endpoints import Endpoint, asker_of, require_recent_login, validated
from archive.api.schemas import ProblemSchema
from archive.api.token_schemas import (
    MadeTokenSchema,
    NewTokenSchema,
    TokenListSchema,
    token_json,
)

if TYPE_CHECKING:
    from rest_framework.request import Request

REFUSED = OpenApiResponse(ProblemSchema, "A field is wrong; `field` or `errors` name it.")
FORBIDDEN = OpenApiResponse(
    ProblemSchema,
    "`recent-login-required`: sign in again. `session-required`: a token may renew and end itself,"
    " and make none.",
)
OVER = OpenApiResponse(
    ProblemSchema, "`renewal-over`: it was renewed for as long as one may be; make another."
)
ABSENT = OpenApiResponse(ProblemSchema, "There is none, or it is not yours.")


class TokensView(Endpoint):
    """The asker's own tokens."""

    @extend_schema(operation_id="tokens_list", responses={200: TokenListSchema})
    def get(self, request: Request) -> Response:
        """List them; no secret is ever shown again."""
        return Response({"results": [token_json(one) for one in tokens.list_tokens(request.user)]})

    @extend_schema(
        operation_id="tokens_create",
        request=NewTokenSchema,
        responses={201: MadeTokenSchema, 400: REFUSED, 403: FORBIDDEN},
    )
    def post(self, request: Request) -> Response:
        """Make one; its secret is told this once."""
        require_recent_login(request)
        values = validated(NewTokenSchema(data=request.data))
        values["project_slug"] = values.pop("project", "")
        token, secret = tokens.make_token(asker=asker_of(request), **values)
        return Response(token_json(token, secret=secret), status=HTTPStatus.CREATED)


class TokenView(Endpoint):
    """One token."""

    @extend_schema(operation_id="tokens_delete", responses={204: None, 403: FORBIDDEN, 404: ABSENT})
    def delete(self, request: Request, pk: int) -> Response:
        """End it at once."""
        tokens.revoke_own_token(asker=asker_of(request), token_id=pk)
        return Response(status=HTTPStatus.NO_CONTENT)


class TokenRotationView(Endpoint):
    """A new secret for a token."""

    @extend_schema(
        operation_id="tokens_rotate",
        request=None,
        responses={201: MadeTokenSchema, 403: FORBIDDEN, 404: ABSENT, 409: OVER},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Make its successor; the old secret goes on for an hour."""
        require_recent_login(request)
        token, secret = tokens.rotate_token(asker=asker_of(request), token_id=pk)
        return Response(token_json(token, secret=secret), status=HTTPStatus.CREATED)
