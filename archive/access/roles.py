"""Roles in words, as people choose among them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from archive.models.access import Role

# Role, its name, and what its holder may.
ROLE_WORDS = (
    (Role.VIEWER.value, _("Viewer"), _("Looks at studies and results.")),
    (Role.CLINICIAN.value, _("Clinician"), _("Also stores, labels, reviews and runs models.")),
    (Role.ANNOTATOR.value, _("Annotator"), _("Looks and labels.")),
    (
        Role.RADIOLOGY_ADMIN.value,
        _("Radiology admin"),
        _("Also corrects, deletes, and gives roles in the project."),
    ),
    (Role.RESEARCHER.value, _("Researcher"), _("Sees studies without identity alone.")),
    (Role.AUDITOR.value, _("Auditor"), _("Reads the audit trail, and no images.")),
    (Role.SYSTEM.value, _("System"), _("A program: stores, and reads all of the project.")),
)
