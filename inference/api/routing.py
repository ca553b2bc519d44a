"""REST endpoints of routing rules, for radiology admins of the whole archive."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from archive.api.endpoints import Endpoint
from archive.api.parsers import BoundedJsonParser
from inference.api.run_schemas import (
    KeptRuleSchema,
    RuleListSchema,
    RuleSchema,
    SwitchSchema,
    TrialSchema,
    rule_json,
    rule_values,
    trial_json,
)
from inference.runs import rules

if TYPE_CHECKING:
    from rest_framework.request import Request

    from archive.audit.types import Asker
    from inference.api.schemas import StrictSerializer


def _asker(request: Request) -> Asker:
    return request._request.asker  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001


def _values(schema: type[StrictSerializer], request: Request) -> dict[str, Any]:
    checked = schema(data=request.data)
    checked.is_valid(raise_exception=True)
    return checked.validated_data  # type: ignore[no-any-return]


class RulesView(Endpoint):
    """Which models run by themselves."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(operation_id="routing_rules_list", responses={200: RuleListSchema})
    def get(self, request: Request) -> Response:
        """List every rule."""
        return Response({"results": [rule_json(rule) for rule in rules.list_rules(request.user)]})

    @extend_schema(
        operation_id="routing_rules_create", request=RuleSchema, responses={201: KeptRuleSchema}
    )
    def post(self, request: Request) -> Response:
        """Make a rule; it is off until it is switched on."""
        values = rule_values(_values(RuleSchema, request))
        rule = rules.create_rule(asker=_asker(request), values=values)
        return Response(rule_json(rule), status=HTTPStatus.CREATED)


class RuleView(Endpoint):
    """One rule."""

    parser_classes = [BoundedJsonParser]

    @extend_schema(operation_id="routing_rules_read", responses={200: KeptRuleSchema})
    def get(self, request: Request, rule_id: int) -> Response:
        """Show a rule."""
        return Response(rule_json(rules.get_rule(request.user, rule_id)))

    @extend_schema(
        operation_id="routing_rules_change", request=RuleSchema, responses={200: KeptRuleSchema}
    )
    def put(self, request: Request, rule_id: int) -> Response:
        """Say anew what a rule says; it stays on or off."""
        values = rule_values(_values(RuleSchema, request))
        rule = rules.change_rule(asker=_asker(request), rule_id=rule_id, values=values)
        return Response(rule_json(rule))

    @extend_schema(
        operation_id="routing_rules_switch", request=SwitchSchema, responses={200: KeptRuleSchema}
    )
    def patch(self, request: Request, rule_id: int) -> Response:
        """Switch a rule on or off."""
        values = _values(SwitchSchema, request)
        rule = rules.switch_rule(asker=_asker(request), rule_id=rule_id, **values)
        return Response(rule_json(rule))

    @extend_schema(operation_id="routing_rules_delete", responses={204: None})
    def delete(self, request: Request, rule_id: int) -> Response:
        """Delete a rule; runs that it made stay."""
        rules.delete_rule(asker=_asker(request), rule_id=rule_id)
        return Response(status=HTTPStatus.NO_CONTENT)


class RuleTrialView(Endpoint):
    """What a rule would have matched."""

    @extend_schema(operation_id="routing_rules_trial", responses={200: TrialSchema})
    def get(self, request: Request, rule_id: int) -> Response:
        """Try a rule on the newest series of the archive; nothing is queued."""
        return Response(trial_json(rules.try_kept_rule(request.user, rule_id)))
