"""A peer as its page takes it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from archive.forwarding.peers import PeerValues

if TYPE_CHECKING:
    from archive.models import Peer

PROTOCOLS = (("dimse", "DICOM (DIMSE)"), ("dicomweb", "DICOMweb"))
KEEP, NONE, BASIC, BEARER = "keep", "none", "basic", "bearer"
SYNTAXES = (
    ("1.2.840.10008.1.2.1", "Explicit VR Little Endian"),
    ("1.2.840.10008.1.2", "Implicit VR Little Endian"),
    ("1.2.840.10008.1.2.4.90", "JPEG 2000 lossless"),
    ("1.2.840.10008.1.2.4.80", "JPEG-LS lossless"),
    ("1.2.840.10008.1.2.4.201", "HTJ2K lossless"),
    ("1.2.840.10008.1.2.5", "RLE lossless"),
)


class PeerForm(forms.Form):
    """What is known of a peer."""

    protocol = forms.ChoiceField(choices=PROTOCOLS)
    ae_title = forms.CharField(label=_("AE title"), max_length=16, strip=True)
    description = forms.CharField(max_length=128, required=False)
    address = forms.CharField(max_length=64, required=False)
    host = forms.CharField(max_length=255, required=False)
    port = forms.IntegerField(min_value=1, max_value=65535, required=False)
    base_url = forms.CharField(label=_("Base URL"), max_length=200, required=False)
    project = forms.CharField(max_length=64, required=False)
    account = forms.CharField(max_length=150, required=False)
    may_store = forms.BooleanField(required=False)
    may_query = forms.BooleanField(required=False)
    may_retrieve = forms.BooleanField(required=False)
    is_move_destination = forms.BooleanField(required=False)
    transfer_syntaxes = forms.MultipleChoiceField(choices=SYNTAXES, required=False)
    uses_tls = forms.BooleanField(required=False)
    certificate_authority = forms.CharField(max_length=20_000, required=False)
    credentials = forms.ChoiceField(
        choices=((KEEP, KEEP), (NONE, NONE), (BASIC, BASIC), (BEARER, BEARER)), required=False
    )
    user_name = forms.CharField(max_length=150, required=False)
    secret = forms.CharField(max_length=2000, required=False, strip=False)
    is_enabled = forms.BooleanField(required=False)

    def values(self) -> PeerValues:
        """Return the peer; the form is valid."""
        held = self.cleaned_data
        own = ("credentials", "user_name", "secret", "transfer_syntaxes")
        plain = {key: value for key, value in held.items() if key not in own}
        return PeerValues(
            **plain,
            transfer_syntaxes=tuple(held["transfer_syntaxes"]),
            authorization=self._authorization(),
        )

    def _authorization(self) -> str | None:
        held = self.cleaned_data
        kind = held["credentials"] or KEEP
        if kind == BASIC:
            pair = f"{held['user_name']}:{held['secret']}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        if kind == BEARER:
            return f"Bearer {held['secret'].strip()}"
        return None if kind == KEEP else ""


def initial_of(peer: Peer) -> dict[str, Any]:
    """Return a registered peer as the form's first content; its secret never comes back."""
    plain = (
        "protocol", "ae_title", "description", "address", "host", "port", "base_url", "may_store",
        "may_query", "may_retrieve", "is_move_destination", "transfer_syntaxes", "uses_tls",
        "certificate_authority", "is_enabled",
    )  # fmt: skip
    return {
        **{name: getattr(peer, name) for name in plain},
        "project": peer.project.slug if peer.project else "",
        "account": peer.account.get_username() if peer.account else "",
        "credentials": KEEP,
    }
