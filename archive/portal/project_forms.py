"""Forms of projects and roles."""

from __future__ import annotations

from datetime import datetime, time

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ProjectForm(forms.Form):
    """A project's name, and what lies in it."""

    name = forms.CharField(max_length=128)
    is_deidentified = forms.BooleanField(required=False)


class RoleForm(forms.Form):
    """Who gets which role where, and until when; no project means every one."""

    username = forms.CharField(max_length=150)
    role = forms.CharField(max_length=16)
    project = forms.SlugField(max_length=64, required=False)
    until = forms.DateField(
        required=False, error_messages={"invalid": _("The last day is a date: 2027-01-31.")}
    )

    def expires_at(self) -> datetime | None:
        """Return the end of the last day, in the site's time zone."""
        day = self.cleaned_data["until"]
        return timezone.make_aware(datetime.combine(day, time.max)) if day else None
