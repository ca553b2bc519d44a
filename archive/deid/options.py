"""The options of PS3.15 E.3 as data: what stays, and what is cleaned in the place of removed."""

from __future__ import annotations

from archive.deid.types import Action, Option

# Of the column those that can't hold free text; the others are cleaned by removal.
PATIENT_CHARACTERISTICS = (
    "PatientAge",
    "PatientSex",
    "PatientSexNeutered",
    "PatientSize",
    "PatientWeight",
    "PregnancyStatus",
    "SmokingStatus",
)
_DEVICE_IDENTITY = """
    CassetteID DetectorID DeviceDescription DeviceLabel DeviceSerialNumber DeviceUID GantryID
    GeneratorID LensMake LensModel LensSerialNumber LensSpecification ManufacturerDeviceClassUID
    ManufacturerDeviceIdentifier PerformedStationAETitle
    PerformedStationGeographicLocationCodeSequence PerformedStationName
    PerformedStationNameCodeSequence PlateID ScheduledProcedureStepLocation ScheduledStationAETitle
    ScheduledStationGeographicLocationCodeSequence ScheduledStationName
    ScheduledStationNameCodeSequence ScheduledStudyLocation ScheduledStudyLocationAETitle
    SourceManufacturer SourceSerialNumber StationName TreatmentMachineName UDISequence
    UniqueDeviceIdentifier XRayDetectorID XRayDetectorLabel XRaySourceID
"""
_INSTITUTION_IDENTITY = """
    ClinicalTrialCoordinatingCenterName ClinicalTrialProtocolEthicsCommitteeName
    ClinicalTrialSiteID ClinicalTrialSiteName InstitutionAddress InstitutionCodeSequence
    InstitutionName InstitutionalDepartmentName InstitutionalDepartmentTypeCodeSequence
"""
# Short texts of technique and anatomy; comments and histories go even so.
_DESCRIPTORS = """
    AcquisitionDeviceProcessingDescription AcquisitionProtocolDescription ContrastBolusAgent
    DerivationDescription LabelText PerformedProcedureStepDescription ProtocolName ROIName
    RequestedContrastAgent RequestedProcedureDescription RequestedSeriesDescription
    RTPlanLabel ScheduledProcedureStepDescription SegmentDescription SegmentLabel
    SeriesDescription StructureSetLabel StudyDescription TreatmentSites
"""
_CONTENT = """
    AcquisitionContextSequence ContentSequence SpecimenPreparationSequence
"""

OPTION_ACTIONS: dict[Option, dict[str, Action]] = {
    Option.GRAPHICS: {
        "GraphicAnnotationSequence": Action.KEEP,
        "TextObjectSequence": Action.REMOVE,
    },
    # What is said in words goes; codes, numbers, places and references stay.
    Option.STRUCTURED_CONTENT: {
        **dict.fromkeys(_CONTENT.split(), Action.KEEP),
        "TextValue": Action.DUMMY,
    },
    Option.DESCRIPTORS: dict.fromkeys(_DESCRIPTORS.split(), Action.SAFE_WORDS),
    # The engine keeps what the table names and is a date or time; see `NEVER_KEPT_MOMENTS`.
    Option.FULL_DATES: {"TimezoneOffsetFromUTC": Action.KEEP},
    Option.PATIENT_CHARACTERISTICS: dict.fromkeys(PATIENT_CHARACTERISTICS, Action.KEEP),
    Option.DEVICE_IDENTITY: dict.fromkeys(_DEVICE_IDENTITY.split(), Action.KEEP),
    Option.INSTITUTION_IDENTITY: dict.fromkeys(_INSTITUTION_IDENTITY.split(), Action.KEEP),
    # The profile's own UIDs become kept ones; see `make_profile`.
    Option.UIDS: dict.fromkeys(
        (
            "AffectedSOPInstanceUID",
            "ReferencedPerformedProcedureStepSequence",
            "ReferencedStudySequence",
        ),
        Action.KEEP,
    ),
    Option.SAFE_PRIVATE: {},
}
# A signature over what was changed is worth nothing.
UIDS_NEVER_KEPT = frozenset({"DigitalSignatureUID"})

# Birth and death stay out although the dates of the examination stay.
NEVER_KEPT_MOMENTS = frozenset(
    {
        "PatientBirthDate",
        "PatientBirthDateInAlternativeCalendar",
        "PatientBirthTime",
        "PatientDeathDateInAlternativeCalendar",
    }
)
