"""REST endpoints of peers, forwarding rules, what is on its way, and fetches."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.response import Response

from archive.api import forwarding_schemas as schemas
from archive.api.endpoints import Endpoint
from archive.api.schemas import ProblemSchema
from archive.forwarding import fetches, peers, queue, queueing, rules

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from archive.audit.types import Asker

REFUSED = OpenApiResponse(ProblemSchema, "A field is wrong; `field` or `errors` name it.")
FORBIDDEN = OpenApiResponse(ProblemSchema, "Only for radiology admins of the whole archive.")
ABSENT = OpenApiResponse(ProblemSchema, "There is none, or it is not for you.")
_CHANGES = {400: REFUSED, 403: FORBIDDEN, 404: ABSENT}


def _asker(request: Request) -> Asker:
    asker: Asker = request._request.asker  # type: ignore[attr-defined]  # noqa: SLF001 DRF's way
    return asker


def _values(schema: Serializer[Any]) -> dict[str, Any]:
    schema.is_valid(raise_exception=True)
    values: dict[str, Any] = schema.validated_data
    return values


class PeersView(Endpoint):
    """The register of peers."""

    @extend_schema(
        operation_id="peers_list", responses={200: schemas.PeerListSchema, 403: FORBIDDEN}
    )
    def get(self, request: Request) -> Response:
        """List every peer."""
        found = peers.list_peers(request.user)
        return Response({"results": [schemas.peer_json(peer) for peer in found]})

    @extend_schema(
        operation_id="peers_create",
        request=schemas.NewPeerSchema,
        responses={201: schemas.PeerSchema, 400: REFUSED, 403: FORBIDDEN},
    )
    def post(self, request: Request) -> Response:
        """Register a peer."""
        values = _values(schemas.NewPeerSchema(data=request.data))
        peer = peers.create_peer(asker=_asker(request), values=schemas.peer_values(values))
        return Response(schemas.peer_json(peer), status=HTTPStatus.CREATED)


class PeerView(Endpoint):
    """One peer."""

    @extend_schema(
        operation_id="peers_retrieve",
        responses={200: schemas.PeerSchema, 403: FORBIDDEN, 404: ABSENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Give a peer."""
        return Response(schemas.peer_json(peers.get_peer(request.user, pk)))

    @extend_schema(
        operation_id="peers_change",
        request=schemas.PeerFieldsSchema,
        responses={200: schemas.PeerSchema, **_CHANGES},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change a peer; what is not sent stays."""
        known = peers.get_peer(request.user, pk)
        values = schemas.peer_values(_values(schemas.PeerFieldsSchema(data=request.data)), known)
        peer = peers.change_peer(asker=_asker(request), peer_id=pk, values=values)
        return Response(schemas.peer_json(peer))

    @extend_schema(operation_id="peers_delete", responses={204: None, **_CHANGES})
    def delete(self, request: Request, pk: int) -> Response:
        """Take a peer out of the register, with its queue."""
        peers.delete_peer(asker=_asker(request), peer_id=pk)
        return Response(status=HTTPStatus.NO_CONTENT)


class PeerEchoView(Endpoint):
    """Whether a peer answers."""

    @extend_schema(
        operation_id="peers_echo",
        request=None,
        responses={200: schemas.EchoSchema, 403: FORBIDDEN, 404: ABSENT},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Ask a peer: C-ECHO, or a query for one study by DICOMweb."""
        peer = peers.echo_peer(asker=_asker(request), peer_id=pk)
        body = {
            "is_answering": not peer.echo_error,
            "error": peer.echo_error,
            "echoed_at": peer.echoed_at,
        }
        return Response(body)


class ForwardingRulesView(Endpoint):
    """The rules by which arriving instances go on."""

    @extend_schema(
        operation_id="forwarding_rules_list",
        responses={200: schemas.ForwardingRuleListSchema, 403: FORBIDDEN},
    )
    def get(self, request: Request) -> Response:
        """List every rule."""
        found = rules.list_rules(request.user)
        return Response({"results": [schemas.rule_json(rule) for rule in found]})

    @extend_schema(
        operation_id="forwarding_rules_create",
        request=schemas.NewRuleSchema,
        responses={201: schemas.ForwardingRuleSchema, 400: REFUSED, 403: FORBIDDEN},
    )
    def post(self, request: Request) -> Response:
        """Make a rule."""
        values = _values(schemas.NewRuleSchema(data=request.data))
        asker = _asker(request)
        rule = rules.create_rule(asker=asker, values=schemas.rule_values(values))
        if values.get("is_enabled"):
            rule = rules.switch_rule(asker=asker, rule_id=rule.pk, is_enabled=True)
        return Response(schemas.rule_json(rule), status=HTTPStatus.CREATED)


class ForwardingRuleView(Endpoint):
    """One rule."""

    @extend_schema(
        operation_id="forwarding_rules_retrieve",
        responses={200: schemas.ForwardingRuleSchema, 403: FORBIDDEN, 404: ABSENT},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Give a rule."""
        return Response(schemas.rule_json(rules.get_rule(request.user, pk)))

    @extend_schema(
        operation_id="forwarding_rules_change",
        request=schemas.RuleFieldsSchema,
        responses={200: schemas.ForwardingRuleSchema, **_CHANGES},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change a rule, or switch it; what is not sent stays."""
        asker = _asker(request)
        known = rules.get_rule(request.user, pk)
        values = _values(schemas.RuleFieldsSchema(data=request.data))
        changed = schemas.rule_values(values, known)
        rule = rules.change_rule(asker=asker, rule_id=pk, values=changed)
        wanted = values.get("is_enabled")
        if wanted is not None and wanted != rule.is_enabled:
            rule = rules.switch_rule(asker=asker, rule_id=pk, is_enabled=wanted)
        return Response(schemas.rule_json(rule))

    @extend_schema(operation_id="forwarding_rules_delete", responses={204: None, **_CHANGES})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a rule; what it queued still goes out."""
        rules.delete_rule(asker=_asker(request), rule_id=pk)
        return Response(status=HTTPStatus.NO_CONTENT)


class ForwardsView(Endpoint):
    """Studies on their way to peers."""

    @extend_schema(
        operation_id="forwards_list",
        parameters=[schemas.ForwardListQuerySchema],
        responses={200: schemas.ForwardListSchema, 400: REFUSED, 403: FORBIDDEN},
    )
    def get(self, request: Request) -> Response:
        """List studies on their way, the latest first."""
        values = _values(schemas.ForwardListQuerySchema(data=request.query_params))
        found = queue.list_shipments(
            request.user,
            states=values.get("state", ()),
            peer_id=values.get("peer"),
            limit=values["limit"],
        )
        return Response({"results": [schemas.forward_json(one) for one in found]})

    @extend_schema(
        operation_id="forwards_create",
        request=schemas.NewForwardSchema,
        responses={202: schemas.QueuedSchema, **_CHANGES, 413: REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Send studies to a peer; needs a storing role in their projects."""
        values = _values(schemas.NewForwardSchema(data=request.data))
        number = queueing.send_studies(
            asker=_asker(request), peer_id=values["peer"], study_uids=values["studies"]
        )
        return Response({"instances": number}, status=HTTPStatus.ACCEPTED)

    @extend_schema(
        operation_id="forwards_act",
        request=schemas.ForwardActSchema,
        responses={200: schemas.QueuedSchema, **_CHANGES},
    )
    def patch(self, request: Request) -> Response:
        """Try again what failed, or cancel what waits: all of a peer, or one study."""
        values = _values(schemas.ForwardActSchema(data=request.data))
        act = {"retry": queue.retry, "cancel": queue.cancel}[values["act"]]
        study = values.get("study")
        key = queue.study_key(request.user, study) if study else None
        number = act(asker=_asker(request), peer_id=values["peer"], study_id=key)
        return Response({"instances": number})


class FetchesView(Endpoint):
    """Studies that are fetched from peers."""

    @extend_schema(
        operation_id="fetches_list",
        parameters=[schemas.FetchListQuerySchema],
        responses={200: schemas.FetchPageSchema, 400: REFUSED, 403: FORBIDDEN},
    )
    def get(self, request: Request) -> Response:
        """List fetches, the newest first."""
        values = _values(schemas.FetchListQuerySchema(data=request.query_params))
        found = fetches.list_fetches(request.user)
        shown = found[values["offset"] : values["offset"] + values["limit"]]
        results = [schemas.fetch_json(fetch) for fetch in shown]
        return Response({"count": found.count(), "results": results})

    @extend_schema(
        operation_id="fetches_create",
        request=schemas.NewFetchSchema,
        responses={202: schemas.FetchesQueuedSchema, **_CHANGES},
    )
    def post(self, request: Request) -> Response:
        """Fetch studies from a peer."""
        values = _values(schemas.NewFetchSchema(data=request.data))
        number = fetches.fetch_studies(
            asker=_asker(request), peer_id=values["peer"], study_uids=values["studies"]
        )
        return Response({"studies": number}, status=HTTPStatus.ACCEPTED)
