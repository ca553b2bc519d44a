"""What people send about accounts."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class ProfileForm(forms.Form):
    """Names, mail address, theme and language of one's own account."""

    first_name = forms.CharField(label=_("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False)
    email = forms.EmailField(label=_("Mail address"), max_length=254, required=False)
    theme = forms.ChoiceField(
        label=_("Theme"), choices=[("", ""), ("dark", ""), ("light", "")], required=False
    )
    language = forms.ChoiceField(label=_("Language"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = [("", ""), *settings.LANGUAGES]  # type: ignore[attr-defined]


class TokenForm(forms.Form):
    """What a token is for, may do, and how long it lives."""

    name = forms.CharField(label=_("Name"), max_length=128)
    scopes = forms.MultipleChoiceField(label=_("Scopes"))
    project = forms.SlugField(label=_("Project"), max_length=64, required=False)
    days = forms.IntegerField(label=_("Days"), min_value=1, initial=90)

    def __init__(self, *args: Any, scopes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scopes"].choices = [(one, one) for one in scopes]  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """Return them as the service takes them."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "scopes": data["scopes"],
            "days": data["days"],
            "project_slug": data["project"],
        }


class UserForm(forms.Form):
    """An account, as the user administrator enters it."""

    username = forms.CharField(label=_("User name"), max_length=150, required=False)
    first_name = forms.CharField(label=_("First name"), max_length=150, required=False)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False)
    email = forms.EmailField(label=_("Mail address"), max_length=254, required=False)
    is_user_admin = forms.BooleanField(label=_("User administrator"), required=False)
    is_service = forms.BooleanField(label=_("Program"), required=False)


class RoleForm(forms.Form):
    """A role in a project, or in every standard project, perhaps until a day."""

    role = forms.CharField(label=_("Role"), max_length=16)
    project = forms.SlugField(label=_("Project"), max_length=64, required=False)
    until = forms.DateField(label=_("Until"), required=False)


class MappingForm(forms.Form):
    """What members of an outside group hold here."""

    provider = forms.CharField(label=_("Sign-in"), max_length=64)
    group = forms.CharField(label=_("Group"), max_length=255)
    role = forms.CharField(label=_("Role"), max_length=16, required=False)
    project = forms.SlugField(label=_("Project"), max_length=64, required=False)
    is_user_admin = forms.BooleanField(label=_("User administrator"), required=False)


class ClientForm(forms.Form):
    """A program that signs in by OAuth 2."""

    name = forms.CharField(label=_("Name"), max_length=128)
    scopes = forms.CharField(label=_("Scopes"), max_length=2000)
    project = forms.SlugField(label=_("Project"), max_length=64, required=False)
    jwks = forms.CharField(label=_("Public keys"), max_length=65_536, required=False)
    jwks_url = forms.URLField(
        label=_("Address of its public keys"), max_length=500, required=False, assume_scheme="https"
    )

    def clean_jwks(self) -> Any:
        """Return the keys as they are meant."""
        text = self.cleaned_data["jwks"]
        try:
            return json.loads(text) if text else None
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("That is no JSON.")) from error
