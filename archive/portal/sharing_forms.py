"""Forms of sharing, emergencies and the audit trail."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from archive.access.audit_search import AuditFilters
from archive.dicom.uids import is_valid_uid
from archive.portal.act_words import EVENT_WORDS


class GrantForm(forms.Form):
    """To whom, for how long, and why."""

    username = forms.CharField(label=_("Account"), max_length=150)
    days = forms.IntegerField(label=_("Days"), min_value=1, max_value=365, required=False)
    reason = forms.CharField(label=_("Why"), max_length=500, required=False)


class LinkForm(forms.Form):
    """For how long, with which password, and whether files may be taken."""

    days = forms.IntegerField(label=_("Days"), min_value=1, initial=7)
    password = forms.CharField(label=_("Password"), min_length=8, max_length=128, required=False)
    note = forms.CharField(label=_("For whom"), max_length=255, required=False)
    may_download = forms.BooleanField(label=_("Files may be downloaded"), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        most = settings.TWINSIGHT_SHARE_LINK_DAYS
        self.fields["days"].widget.attrs["max"] = most
        self.fields["days"].initial = min(7, most)


class EmergencyForm(forms.Form):
    """Whose images, and why."""

    patient_id = forms.CharField(label=_("Patient ID"), max_length=64)
    issuer = forms.CharField(label=_("Issuer of it"), max_length=64, required=False)
    reason = forms.CharField(label=_("Why"), max_length=500, min_length=10)


class ReviewForm(forms.Form):
    """What the reviewer thinks."""

    verdict = forms.ChoiceField(choices=(("right", _("Justified")), ("wrong", _("Not justified"))))
    note = forms.CharField(max_length=500, required=False)


class AuditForm(forms.Form):
    """What is looked for in the audit trail."""

    first_day = forms.DateField(label=pgettext_lazy("range", "From"), required=False)
    last_day = forms.DateField(label=pgettext_lazy("range", "To"), required=False)
    user = forms.CharField(label=_("Account"), max_length=150, required=False)
    act = forms.CharField(label=_("Act"), max_length=40, required=False)
    event_id = forms.ChoiceField(label=_("Kind"), required=False)
    study = forms.CharField(label=_("Study UID"), max_length=64, required=False)
    address = forms.GenericIPAddressField(label=_("Address"), required=False)
    outcome = forms.ChoiceField(label=_("Outcome"), required=False)
    before = forms.IntegerField(min_value=1, max_value=2**62, required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["event_id"].choices = [("", _("Any")), *EVENT_WORDS.items()]  # type: ignore[attr-defined]
        self.fields["outcome"].choices = [  # type: ignore[attr-defined]
            ("", _("Any")),
            ("done", _("Done")),
            ("refused", _("Refused or failed")),
        ]

    def clean_study(self) -> str:
        """Return a UID, or nothing."""
        study = str(self.cleaned_data["study"]).strip()
        if study and not is_valid_uid(study):
            raise forms.ValidationError(_("This is no UID."))
        return study

    def filters(self) -> AuditFilters:
        """Return what was asked."""
        said = {name: value for name, value in self.cleaned_data.items() if name != "before"}
        return AuditFilters(**said)
