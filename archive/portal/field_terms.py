"""Terms of the field in the reader's language: body parts, structures, doors, a project."""

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
# What our own models draw, and the common names in others' segmentations, in lower case.
STRUCTURES = {
    "body": pgettext_lazy("structure", "body"),
    "bone": pgettext_lazy("structure", "bone"),
    "brain": pgettext_lazy("structure", "brain"),
    "csf": pgettext_lazy("structure", "CSF"),
    "gray matter": pgettext_lazy("structure", "grey matter"),
    "grey matter": pgettext_lazy("structure", "grey matter"),
    "heart": pgettext_lazy("structure", "heart"),
    "kidney": pgettext_lazy("structure", "kidney"),
    "liver": pgettext_lazy("structure", "liver"),
    "lung": pgettext_lazy("structure", "lung"),
    "lung nodule": pgettext_lazy("structure", "lung nodule"),
    "pancreas": pgettext_lazy("structure", "pancreas"),
    "prostate": pgettext_lazy("structure", "prostate"),
    "spleen": pgettext_lazy("structure", "spleen"),
    "tumor": pgettext_lazy("structure", "tumour"),
    "tumour": pgettext_lazy("structure", "tumour"),
    "white matter": pgettext_lazy("structure", "white matter"),
}
# Ways in and out, as the audit trail names them.
DOORS = {
    "api": "REST",
    "command": _("Command"),
    "demo": _("Demonstration"),
    "dicomweb": "DICOMweb",
    "dimse": "DICOM",
    "fetch": pgettext_lazy("door", "Fetch"),
    "fhir": "FHIR",
    "folder": _("Folder"),
    "forwarding": _("Forwarding"),
    "hl7": "HL7",
    "import": _("Import"),
    "inference": _("Models"),
    "note": _("Rejection note"),
    "portal": _("Portal"),
    "quarantine": _("Quarantine"),
    "research": _("Research"),
    "schedule": _("Schedule"),
    "system": _("System"),
    "upload": _("Upload"),
}
# The name that the project of unclaimed studies has until somebody gives it another.
PROJECTS = {"Unassigned": _("Unassigned")}
