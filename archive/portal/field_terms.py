"""Terms of the field in the reader's language: body parts, doors, the project of what has none."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# Defined Terms of Body Part Examined (PS3.16 Annex L) that are common; others stay as they are.
BODY_PARTS = {
    "ABDOMEN": pgettext_lazy("body part", "Abdomen"),
    "ANKLE": pgettext_lazy("body part", "Ankle"),
    "BRAIN": pgettext_lazy("body part", "Brain"),
    "BREAST": pgettext_lazy("body part", "Breast"),
    "CHEST": pgettext_lazy("body part", "Chest"),
    "ELBOW": pgettext_lazy("body part", "Elbow"),
    "EXTREMITY": pgettext_lazy("body part", "Extremity"),
    "FOOT": pgettext_lazy("body part", "Foot"),
    "HAND": pgettext_lazy("body part", "Hand"),
    "HEAD": pgettext_lazy("body part", "Head"),
    "HEART": pgettext_lazy("body part", "Heart"),
    "HIP": pgettext_lazy("body part", "Hip"),
    "KIDNEY": pgettext_lazy("body part", "Kidney"),
    "KNEE": pgettext_lazy("body part", "Knee"),
    "LIVER": pgettext_lazy("body part", "Liver"),
    "LUNG": pgettext_lazy("body part", "Lung"),
    "NECK": pgettext_lazy("body part", "Neck"),
    "PELVIS": pgettext_lazy("body part", "Pelvis"),
    "PROSTATE": pgettext_lazy("body part", "Prostate"),
    "SHOULDER": pgettext_lazy("body part", "Shoulder"),
    "SKULL": pgettext_lazy("body part", "Skull"),
    "SPINE": pgettext_lazy("body part", "Spine"),
    "WRIST": pgettext_lazy("body part", "Wrist"),
}
# Ways in and out, as the audit trail names them.
DOORS = {
    "api": "REST",
    "command": _("Command"),
    "dicomweb": "DICOMweb",
    "dimse": "DICOM",
    "fhir": "FHIR",
    "folder": _("Folder"),
    "hl7": "HL7",
    "import": _("Import"),
    "inference": _("Models"),
    "portal": _("Portal"),
    "quarantine": _("Quarantine"),
    "schedule": _("Schedule"),
    "system": _("System"),
    "upload": _("Upload"),
}
# The name that the project of unclaimed studies has until somebody gives it another.
PROJECTS = {"Unassigned": _("Unassigned")}
