"""REST endpoints of the rules by which priors are fetched."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from archive.api import prefetch_schemas as schemas
from archive.api.endpoints import Endpoint, asker_of, validated
from archive.api.forwarding import ABSENT, FORBIDDEN, REFUSED
from archive.forwarding import prefetch_rules

if TYPE_CHECKING:
    from rest_framework.request import Request


class PrefetchRulesView(Endpoint):
    """The rules by which priors are fetched."""

    @extend_schema(
        operation_id="prefetch_rules_list",
        responses={200: schemas.PrefetchRuleListSchema, 403: FORBIDDEN},
    )
    def get(self, request: Request) -> Response:
        """List every rule."""
        found = prefetch_rules.list_prefetch_rules(request.user)
        return Response({"results": [schemas.prefetch_rule_json(rule) for rule in found]})

    @extend_schema(
        operation_id="prefetch_rules_create",
        request=schemas.NewPrefetchRuleSchema,
        responses={201: schemas.PrefetchRuleSchema, 400: REFUSED, 403: FORBIDDEN},
    )
    def post(self, request: Request) -> Response:
        """Make a rule."""
        values = validated(schemas.NewPrefetchRuleSchema(data=request.data))
        rule = prefetch_rules.create_prefetch_rule(
            asker=asker_of(request), values=schemas.prefetch_values(values)
        )
        return Response(schemas.prefetch_rule_json(rule), status=HTTPStatus.CREATED)


class PrefetchRuleView(Endpoint):
    """One rule."""

    @extend_schema(
        operation_id="prefetch_rules_retrieve",
        responses={200: schemas.PrefetchRuleSchema, 403: FORBIDDEN, 404: ABSENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Give a rule."""
        rule = prefetch_rules.get_prefetch_rule(request.user, pk)
        return Response(schemas.prefetch_rule_json(rule))

    @extend_schema(
        operation_id="prefetch_rules_change",
        request=schemas.NewPrefetchRuleSchema,
        responses={200: schemas.PrefetchRuleSchema, 400: REFUSED, 403: FORBIDDEN, 404: ABSENT},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what a rule says, or switch it on or off; what is not named stays."""
        changes = validated(schemas.NewPrefetchRuleSchema(data=request.data, partial=True))
        rule = prefetch_rules.change_prefetch_rule(
            asker=asker_of(request), rule_id=pk, changes=schemas.prefetch_changes(changes)
        )
        return Response(schemas.prefetch_rule_json(rule))

    @extend_schema(
        operation_id="prefetch_rules_delete",
        responses={204: None, 403: FORBIDDEN, 404: ABSENT},
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a rule; what it fetched stays."""
        prefetch_rules.delete_prefetch_rule(asker=asker_of(request), rule_id=pk)
        return Response(status=HTTPStatus.NO_CONTENT)
