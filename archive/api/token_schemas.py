"""The JSON of API tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

if TYPE_CHECKING:
    from archive.models import ApiToken


class NewTokenSchema(serializers.Serializer[Any]):
    """What the token is for, may do, and how long it lives."""

    name = serializers.CharField(max_length=128)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=["read", "write", "admin", "metrics"]),
        min_length=1,
        max_length=4,
    )
    days = serializers.IntegerField(min_value=1, max_value=3650, default=90)
    project = serializers.SlugField(
        max_length=64, required=False, help_text="Where the studies go that it stores."
    )


class TokenSchema(serializers.Serializer[Any]):
    """A token, without its secret."""

    key = serializers.IntegerField()
    name = serializers.CharField(allow_blank=True)
    hint = serializers.CharField(help_text="How its secret begins.")
    scopes = serializers.ListField(child=serializers.CharField())
    project = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    renewable_until = serializers.DateTimeField(
        help_text="It and its successors live no longer than this in all."
    )
    last_used_at = serializers.DateTimeField(allow_null=True)


class MadeTokenSchema(TokenSchema):
    """A new token, with the only copy of its secret."""

    secret = serializers.CharField()


class TokenListSchema(serializers.Serializer[Any]):
    """The account's own tokens that were not revoked."""

    results = TokenSchema(many=True)


def token_json(token: ApiToken, **more: str) -> dict[str, Any]:
    """Return what may be shown of a token."""
    named = (
        "name",
        "hint",
        "scopes",
        "created_at",
        "expires_at",
        "renewable_until",
        "last_used_at",
    )
    shown = {name: getattr(token, name) for name in named}
    return {"key": token.pk, "project": token.project and token.project.slug, **shown, **more}
